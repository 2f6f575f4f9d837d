"""Clients for everybody: what they may reach, how long they may take, and who sees the token."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.foundation.errors import OffGridError, RefusedError
from offgrid_tui.network.access import HUB, NetworkAccess
from offgrid_tui.network.errors import BadAnswer, BadSetting, NetworkError, TooLarge, TooSlow, Unreachable
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import NetworkSettings
from tests.support.hub import Fault, LoopbackHub

SECRET = "hf_averysecrettoken"
CERTIFICATE = Path(__file__).parent.parent / "support" / "loopback.pem"


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        running.tokens.add(SECRET)
        running.add("org/m-GGUF", {"m-Q4_0.gguf": b"GGUF" * 1000, "README.md": b"read me"})
        yield running


def _access(env: dict[str, str] | None = None, **settings: Any) -> NetworkAccess:
    chosen = NetworkSettings(**{"timeout": 2.0, "deadline": 5.0, **settings})
    return NetworkAccess(NetworkPolicy(chosen), chosen, env=env if env is not None else {"HOME": "/nonexistent"})


def _get(access: NetworkAccess, url: str, **bounds: Any) -> Any:
    with access.client(access.bounds("read a page", **bounds)) as client:
        return client.get(url)


# ── where to ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_off_the_grid_no_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args) or [])
    access = _access(offgrid=True)
    with pytest.raises(RefusedError) as caught:
        _get(access, "https://hub.example/api")
    assert asked == []
    assert "read a page" in caught.value.detail and "hub.example" in caught.value.detail
    assert [(c.host, c.allowed) for c in access.policy.ledger] == [("hub.example", False)]


def test_off_the_grid_a_redirect_does_not_lead_out(hub: LoopbackHub) -> None:
    hub.misbehave(Fault.REDIRECT, target="https://cdn.example/file?Signature=s3cret")
    access = _access(offgrid=True)
    with pytest.raises(RefusedError):
        _get(access, f"{hub.url}/org/m-GGUF/resolve/main/m-Q4_0.gguf")
    assert [(c.host, c.allowed) for c in access.policy.ledger] == [("127.0.0.1", True), ("cdn.example", False)]


def test_each_hop_is_in_the_ledger(hub: LoopbackHub) -> None:
    access = _access()
    assert _get(access, f"{hub.url}/org/m-GGUF/resolve/main/m-Q4_0.gguf").content == b"GGUF" * 1000
    assert [c.host for c in access.policy.ledger] == ["127.0.0.1", "127.0.0.1"]  # the hub, its CDN
    assert [request.server for request in hub.requests] == ["hub", "cdn"]


@pytest.mark.parametrize("url", ["ftp://example/x", "file:///etc/passwd", "http:///x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises((OffGridError, ValueError)) as caught:
        _get(_access(), url)
    assert not isinstance(caught.value, NetworkError) or "passwd" not in str(caught.value)


def test_a_redirect_to_a_file_is_refused(hub: LoopbackHub) -> None:
    hub.misbehave(Fault.REDIRECT, target="file:///etc/passwd")
    with pytest.raises(BadAnswer):
        _get(_access(), hub.url)


def test_the_address_of_the_hub() -> None:
    assert _access().hub == HUB
    assert _access({"HF_ENDPOINT": "https://mirror.example/"}).hub == "https://mirror.example"
    assert _access({"HF_ENDPOINT": "https://a.example"}, hub="b.example/hf").hub == "https://b.example/hf"
    for bad in ("ftp://x", "https://", "https://user:word@x", "https://x\x1b", "https://x:99999", "https://x/?a"):
        with pytest.raises(BadSetting) as caught:
            _ = _access(hub=bad).hub
        assert "word" not in caught.value.detail.replace("password", "")


# ── how long, how much ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.BLACK_HOLE, TooSlow),
        (Fault.TRICKLE, TooSlow),
        (Fault.ENDLESS, TooLarge),
        (Fault.DROP, BadAnswer),
    ],
)
def test_what_a_server_may_not_do(hub: LoopbackHub, fault: Fault, error: type[Exception]) -> None:
    path = "/org/m-GGUF/resolve/main/m-Q4_0.gguf" if fault is Fault.DROP else "/api/models"
    hub.misbehave(fault, server="cdn" if fault is Fault.DROP else "hub")
    with pytest.raises(error):
        _get(_access(timeout=0.3), hub.url + path, seconds=0.6, largest=2**20)


def test_no_time_is_left_before_it_begins(hub: LoopbackHub) -> None:
    access = _access()
    with access.client(access.bounds("x", seconds=0.0)) as client, pytest.raises(TooSlow):
        client.get(hub.url)
    assert hub.requests == []


def test_why_nobody_answers() -> None:
    with LoopbackHub() as gone:
        url = gone.url
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1 can't be reached") as caught:
        _get(_access(), url)
    assert caught.value.detail == "It takes no connections."
    with pytest.raises(Unreachable) as caught:
        _get(_access(), "http://no-such-name.invalid/")
    assert caught.value.detail == "Its name is not known here."


def test_a_black_hole_does_not_keep_the_program_from_ending(hub: LoopbackHub) -> None:
    """Quitting in the middle of a call that no deadline has ended yet."""
    hub.misbehave(Fault.BLACK_HOLE)
    script = """
