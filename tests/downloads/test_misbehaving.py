"""Servers and lines that do what they should not: what arrives is right, or it is refused with the reason."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from offgrid_tui.catalog.model import CatalogFile, Variant
from offgrid_tui.downloads.contract import Patience
from offgrid_tui.downloads.events import DownloadChanged, DownloadProgressed
from offgrid_tui.downloads.model import Download, DownloadState, Waiting
from offgrid_tui.foundation.errors import ExitCode, RefusedError
from offgrid_tui.library.model import Check
from offgrid_tui.system.paths import Paths
from tests.downloads.downloads_desk import (
    REPOSITORY,
    Bench,
    fetched,
    settings_for,
    tiny,
    until,
    variant_of,
    without_sizes,
)
from tests.support.hub import Fault, LoopbackHub

NAME = "tiny-Q4_0.gguf"
CERTIFICATE = Path(__file__).parent.parent / "support" / "loopback.pem"
AFTER = 200_000  # bytes that come before something goes wrong


@pytest.fixture
def files(hub: LoopbackHub, tmp_path: Path) -> dict[str, bytes]:
    made = tiny(tmp_path)
    hub.add(REPOSITORY, made)
    return made


async def _arrive(
    home: Paths, hub: LoopbackHub, variant: Variant, **settings: Any
) -> tuple[Download, list[Any], Bench]:
    async with Bench(home, settings_for(hub, **settings)) as bench:
        done = await bench.get(variant)
        if done.state is DownloadState.INSTALLED:
            [model] = bench.library.models
            assert hashlib.sha256(model.path.read_bytes()).hexdigest() == model.files[0].sha256
        shown = [event.progress.done for event in bench.events(DownloadProgressed)]
        assert shown == sorted(shown)
        return done, bench.told, bench


# ── the line ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_broken_connection_is_gone_on_with_where_it_broke(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    hub.misbehave(Fault.DROP, server="cdn", times=2, after=AFTER)
    done, _, bench = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.INSTALLED
    assert fetched(hub) == ["", f"bytes={AFTER}-", f"bytes={2 * AFTER}-"]
    assert bench.library.models[0].check is Check.VERIFIED


async def test_silence_is_noticed(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    hub.misbehave(Fault.STALL, server="cdn", times=1, after=AFTER)
    done, _, _ = await _arrive(home, hub, variant_of(hub, files), network={"timeout": 0.3})
    assert done.state is DownloadState.INSTALLED
    assert fetched(hub) == ["", f"bytes={AFTER}-"]


async def test_a_line_over_which_next_to_nothing_comes_is_tried_anew(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    hub.misbehave(Fault.CRAWL, server="cdn", times=1, after=AFTER)
    done, told, _ = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.INSTALLED
    waits = [e.download.problem for e in told if isinstance(e, DownloadChanged) and e.download.waiting]
    assert any("nearly stopped" in problem.title for problem in waits)
    assert len(fetched(hub)) == 2


async def test_waiting_for_the_network_ends_by_itself(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    variant, settings = variant_of(hub, files), settings_for(hub, network={"hub": f"http://127.0.0.1:{port}"})
    async with Bench(home, settings) as bench:
        added = await bench.downloads.get(variant)
        waiting = await bench.until(added.id, DownloadState.WAITING)
        assert waiting.waiting is Waiting.NETWORK and waiting.problem is not None
        assert "can't be reached" in waiting.problem.title and waiting.problem.mend
        server = await asyncio.start_server(_forward(urlsplit(hub.url).port), "127.0.0.1", port)
        done = (await bench.downloads.ended([added.id]))[0]
        assert done.state is DownloadState.INSTALLED
        server.close()


def _forward(port: int | None):  # type: ignore[no-untyped-def]
    """A server that hands everything on to `port`: a network that comes back."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    return serve


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_expired_link_is_asked_for_again_at_the_same_offset(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    hub.misbehave(Fault.DROP, server="cdn", times=1, after=AFTER)
    hub.misbehave(Fault.REFUSE, server="cdn", times=1)
    done, _, _ = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.INSTALLED
    assert fetched(hub) == ["", f"bytes={AFTER}-", f"bytes={AFTER}-"]
    assert len(hub.asked("/resolve/")) == 2


async def test_the_token_goes_to_the_hub_alone(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    secret = "hf_averysecrettoken"
    hub.tokens.add(secret)
    hub.repositories[REPOSITORY].gated = "auto"
    hub.repositories[REPOSITORY].readers = frozenset({secret})
    done, _, _ = await _arrive(home, hub, variant_of(hub, files), network={"hub_token": secret})
    assert done.state is DownloadState.INSTALLED
    assert {request.authorization for request in hub.asked("", server="hub")} == {f"Bearer {secret}"}
    assert {request.authorization for request in hub.asked("", server="cdn")} == {None}
    for path in (*home.data.rglob("*"), *home.state.rglob("*")):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


async def test_a_hub_of_ones_own_behind_tls(home: Paths, tmp_path: Path) -> None:
    with LoopbackHub(tls=CERTIFICATE) as hub:
        files = tiny(tmp_path)
        hub.add(REPOSITORY, files)
        done, _, bench = await _arrive(home, hub, variant_of(hub, files), network={"ca_file": str(CERTIFICATE)})
        assert done.state is DownloadState.INSTALLED
        assert [contact.host for contact in bench.access.policy.ledger] == ["127.0.0.1"] * 2  # asked for, and begun


async def test_a_gated_repository_says_what_to_do(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    hub.repositories[REPOSITORY].gated = "auto"
    done, _, _ = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.FAILED and done.problem is not None
    assert "gated" in done.problem.title and f"{hub.url}/{REPOSITORY}" in done.problem.mend
    assert done.problem.code == ExitCode.REFUSED


# ── ranges and lengths ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_whole_instead_of_a_range_starts_over(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    hub.misbehave(Fault.DROP, server="cdn", times=1, after=AFTER)
    hub.misbehave(Fault.NO_RANGES, server="cdn", times=1)
    done, _, _ = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.INSTALLED
    assert fetched(hub) == ["", f"bytes={AFTER}-"]


@pytest.mark.parametrize("times", [1, 3])
async def test_another_range_than_was_asked_for_is_not_taken(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], times: int
) -> None:
    hub.misbehave(Fault.DROP, server="cdn", times=1, after=AFTER)
    hub.misbehave(Fault.OTHER_RANGE, server="cdn", times=times)
    done, _, _ = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.INSTALLED


async def test_a_wrong_length_is_not_taken(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    hub.misbehave(Fault.OTHER_LENGTH, server="cdn", times=2)
    done, _, _ = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.INSTALLED
    assert len(fetched(hub)) == 3


async def test_a_length_that_stays_wrong_ends_it(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    hub.misbehave(Fault.OTHER_LENGTH, server="cdn")
    done, _, bench = await _arrive(home, hub, variant_of(hub, files))
    size = len(files[NAME])
    assert done.state is DownloadState.FAILED and done.problem is not None
    assert f"{size} bytes" in done.problem.detail and f"{size + 7} bytes" in done.problem.detail
    assert not bench.library.models


async def test_more_than_was_said_is_a_broken_answer_where_no_length_is_known(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    """The body ends before the length that was said: no short file is ever taken for whole."""
    hub.misbehave(Fault.OTHER_LENGTH, server="cdn", times=1)
    done, _, bench = await _arrive(home, hub, _by_address(hub))
    assert done.state is DownloadState.INSTALLED
    assert bench.library.models[0].size == len(files[NAME])


@pytest.mark.parametrize("sizes", [True, False])
async def test_a_body_without_end_is_thrown_away(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], sizes: bool
) -> None:
    hub.misbehave(Fault.ENDLESS, server="cdn", times=1)
    variant = variant_of(hub, files) if sizes else without_sizes(variant_of(hub, files))
    done, _, _ = await _arrive(home, hub, variant)
    assert done.state is DownloadState.INSTALLED
    assert fetched(hub) == ["", ""]


async def test_a_page_that_stands_in_the_way_is_thrown_away(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    """A captive portal's page: 200, no length, shorter than the file. Nothing of it stays in the part."""
    hub.misbehave(Fault.PORTAL, server="cdn", times=2)
    done, _, _ = await _arrive(home, hub, variant_of(hub, files))
    assert done.state is DownloadState.INSTALLED
    assert fetched(hub) == ["", "", ""]


# ── what the bytes are ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_hash_is_kept_aside_and_named(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    hub.misbehave(Fault.FLIP, server="cdn", times=1)
    data = files[NAME]
    wrong = hashlib.sha256(bytes([data[0] ^ 1]) + data[1:]).hexdigest()
    async with Bench(home, settings_for(hub)) as bench:
        done = await bench.get(variant_of(hub, files))
        assert done.state is DownloadState.FAILED and done.problem is not None
        assert hashlib.sha256(data).hexdigest() in done.problem.detail and wrong in done.problem.detail
        [bad] = (home.models / ".incoming").rglob("*.bad")
        assert str(bad) in done.problem.detail and hashlib.sha256(bad.read_bytes()).hexdigest() == wrong
        assert not bench.library.models and not list(home.models.rglob("*.gguf"))
        await bench.downloads.retry(done.id)
        assert (await bench.downloads.ended([done.id]))[0].state is DownloadState.INSTALLED


async def test_what_was_replaced_upstream_is_refused_with_both_hashes(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    variant = replace(variant_of(hub, files), revision=None)
    other = tiny(tmp_path, seed=2)[NAME]
    hub.replace(REPOSITORY, NAME, other)
    done, _, bench = await _arrive(home, hub, variant)
    assert done.state is DownloadState.FAILED and done.problem is not None
    assert "replaced upstream" in done.problem.title
    for data in (files[NAME], other):
        assert hashlib.sha256(data).hexdigest() in done.problem.detail
    assert fetched(hub) == [] and not bench.library.models


async def test_the_pinned_commit_is_fetched_and_not_what_is_newest(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    variant = variant_of(hub, files)
    hub.replace(REPOSITORY, NAME, tiny(tmp_path, seed=2)[NAME])
    done, _, bench = await _arrive(home, hub, variant)
    assert done.state is DownloadState.INSTALLED
    [model] = bench.library.models
    assert (model.files[0].sha256, model.revision) == (variant.files[0].sha256, variant.revision)


async def test_a_commit_that_is_gone_is_said(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    done, _, _ = await _arrive(home, hub, replace(variant_of(hub, files), revision="f" * 40))
    assert done.state is DownloadState.FAILED and done.problem is not None
    assert "has no revision" in done.problem.title


async def test_commit_and_hash_are_pinned_by_the_first_answer(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    """A catalog that knows neither: the hub's first word counts, also where `main` moves on meanwhile."""
    head = hub.repositories[REPOSITORY].head
    hub.misbehave(Fault.DROP, server="cdn", times=1, after=AFTER)
    variant = replace(without_sizes(variant_of(hub, files)), revision=None)
    async with Bench(home, settings_for(hub, limit=0.4)) as bench:
        added = await bench.downloads.get(variant)
        await until(lambda: bench.downloads.download(added.id).revision)
        await bench.downloads.pause(added.id)
        hub.replace(REPOSITORY, NAME, tiny(tmp_path, seed=2)[NAME])
        bench.downloads.limit = None
        await bench.downloads.resume(added.id)
        done = (await bench.downloads.ended([added.id]))[0]
        assert done.state is DownloadState.INSTALLED
        [model] = bench.library.models
        assert (model.revision, model.check) == (head, Check.VERIFIED)
        assert model.path.read_bytes() == files[NAME]


async def test_all_parts_are_of_the_commit_that_the_first_was_of(home: Paths, hub: LoopbackHub, tmp_path: Path) -> None:
    parts = tiny(tmp_path, kib=600, tensors=6, split=2)
    hub.add("acme/Parts-GGUF", parts)
    variant = replace(without_sizes(variant_of(hub, parts, repository="acme/Parts-GGUF")), revision=None)
    last = list(parts)[-1]
    async with Bench(home, settings_for(hub, limit=0.3)) as bench:
        added = await bench.downloads.get(variant)
        await until(lambda: bench.downloads.progress(added.id).done > 50_000)
        hub.replace("acme/Parts-GGUF", last, parts[last][:-1] + bytes([parts[last][-1] ^ 1]))
        bench.downloads.limit = None
        done = (await bench.downloads.ended([added.id]))[0]
        assert (done.state, done.problem) == (DownloadState.INSTALLED, None)
        assert {file.path.name: file.path.read_bytes() for file in bench.library.models[0].files} == parts


async def test_a_file_that_changes_while_it_comes_is_taken_whole_as_it_is_now(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    other = tiny(tmp_path, seed=2)[NAME]
    hub.misbehave(Fault.DROP, server="cdn", times=1, after=AFTER)
    async with Bench(home, settings_for(hub), patience=Patience(base=600.0, longest=600.0, tell=0.02)) as bench:
        added = await bench.downloads.get(_by_address(hub))
        await bench.until(added.id, DownloadState.WAITING)
        hub.replace(REPOSITORY, NAME, other)
        await bench.downloads.resume(added.id)
        done = (await bench.downloads.ended([added.id]))[0]
        assert done.state is DownloadState.INSTALLED
        assert bench.library.models[0].path.read_bytes() == other


async def test_without_a_known_hash_it_is_unverified(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    done, _, bench = await _arrive(home, hub, _by_address(hub))
    assert done.state is DownloadState.INSTALLED
    [model] = bench.library.models
    assert model.check is Check.UNVERIFIED
    assert model.files[0].sha256 == hashlib.sha256(files[NAME]).hexdigest()


async def test_what_is_no_model_is_not_installed(home: Paths, hub: LoopbackHub) -> None:
    junk = {NAME: b"<html>" * 10_000}
    hub.add(REPOSITORY, junk)
    done, _, bench = await _arrive(home, hub, variant_of(hub, junk))
    assert done.state is DownloadState.FAILED and done.problem is not None
    assert "can't be used as a model" in done.problem.title
    assert not bench.library.models and not list(home.models.rglob("*.gguf"))


def _by_address(hub: LoopbackHub) -> Variant:
    address = f"{hub.url}/{REPOSITORY}/resolve/main/{NAME}"
    return Variant("", "", (CatalogFile(NAME, None, None, url=address),))


# ── asked to wait, or not to ask at all ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("fault", "why"), [(Fault.RATE_LIMIT, Waiting.REST), (Fault.BUSY, Waiting.NETWORK)])
async def test_a_server_that_wants_to_be_left_alone_is(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], fault: Fault, why: Waiting
) -> None:
    hub.misbehave(fault, path="/resolve/", times=1, wait=600)
    async with Bench(home, settings_for(hub)) as bench:
        added = await bench.downloads.get(variant_of(hub, files))
        waiting = await bench.until(added.id, DownloadState.WAITING)
        assert waiting.waiting is why and len(hub.requests) == 1
        await bench.downloads.resume(added.id)  # a person may be more impatient
        assert (await bench.downloads.ended([added.id]))[0].state is DownloadState.INSTALLED


async def test_off_the_grid_nothing_is_asked(home: Paths, files: dict[str, bytes], hub: LoopbackHub) -> None:
    settings = settings_for(hub, network={"hub": "https://hub.example", "offgrid": True})
    async with Bench(home, settings) as bench:
        with pytest.raises(RefusedError) as caught:
            await bench.downloads.get(variant_of(hub, files))
        assert "off-grid" in caught.value.title
        assert bench.downloads.all == () and hub.requests == []
