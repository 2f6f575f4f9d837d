"""What changed, and what is wished for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.catalog.resolver import Resolver
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import DamagedError, ExitCode, UsageError
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.models.choose import best_variant
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.fulfilling import Choice, Fulfiller
from offgrid_tui.transfer.keys import KeyStore
from offgrid_tui.transfer.model import Standing
from offgrid_tui.transfer.signing import read_envelope, verified
from offgrid_tui.transfer.wish import Target, Want, WishList, parse_wish, wants_of, write_wish
from tests.library import made_models
from tests.support.hub import LoopbackHub
from tests.transfer.conftest import Side

GIB = 2**30
SMALL = Target(memory=4 * GIB, available=3 * GIB, share=int(2.4 * GIB))
LARGE = Target(memory=64 * GIB, available=60 * GIB, share=38 * GIB, bandwidth=40e9)


def offgrid(*words: str, home: Path, code: int = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "offgrid_tui", *words],
        capture_output=True,
        text=True,
        timeout=120,
        input=stdin,
        env={**os.environ, "OFFGRID_HOME": str(home), "HOME": str(home)},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def in_json(*words: str, home: Path, code: int = 0) -> Any:
    return json.loads(offgrid(*words, "--json", home=home, code=code).stdout)


async def test_only_what_changed_is_written(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    a = await here.has(made_models.model(tmp_path / "a.gguf", kib=200)[0])
    b = await here.has(made_models.model(tmp_path / "b.gguf", seed=2, kib=200)[0])
    await here.export(stick, a, b)
    inodes = {path.name: path.stat().st_ino for path in stick.rglob("*.gguf")}
    c = await here.has(made_models.model(tmp_path / "c.gguf", seed=3, kib=200)[0])
    done = await here.transfer.export(await here.transfer.plan([a, c], stick, remove_others=True))
    assert (done.added, done.removed, done.written) == (1, 1, c.size)
    assert {path.name for path in stick.rglob("*.gguf")} == {"a.gguf", "c.gguf"}
    assert next(stick.rglob("a.gguf")).stat().st_ino == inodes["a.gguf"]
    assert not (stick / "offgrid-bundle/models/local/b").exists()
    there.trusts(here)
    assert {one.standing for one in await there.transfer.compare(await there.transfer.read(stick))} == {Standing.NEW}
    assert (await here.transfer.plan([a, c], stick)).plan.nothing


async def test_a_newer_version_takes_the_place_of_the_older(
    here: Side, there: Side, stick: Path, tmp_path: Path
) -> None:
    old = await here.has(made_models.model(tmp_path / "m.gguf", kib=200)[0])
    old = dataclasses.replace(old, repository="org/m", installed=time.time() - 1000)
    here.library.shelf.put(old)
    await here.export(stick, old)
    bundle = await there.transfer.read(stick)
    await there.transfer.install(bundle, bundle.models[0])
    assert there.library.models[0].repository == "org/m"
    for one in there.library.models:
        there.library.shelf.put(dataclasses.replace(one, installed=time.time() - 500))
    await there.library.reload()
    # As long to the byte, so that the size alone says nothing.
    new = await here.has(made_models.model(tmp_path / "new" / "m.gguf", seed=2, kib=200)[0])
    new = dataclasses.replace(new, repository="org/m")
    here.library.shelf.put(new)
    await here.export(stick, new)
    bundle = await there.transfer.read(stick)
    (compared,) = await there.transfer.compare(bundle)
    assert compared.standing is Standing.NEWER
    assert await there.transfer.check(bundle, compared.model) == {}
    assert compared.model.hashes == (new.files[0].sha256,)


def test_the_commands_over_the_gap(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m" / "Tiny-Q4_K_M.gguf", kib=600)
    a, b, stick = tmp_path / "a", tmp_path / "b", str(tmp_path / "stick")
    offgrid("import", "--copy", str(file), home=a)
    plan = in_json("export", "tiny-q4_k_m", stick, "--dry-run", "--part-size", "256K", home=a)
    assert len(plan["write"][0]["paths"]) == 3 and not Path(stick).exists()
    done = in_json("export", "tiny-q4_k_m", stick, "--part-size", "256K", home=a)
    assert (done["added"], done["safe_to_remove"]) == (1, True)
    fingerprint = done["key"]["fingerprint"]

    refused = offgrid("import", stick, home=b, code=ExitCode.REFUSED)
    assert fingerprint[:8] in refused.stderr and "new" in refused.stdout
    shown = in_json("import", stick, "--check", home=b)
    assert (shown["signer"]["vouched"], shown["damaged"], shown["read"]) == ("unknown", {}, True)
    public = str(tmp_path / "a.pub")
    offgrid("keys", "export", "--to", public, home=a)
    (trusted,) = in_json("keys", "trust", public, "--name", "alice", home=b)["keys"]
    assert trusted["fingerprint"] == fingerprint
    offgrid("keys", "create", home=b)
    result = in_json("import", stick, home=b)
    (imported,) = result["imported"]
    assert imported["check"] == "verified" and "alice" in imported["source"]
    assert in_json("import", stick, home=b)["imported"] == []

    receipt = Path(result["receipt"])
    assert receipt == Path(stick) / "offgrid-receipt.json"
    assert json.loads(receipt.read_text())["here"][0]["files"][0]["sha256"] == made_models.sha256(file)
    key = KeyStore(Paths.from_environment({"OFFGRID_HOME": str(b), "HOME": str(b)})).own()
    assert key is not None
    signed = verified(read_envelope((Path(stick) / "offgrid-receipt.sig").read_bytes()), key.load())
    assert signed == {"offgrid-receipt.json": hashlib.sha256(receipt.read_bytes()).hexdigest()}

    looked = in_json("sync", stick, "--dry-run", home=a)
    assert [one["standing"] for one in looked["there"]] == ["same"] and looked["only_here"] == []
    assert "Nothing to write" in offgrid("sync", stick, home=a).stdout
    (other,) = made_models.model(tmp_path / "other.gguf", seed=2)
    offgrid("import", "--copy", str(other), home=a)
    assert in_json("sync", stick, "--dry-run", home=a)["only_here"] == ["other"]
    assert in_json("sync", stick, home=a)["written_bytes"] == other.stat().st_size
    assert "other" in offgrid("import", stick, "--only", "other.gguf", home=b).stdout

    offgrid("keys", "revoke", "alice", home=b)
    assert "revoked" in offgrid("import", stick, "--trust-once", home=b, code=ExitCode.REFUSED).stderr
    offgrid("import", str(file), "--unsigned", home=b, code=ExitCode.USAGE)
    offgrid("import", str(tmp_path / "a"), "--check", home=b, code=ExitCode.USAGE)


def test_a_wish_goes_out_and_comes_back(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m" / "Tiny.gguf")
    a, b = tmp_path / "a", tmp_path / "b"
    offgrid("import", "--copy", str(file), home=a)
    text = offgrid("wish", "tiny", home=b).stdout
    assert offgrid("fulfil", "-", str(tmp_path / "stick"), "--here", home=a, stdin=text).returncode == 0
    offgrid("import", str(tmp_path / "stick"), "--trust-once", home=b)
    again = offgrid("wish", "tiny", home=b).stdout  # now it is there
    (tmp_path / "wish.toml").write_text(again)
    done = in_json("fulfil", str(tmp_path / "wish.toml"), str(tmp_path / "second"), "--here", home=a)
    assert done["choices"][0]["there"] and done["exported"] is None and not (tmp_path / "second").exists()
    missing = offgrid("wish", "qwen3:4b", home=b).stdout
    told = offgrid("fulfil", "-", str(tmp_path / "x"), "--here", home=a, code=ExitCode.NOT_FOUND, stdin=missing)
    assert "offgrid download" in told.stderr


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        yield running


def test_what_is_not_here_is_fetched_first(
    home: Paths, hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that no catalog knows, asked of the hub, downloaded, verified, signed and sent."""
    (file,) = made_models.model(tmp_path / "m" / "tiny-Q4_0.gguf", kib=200)
    hub.add("acme/Tiny-GGUF", {file.name: file.read_bytes()})
    monkeypatch.setenv("OFFGRID_NETWORK_HUB", hub.url)
    monkeypatch.setenv("OFFGRID_DOWNLOADS_RESERVE", "0")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    a, b, stick = tmp_path / "a", tmp_path / "b", tmp_path / "stick"
    wish = offgrid("wish", "hf.co/acme/Tiny-GGUF", home=b).stdout
    before = len(hub.requests)
    told = offgrid("fulfil", "-", str(stick), "--here", home=a, code=ExitCode.NOT_FOUND, stdin=wish)
    assert "not sent" in told.stderr and len(hub.requests) == before
    shown = offgrid("fulfil", "-", str(stick), "--dry-run", home=a, stdin=wish)
    assert "not here yet" in shown.stdout and not stick.exists()
    offgrid("fulfil", "-", str(stick), home=a, code=ExitCode.REFUSED, stdin=wish)  # nobody vouches for acme
    done = offgrid("fulfil", "-", str(stick), "--yes", home=a, stdin=wish)
    assert "safe to remove" in done.stdout
    offgrid("import", str(stick), "--trust-once", home=b)
    (model,) = [one for one in in_json("list", home=b)["models"] if one["origin"] == "imported"]
    assert model["files"][0]["sha256"] == made_models.sha256(file) and model["repository"] == "acme/Tiny-GGUF"
    again = offgrid("fulfil", "-", str(tmp_path / "again"), "--here", home=a, stdin=wish)
    assert "safe to remove" in again.stdout


