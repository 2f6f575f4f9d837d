"""What happened to files while nobody looked; and that looking deletes none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import BusyError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.events import ModelBroke, ModelInstalled, ModelMended
from offgrid_tui.library.importing import Wish, find_sets
from offgrid_tui.library.model import Check, InstalledModel, Origin
from offgrid_tui.library.place import Method
from offgrid_tui.library.ports import Promise
from offgrid_tui.library.reconcile import needs_reading
from offgrid_tui.library.service import Library
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths
from tests.library import made_models


async def bring(library: Library, path: Path) -> InstalledModel:
    (found,), _ = find_sets(path)
    return (await library.import_set(found, Wish((Method.COPY,)))).model


def flip(path: Path) -> None:
    """Change one byte in the middle, and nothing else that one sees from outside but the time."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


async def test_what_vanished_is_broken_and_comes_back(library: Library, tmp_path: Path, told: list[object]) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    aside = model.path.rename(tmp_path / "aside")
    await library.reconcile()
    assert library.models[0].problem == "m.gguf is gone"
    assert [event.model.id for event in told if isinstance(event, ModelBroke)] == [model.id]
    aside.rename(model.path)
    await library.reconcile()
    assert library.models == (model,)
    assert [event.model.id for event in told if isinstance(event, ModelMended)] == [model.id]


