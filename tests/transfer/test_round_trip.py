"""A model from one home to another, by way of a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import BusyError, DamagedError
from offgrid_tui.library.errors import NoSpace
from offgrid_tui.library.finders import ollama
from offgrid_tui.library.finders.model import Store
from offgrid_tui.library.model import Check, Origin
from offgrid_tui.library.place import Method
from offgrid_tui.system.locks import FileLock
from offgrid_tui.transfer import exporting, plan
from offgrid_tui.transfer.errors import DamagedBundle, ForeignBundle, RevokedKey, UnknownKey, Unsigned
from offgrid_tui.transfer.model import Standing, Vouched
from offgrid_tui.transfer.reading import require_allowed
from tests.library import made_models
from tests.transfer.conftest import Open, Side

KIB = 1024


def files(stick: Path) -> list[str]:
    root = stick / "offgrid-bundle"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_whole_files_come_over(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    made = made_models.model(tmp_path / "made" / "Tiny-Q4_K_M.gguf", kib=64)[0]
    model = await here.has(made)
    done = await here.export(stick, model)
    assert (done.added, done.written) == (1, made.stat().st_size)
    assert files(stick) == [
        "LICENCES.txt",
        "README.txt",
        "SHA256SUMS",
        "manifest.json",
        "models/local/Tiny-Q4_K_M/Tiny-Q4_K_M.gguf",
        "models/local/Tiny-Q4_K_M/Tiny-Q4_K_M.gguf.receipt.json",
    ]
    assert sorted(path.name for path in stick.iterdir()) == [
        "offgrid-bundle",
        "offgrid-bundle.pub",
        "offgrid-bundle.sig",
    ]
    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=stick / "offgrid-bundle", capture_output=True, text=True
    )
    assert checked.returncode == 0 and checked.stdout.count(": OK") == 5

    there.trusts(here)
    bundle = await there.transfer.read(stick)
    assert (bundle.signer.vouched, bundle.signer.name) == (Vouched.TRUSTED, "the other side")
    (compared,) = await there.transfer.compare(bundle)
    assert compared.standing is Standing.NEW
    require_allowed(bundle)
    imported = await there.transfer.install(bundle, compared.model, (Method.COPY,))
    assert imported.method is Method.COPY and not imported.already
    (arrived,) = there.library.models
    assert arrived.files[0].sha256 == made_models.sha256(made) == made_models.sha256(arrived.path)
    assert (arrived.origin, arrived.check) == (Origin.IMPORTED, Check.VERIFIED)
    assert "signed by the other side" in arrived.source
    assert (await there.transfer.compare(bundle))[0].standing is Standing.SAME
    assert (await there.transfer.install(bundle, compared.model)).already


async def test_parts_are_joined(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    made = made_models.model(tmp_path / "made" / "m.gguf", kib=300)[0]
    done = await here.export(stick, await here.has(made), part=100 * KIB)
    (file,) = done.models[0].files
    assert [piece.size for piece in file.pieces] == [100 * KIB] * 3 + [made.stat().st_size - 300 * KIB]
    root = stick / "offgrid-bundle"
    assert b"".join((root / piece.path).read_bytes() for piece in file.pieces) == made.read_bytes()
    assert all(made_models.sha256(root / piece.path) == piece.sha256 for piece in file.pieces)
    bundle = await there.transfer.read(stick)
    await there.transfer.install(bundle, bundle.models[0])
    assert made_models.sha256(there.library.models[0].path) == made_models.sha256(made)


async def test_split_sets_and_projectors_come_whole(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    parts = made_models.model(tmp_path / "made" / "vision.gguf", tensors=4, split=2)
    made_models.projector(tmp_path / "made" / "mmproj-vision.gguf")
    model = await here.has(parts[0])
    assert [file.role for file in model.files] == ["weights", "weights", "projector"]
    await here.export(stick, model)
    bundle = await there.transfer.read(stick)
    await there.transfer.install(bundle, bundle.models[0])
    (arrived,) = there.library.models
    assert [file.sha256 for file in arrived.files] == [file.sha256 for file in model.files]
    assert "vision" in arrived.facts.capabilities


async def test_on_one_disk_nothing_is_copied(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    bundle = await there.transfer.read(stick)
    done = await there.transfer.install(bundle, bundle.models[0])
    assert done.method in (Method.HARDLINK, Method.REFLINK)
    # The stick is written anew: what is installed must not change with it.
    before = there.library.models[0].path.read_bytes()
    other = await here.has(made_models.model(tmp_path / "other" / "m.gguf", seed=2)[0])
    await here.transfer.export(await here.transfer.plan([other], stick, remove_others=True))
    assert there.library.models[0].path.read_bytes() == before


async def test_who_signed_decides(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    bundle = await there.transfer.read(stick)
    assert bundle.signer.vouched is Vouched.UNKNOWN
    key = here.keys.own()
    assert key is not None and bundle.signer.fingerprint == key.fingerprint
    with pytest.raises(UnknownKey) as refused:
        require_allowed(bundle, unsigned=True)
    assert key.fingerprint[:8] in refused.value.detail
    require_allowed(bundle, trust_once=True)
    assert there.keys.known() == ()  # once is once

    (stick / "offgrid-bundle.pub").unlink()
    bundle = await there.transfer.read(stick)
    with pytest.raises(UnknownKey):
        require_allowed(bundle, trust_once=True)

    there.trusts(here)
    require_allowed(await there.transfer.read(stick))
    there.keys.revoke("the other side")
    with pytest.raises(RevokedKey):
        require_allowed(await there.transfer.read(stick), trust_once=True, unsigned=True)
    with pytest.raises(RevokedKey):
        there.trusts(here)


async def test_an_unsigned_bundle_is_marked_for_ever(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    (stick / "offgrid-bundle.sig").unlink()
    bundle = await there.transfer.read(stick)
    with pytest.raises(Unsigned):
        require_allowed(bundle, trust_once=True)
    require_allowed(bundle, unsigned=True)
    await there.transfer.install(bundle, bundle.models[0])
    (model,) = there.library.models
    assert (model.check, model.source) == (Check.UNVERIFIED, "an unsigned bundle")
    await there.library.verify(model.id)
    assert there.library.models[0].check is Check.UNVERIFIED


async def test_a_key_beside_another_s_bundle_is_no_use(here: Side, opened: Open, stick: Path, tmp_path: Path) -> None:
    evil = await opened("evil")
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    (stick / "offgrid-bundle.pub").write_text(evil.keys.create().pem)
    bundle = await evil.transfer.read(stick)
    assert bundle.signer.vouched is Vouched.UNCHECKED


async def test_a_flipped_byte_is_found(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    good = await here.has(made_models.model(tmp_path / "good.gguf")[0])
    bad = await here.has(made_models.model(tmp_path / "bad.gguf", seed=2)[0])
    await here.export(stick, good, bad, part=8 * KIB)
    there.trusts(here)
    piece = stick / "offgrid-bundle/models/local/bad/bad.gguf.0002"
    data = bytearray(piece.read_bytes())
    data[100] ^= 1
    piece.write_bytes(data)
    bundle = await there.transfer.read(stick)
    models = {model.files[0].name: model for model in bundle.models}
    assert list(await there.transfer.check(bundle, models["bad.gguf"])) == ["models/local/bad/bad.gguf.0002"]
    assert await there.transfer.check(bundle, models["good.gguf"]) == {}
    with pytest.raises(DamagedError, match=made_models.sha256(piece)):
        await there.transfer.install(bundle, models["bad.gguf"])
    assert there.library.models == ()
    await there.transfer.install(bundle, models["good.gguf"])
    data[100] ^= 1
    piece.write_bytes(data)  # what was right is gone on from
    await there.transfer.install(bundle, models["bad.gguf"])
    assert len(there.library.models) == 2 and not list(there.library.shelf.incoming.iterdir())


@pytest.mark.parametrize("name", ["manifest.json", "README.txt", "SHA256SUMS", "LICENCES.txt"])
async def test_small_files_are_signed_too(here: Side, there: Side, stick: Path, tmp_path: Path, name: str) -> None:
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    with (stick / "offgrid-bundle" / name).open("a") as file:
        file.write("\n")
    with pytest.raises(DamagedBundle, match="is not what was signed"):
        await there.transfer.read(stick)


async def test_a_cut_file_is_seen_without_reading(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    os.truncate(stick / "offgrid-bundle/models/local/m/m.gguf", 100)
    (compared,) = await there.transfer.compare(await there.transfer.read(stick))
    assert compared.standing is Standing.DAMAGED and "has 100 bytes" in compared.problem


async def test_an_own_file_that_changed_is_not_exported(here: Side, stick: Path, tmp_path: Path) -> None:
    model = await here.has(made_models.model(tmp_path / "m.gguf")[0])
    data = bytearray(model.path.read_bytes())
    data[-1] ^= 1
    model.path.write_bytes(data)
    with pytest.raises(DamagedError, match="not what its receipt says"):
        await here.export(stick, model)
    assert not (stick / "offgrid-bundle.sig").exists()


async def test_space_is_looked_at_first(
    here: Side, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = await here.has(made_models.model(tmp_path / "m.gguf")[0])
    monkeypatch.setattr(exporting, "room", lambda folder: plan.SPARE)
    with pytest.raises(NoSpace):
        await here.export(stick, model)
    assert not stick.exists()


async def test_somebody_else_s_bundle_is_left_alone(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    model = await here.has(made_models.model(tmp_path / "m.gguf")[0])
    await here.export(stick, model)
    before = made_models.tree(stick)
    with pytest.raises(ForeignBundle):
        await there.export(stick, await there.has(tmp_path / "m.gguf"))
    assert made_models.tree(stick) == before


async def test_an_export_with_a_key_that_was_revoked_is_not_added_to(here: Side, stick: Path, tmp_path: Path) -> None:
    """Whoever made one revoke it may have signed what lies there."""
    model = await here.has(made_models.model(tmp_path / "m.gguf")[0])
    done = await here.export(stick, model)
    here.keys.revoke(done.key.fingerprint)
    here.keys.create("second")
    with pytest.raises(ForeignBundle, match="which you revoked"):
        await here.export(stick, model)


async def test_one_export_at_a_time(here: Side, stick: Path, tmp_path: Path) -> None:
    prepared = await here.transfer.plan([await here.has(made_models.model(tmp_path / "m.gguf")[0])], stick)
    await here.transfer.export(prepared)
    (lock,) = (here.paths.state / "exports").iterdir()
    with FileLock(lock), pytest.raises(BusyError):
        await here.transfer.export(prepared)


async def test_a_model_of_another_tool_gets_a_name(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    """Ollama calls its files after their hashes."""
    made = made_models.model(tmp_path / "m.gguf")[0]
    made_models.ollama(tmp_path / "ollama", made)
    (adopted,), _ = await here.library.adopt(Store("Ollama", tmp_path / "ollama", ollama.find))
    done = await here.export(stick, adopted.model)
    assert done.models[0].files[0].path.endswith(".gguf")
    bundle = await there.transfer.read(stick)
    await there.transfer.install(bundle, bundle.models[0])
    assert there.library.models[0].files[0].sha256 == made_models.sha256(made)


async def test_licences_come_along(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    model = await here.has(made_models.model(tmp_path / "m.gguf")[0])
    (model.path.parent / "LICENSE").write_text("Do as you like.\n")
    done = await here.export(stick, model)
    assert "models/local/m/LICENSE" in done.models[0].papers
    assert (stick / "offgrid-bundle/models/local/m/LICENSE").read_text() == "Do as you like.\n"
    assert "models/local/m/LICENSE" in (stick / "offgrid-bundle/LICENCES.txt").read_text()
    assert len((await there.transfer.read(stick)).models) == 1