def choices(home: Paths, target: Target, *wants: Want, here: tuple[InstalledModel, ...] = ()) -> tuple[Choice, ...]:
    catalog = load_catalog(home)
    fit = FitService(load_settings(home), on_gpu=bool(target.gpu_memory))
    wish = WishList(target, wants)
    return Fulfiller(wish, catalog.models, Resolver(catalog, {}, lambda: here), here, fit, best_variant).choices()


def test_the_quantisation_is_that_of_the_target(home: Paths) -> None:
    (small,), (large,) = (choices(home, target, Want("qwen3:4b")) for target in (SMALL, LARGE))
    assert large.quantisation == "Q4_K_M" and not large.problem
    assert small.problem or (small.size or 0) < (large.size or 0)
    (chat,) = choices(home, SMALL, Want(use="chat"))
    assert chat.fit is not None and chat.fit.verdict.needs <= SMALL.share and chat.missing
    (better,) = choices(home, LARGE, Want(use="chat"))
    assert (better.size or 0) > (chat.size or 0)
    (asked,) = choices(home, LARGE, Want("qwen3:4b", quantisation="Q8_0"))
    assert asked.quantisation == "Q8_0"
    (full,) = choices(home, dataclasses.replace(LARGE, disk_free=GIB), Want("qwen3:4b"))
    assert "the disk there" in full.problem
    (unknown,) = choices(home, LARGE, Want("no-such-model-anywhere"))
    assert unknown.problem


def test_a_wish_is_read_as_a_stranger_s(home: Paths) -> None:
    wish = WishList(LARGE, wants_of(["qwen3:4b"], ["code"]), frozenset({"0" * 64}), "2026-01-01T00:00:00Z")
    assert parse_wish(write_wish(wish).encode()) == wish
    assert wants_of([], []) == (Want(use="chat"),)
    with pytest.raises(UsageError):
        wants_of([], ["spying"])
    good = write_wish(wish)
    for bad in (
        "",
        "form = 1",
        "\x00",
        good.replace("form = 1", "form = 9"),
        good.replace("0" * 64, "../x"),
        good.replace(str(LARGE.memory), "-1"),
        good.replace(str(LARGE.memory), "true"),
        good.replace(str(LARGE.memory), "9" * 30),
        good.replace('"code"', '"spying"'),
        good.replace('name = "qwen3:4b"', 'nome = "x"'),
    ):
        with pytest.raises(DamagedError):
            parse_wish(bad.encode())