import asyncio, sys
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.huggingface import hub_api
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import NetworkSettings
settings = NetworkSettings(hub=sys.argv[1], timeout=500.0, deadline=500.0)
access = NetworkAccess(NetworkPolicy(settings), settings)
def ask():
    with hub_api(access, access.bounds("x")) as api:
        api.model_info("org/m-GGUF")
async def main():
    task = asyncio.create_task(access.calls.run(ask, 500, RuntimeError))
    while not access.calls.running:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    task.cancel()
    await asyncio.to_thread(access.close)
asyncio.run(main())
print("ended")
"""
    done = subprocess.run([sys.executable, "-c", script, hub.url], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


# ── the token ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_token_goes_to_the_hub_alone(hub: LoopbackHub) -> None:
    access = _access(hub=hub.url, hub_token=SECRET)
    _get(access, f"{hub.url}/org/m-GGUF/resolve/main/m-Q4_0.gguf")
    assert [(r.server, r.authorization) for r in hub.requests] == [("hub", f"Bearer {SECRET}"), ("cdn", None)]
    with LoopbackHub() as other:
        other.misbehave(Fault.REDIRECT, target=f"{hub.url}/api/models")
        with access.client(access.bounds("x")) as client:  # even where a caller would send it along
            client.get(other.url, headers={"Authorization": f"Bearer {SECRET}", "Cookie": "a=b"})
        assert other.requests[0].authorization is None
        assert "cookie" not in other.requests[0].headers


def test_a_next_page_elsewhere_does_not_get_the_token(hub: LoopbackHub) -> None:
    from offgrid_tui.network.huggingface import hub_api

    access = _access(hub=hub.url, hub_token=SECRET)
    hub.add("org/n-GGUF", {"n-Q4_0.gguf": b"x"})
    hub.page = 1
    with LoopbackHub() as thief:
        hub.url = thief.url  # the Link header names the thief from here on
        with hub_api(access, access.bounds("x")) as api:
            assert len(list(api.list_models(filter="gguf", sort="likes"))) == 1
        assert [request.authorization for request in thief.requests] == [None]
    assert [request.authorization for request in hub.requests] == [f"Bearer {SECRET}"]


def test_no_token_over_plain_http_to_another_machine(hub: LoopbackHub) -> None:
    # The proxy is the hub itself, so that the name need not exist; it sees what would be on the wire.
    access = _access(hub="http://hub.invalid", hub_token=SECRET, proxy=hub.url)
    _get(access, "http://hub.invalid/api/models")
    assert [(r.proxied, r.authorization) for r in hub.requests] == [(True, None)]


def test_nobody_sees_the_token(hub: LoopbackHub, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    from offgrid_tui.network.huggingface import hub_api

    caplog.set_level(logging.DEBUG)
    access = _access(hub=hub.url, hub_token=SECRET, proxy=f"http://me:{SECRET}@127.0.0.1:1")
    said = [repr(access.token()), str(access.token()), repr(NetworkSettings(hub_token=SECRET, proxy=SECRET))]
    for fault in (None, Fault.GARBAGE, Fault.REFUSE, Fault.BLACK_HOLE):
        hub.behave()
        if fault is not None:
            hub.misbehave(fault)
        try:
            with hub_api(access, access.bounds("x", seconds=0.5)) as api:
                said.append(repr(api.model_info("org/m-GGUF")) + repr(vars(api)))
        except Exception as error:
            said.append(repr(error) + str(error))
    assert hub.requests[0].authorization == f"Bearer {SECRET}"
    with pytest.raises(OffGridError) as caught:
        _get(access, "https://elsewhere.invalid/")
    said += [str(caught.value), repr(caught.value), caplog.text, *capfd.readouterr()]
    assert SECRET not in "".join(said)


def test_where_a_token_is_looked_for(tmp_path: Path) -> None:
    def token(env: dict[str, str], **settings: Any) -> tuple[str, str] | None:
        found = _access({"HOME": str(tmp_path), **env}, **settings).token()
        return None if found is None else (found.value, found.source)

    assert token({}) is None
    login = tmp_path / ".cache" / "huggingface" / "token"
    login.parent.mkdir(parents=True)
    login.write_text("hf_login\n")
    assert token({}) == ("hf_login", "hf auth login")
    for name in ("HF_HOME", "HF_TOKEN_PATH", "XDG_CACHE_HOME"):
        place = tmp_path / name
        file = {"HF_HOME": place / "token", "HF_TOKEN_PATH": place}.get(name, place / "huggingface" / "token")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"hf_{name}")
        assert token({name: str(place)}) == (f"hf_{name}", "hf auth login")
    assert token({"HF_TOKEN": " hf_env "}) == ("hf_env", "HF_TOKEN")
    assert token({"HF_TOKEN": "hf_env"}, hub_token="hf_ours") == ("hf_ours", "network.hub_token")
    for bad in ("two words", "line\nInjected: yes", "ü" * 20, "x" * 600):
        with pytest.raises(BadSetting) as caught:
            token({"HF_TOKEN": bad})
        assert bad not in str(caught.value)


# ── proxies and certificates ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["setting", "HTTP_PROXY", "all_proxy"])
def test_a_proxy(hub: LoopbackHub, how: str) -> None:
    env = {} if how == "setting" else {how: hub.url}
    access = _access(env, proxy=hub.url if how == "setting" else None)
    _get(access, "http://far.invalid/api/models")
    _get(access, f"{hub.url}/api/models")  # this machine is spoken to directly
    assert [r.proxied for r in hub.requests] == [True, False]
    assert [c.host for c in access.policy.ledger] == ["far.invalid", "127.0.0.1", "127.0.0.1"]


def test_off_the_grid_a_proxy_here_leads_nowhere(hub: LoopbackHub) -> None:
    with pytest.raises(RefusedError):
        _get(_access(offgrid=True, proxy=hub.url), "http://far.invalid/")
    assert hub.requests == []


def test_a_certificate_of_ones_own() -> None:
    with LoopbackHub(tls=CERTIFICATE) as hub:
        with pytest.raises(Unreachable) as caught:
            _get(_access(), f"{hub.url}/api/models")
        assert "certificate is not trusted" in caught.value.detail
        assert "network.ca_file" in caught.value.mend
        assert _get(_access(ca_file=str(CERTIFICATE)), f"{hub.url}/api/models").json() == []
        assert _get(_access({"REQUESTS_CA_BUNDLE": str(CERTIFICATE)}), f"{hub.url}/api/models").json() == []


def test_a_file_of_certificates_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("nothing")
    for path in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(BadSetting, match=r"network\.ca_file can't be used"):
            _get(_access(ca_file=str(path)), "https://127.0.0.1:1/")


# ── the library ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_library_speaks_through_us_alone(hub: LoopbackHub) -> None:
    from huggingface_hub import HfApi, constants, get_session

    from offgrid_tui.network.huggingface import hub_api

    access = _access(hub=hub.url)
    with hub_api(access, access.bounds("look")) as api:
        assert api.model_info("org/m-GGUF").id == "org/m-GGUF"
    assert constants.HF_HUB_DISABLE_TELEMETRY
    with pytest.raises(RefusedError):
        HfApi(endpoint=hub.url).model_info("org/m-GGUF")
    with pytest.raises(RefusedError):
        get_session().get(hub.url)
    assert len(hub.requests) == 1
    assert [(c.purpose, c.host) for c in access.policy.ledger] == [("look", "127.0.0.1")]


def test_two_accesses_do_not_mix(hub: LoopbackHub) -> None:
    from offgrid_tui.network.huggingface import hub_api

    with LoopbackHub() as other:
        other.add("org/o-GGUF", {"o-Q4_0.gguf": b"x"})
        one, two = _access(hub=hub.url), _access(hub=other.url)
        with hub_api(one, one.bounds("one")) as api:
            assert api.model_info("org/m-GGUF").id == "org/m-GGUF"
        with hub_api(two, two.bounds("two")) as api:
            assert api.model_info("org/o-GGUF").id == "org/o-GGUF"
        assert len(one.policy.ledger) == len(two.policy.ledger) == 1