async def test_a_flipped_byte_is_found(library: Library, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    os.utime(model.path, (1, 1))
    flip(model.path)
    assert needs_reading(library.models)
    await library.reconcile(read=False)
    assert library.models[0].problem == ""  # nobody has read it yet
    await library.reconcile()
    assert "SHA-256" in library.models[0].problem
    assert library.models[0].check is Check.MISMATCH
    assert model.path.is_file()
    flip(model.path)
    await library.reconcile()
    assert library.models[0].problem == "" and library.models[0].check is Check.UNVERIFIED


async def test_a_touched_file_is_read_and_found_the_same(library: Library, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    os.utime(model.path, (1, 1))
    found = await library.reconcile()
    assert [one.id for one in found.changed] == [model.id]
    assert library.models[0].problem == "" and not needs_reading(library.models)
    assert (await library.reconcile()).changed == []


async def test_another_size_needs_no_reading(library: Library, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    os.truncate(model.path, 100)
    await library.reconcile(read=False)
    assert "has changed" in library.models[0].problem


async def test_a_file_copied_in_by_hand_appears(
    library: Library, home: Paths, tmp_path: Path, told: list[object]
) -> None:
    (file,) = made_models.model(home.models / "org" / "repo" / "hand.gguf")
    await library.reconcile(read=False)
    (model,) = library.models
    assert (model.path, model.repository, model.origin) == (file, "org/repo", Origin.IMPORTED)
    assert (model.check, model.files[0].sha256) == (Check.UNKNOWN, None)
    assert [event.model for event in told if isinstance(event, ModelInstalled)] == [model]
    assert needs_reading(library.models)
    await library.reconcile(read=True)
    (model,) = library.models
    assert (model.check, model.files[0].sha256) == (Check.UNVERIFIED, made_models.sha256(file))
    assert not needs_reading(library.models)


async def test_a_split_set_appears_as_one_and_half_of_one_not(library: Library, home: Paths) -> None:
    parts = made_models.model(home.models / "o" / "r" / "big.gguf", tensors=6, split=2)
    held = parts[1].rename(home.data / "held")
    found = await library.reconcile()
    assert library.models == ()
    assert "Part 2 of 3 is missing" in found.untracked[0].error.title
    held.rename(parts[1])
    await library.reconcile()
    assert [len(model.files) for model in library.models] == [3]


async def test_a_renamed_file_keeps_its_record(library: Library, tmp_path: Path, home: Paths) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    await library.pin(model.id, True)
    other = home.models / "mine" / "other" / "renamed.gguf"
    other.parent.mkdir(parents=True)
    model.path.rename(other)
    found = await library.reconcile()
    (now,) = library.models
    assert [one.id for one in found.moved] == [model.id] and found.broke == [] and found.appeared == []
    assert (now.id, now.path, now.pinned, now.files[0].sha256) == (model.id, other, True, model.files[0].sha256)


async def test_a_lost_database_is_made_good_by_receipts(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    promise = Promise("org/repo/m.gguf", "The Model", "org/repo", "m.gguf", "abc", "Org")
    for round in (1, 2):
        database = Database.open(home.database)
        library = Library(home, database, Bus(), promises={made_models.sha256(file): promise}.get)
        await library.start()
        if round == 1:
            was = await bring(library, file)
        else:
            await library.reconcile()
        await library.close()
        await database.close()
        if round == 1:
            for path in home.data.glob("offgrid.db*"):
                path.unlink()
    (now,) = library.models
    assert (now.name, now.source, now.installed, now.catalog) == (was.name, was.source, was.installed, was.catalog)
    assert (now.check, now.revision) == (Check.VERIFIED, "abc")


async def test_a_receipt_alone_proves_nothing(library: Library, tmp_path: Path, home: Paths) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    receipt = model.path.with_name(model.path.name + ".receipt.json")
    receipt.write_text(receipt.read_text().replace('"unverified"', '"verified"'))
    other = home.models / "copied" / "here" / "m.gguf"
    other.parent.mkdir(parents=True)
    shutil.copy(model.path, other)
    shutil.copy(receipt, other.with_name(receipt.name))
    await library.reconcile()
    assert [one.check for one in library.models] == [Check.UNVERIFIED] * 2


async def test_a_receipt_that_the_bytes_deny_is_told(library: Library, tmp_path: Path, home: Paths) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    other = home.models / "copied" / "here" / "m.gguf"
    other.parent.mkdir(parents=True)
    shutil.copy(model.path, other)
    shutil.copy(model.path.with_name("m.gguf.receipt.json"), other.with_name("m.gguf.receipt.json"))
    flip(other)
    await library.reconcile()
    copied = next(one for one in library.models if one.path == other)
    assert copied.check is Check.MISMATCH and "receipt" in copied.problem


@pytest.mark.parametrize("text", ["", "[]", "{", '{"form": 1, "files": [{"path": "../../x"}]}', "[" * 10**5])
async def test_a_broken_receipt_is_passed_over(library: Library, home: Paths, text: str) -> None:
    (file,) = made_models.model(home.models / "o" / "r" / "m.gguf")
    file.with_name("m.gguf.receipt.json").write_text(text)
    await library.reconcile()
    assert [model.name for model in library.models] == ["Tiny Test"]


async def test_garbage_and_links_in_the_folder_are_told_and_left(library: Library, home: Paths, tmp_path: Path) -> None:
    (outside,) = made_models.model(tmp_path / "outside.gguf")
    folder = home.models / "o" / "r"
    folder.mkdir(parents=True)
    (folder / "noise.gguf").write_bytes(os.urandom(1000))
    (folder / "link.gguf").symlink_to(outside)
    before = made_models.tree(home.models)
    found = await library.reconcile()
    assert library.models == ()
    assert sorted(one.path.name for one in found.untracked) == ["link.gguf", "noise.gguf"]
    assert made_models.tree(home.models) == before


async def test_a_disk_that_is_not_there_breaks_and_deletes_nothing(
    library: Library, home: Paths, tmp_path: Path
) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    away = home.models.rename(tmp_path / "disk")
    home.models.symlink_to(tmp_path / "mount")
    await library.reconcile()
    assert "is not there" in library.models[0].problem
    away.rename(tmp_path / "mount")
    await library.reconcile()
    assert library.models == (model,)


async def test_while_another_process_changes_files_nothing_is_concluded(library: Library, home: Paths) -> None:
    made_models.model(home.models / "o" / "r" / "m.gguf")
    with FileLock(home.data / "library.lock"), pytest.raises(BusyError):
        await library.reconcile()
    assert library.models == ()


async def test_another_process_sees_what_this_one_did(library: Library, home: Paths, tmp_path: Path) -> None:
    other_base = Database.open(home.database)
    other = Library(home, other_base, Bus())
    await other.start()
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    async with __import__("asyncio").timeout(20):
        while other.models != (model,):
            await __import__("asyncio").sleep(0.05)
    await other.close()
    await other_base.close()
