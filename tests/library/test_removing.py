"""What removing deletes, what it frees, and what it never touches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import NotFoundError, RefusedError
from offgrid_tui.library.errors import Pinned
from offgrid_tui.library.finders.places import any_folder
from offgrid_tui.library.importing import Wish, find_sets
from offgrid_tui.library.model import InstalledModel, Origin
from offgrid_tui.library.place import Method
from offgrid_tui.library.service import Library
from offgrid_tui.system.paths import Paths
from tests.library import made_models


async def bring(library: Library, path: Path, *methods: Method) -> InstalledModel:
    (found,), _ = find_sets(path)
    return (await library.import_set(found, Wish(methods or (Method.COPY,)))).model


async def test_it_frees_what_it_says_and_leaves_no_folder(library: Library, home: Paths, tmp_path: Path) -> None:
    parts = made_models.model(tmp_path / "big.gguf", tensors=4, split=2)
    model = await bring(library, parts[0])
    plan = await library.plan_removal(model.id)
    assert plan.files == tuple(file.path for file in model.files)
    assert plan.frees == sum(file.path.stat().st_blocks * 512 for file in model.files)
    done = await library.remove(model.id)
    assert done.frees == plan.frees
    assert [path for path in home.models.rglob("*") if ".incoming" not in str(path)] == []
    assert library.models == () and all(part.is_file() for part in parts)
    with pytest.raises(NotFoundError):
        await library.remove(model.id)


async def test_a_hardlink_frees_nothing(library: Library, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    model = await bring(library, file, Method.HARDLINK)
    done = await library.remove(model.id)
    assert done.frees == 0 and "another name" in done.kept[0][1]
    assert file.is_file() and not model.path.exists()


async def test_an_adopted_model_is_only_forgotten(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    made_models.model(folder / "m.gguf")
    before = made_models.tree(folder)
    await library.adopt(any_folder(folder))
    done = await library.remove(library.models[0].id)
    assert done.forgets_only and done.frees == 0
    assert made_models.tree(folder) == before and library.models == ()


async def test_a_pinned_and_a_bundled_one_are_refused(library: Library, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    await library.pin(model.id, True)
    with pytest.raises(Pinned):
        await library.remove(model.id)
    assert model.path.is_file()
    await library.pin(model.id, False)
    library.shelf.put(replace(model, origin=Origin.BUNDLED))
    await library.reload()
    with pytest.raises(RefusedError, match="part of OffGrid"):
        await library.remove(model.id)
    assert model.path.is_file()


async def test_a_projector_that_two_models_share_stays(library: Library, home: Paths) -> None:
    folder = home.models / "org" / "Seer-GGUF"
    made_models.model(folder / "Seer-Q4_K_M.gguf")
    made_models.model(folder / "Seer-Q8_0.gguf", seed=2)
    shared = made_models.projector(folder / "mmproj-Seer-f16.gguf")
    await library.reconcile()
    first, second = library.models
    assert [model.files[-1].path for model in library.models] == [shared, shared]
    done = await library.remove(first.id)
    assert "another model" in done.kept[0][1] and shared.is_file()
    assert second.path.is_file()
    await library.remove(second.id)
    assert not shared.exists()


async def test_a_folder_that_leads_out_is_not_followed(library: Library, home: Paths, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    outside = model.path.parent.rename(tmp_path / "outside")
    model.path.parent.symlink_to(outside)
    done = await library.remove(model.id)
    assert done.forgets_only and (outside / "m.gguf").is_file()


async def test_files_that_are_gone_already_are_no_obstacle(library: Library, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    model.path.unlink()
    await library.reconcile()
    await library.remove(model.id)
    assert library.models == ()


async def test_a_look_does_not_bring_back_what_was_removed_meanwhile(library: Library, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    await library.remove(model.id)
    library.shelf.update(replace(model, problem="m.gguf is gone"))
    assert library.shelf.models() == ()


async def test_storage_counts_each_file_once_and_names_what_nobody_knows(
    library: Library, home: Paths, tmp_path: Path
) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    (home.models / "stray.txt").write_text("x" * 5000)
    (home.models / "noise.gguf").write_bytes(b"noise")
    made_models.model(tmp_path / "theirs" / "t.gguf", seed=4)
    store = any_folder(tmp_path / "theirs")
    await library.adopt(store)
    found = await library.storage([store])
    assert found.ours == model.path.stat().st_blocks * 512
    assert sorted((one.path.name, one.why) for one in found.unknown) == [
        ("noise.gguf", "This is not a GGUF file"),
        ("stray.txt", "not a GGUF file"),
    ]
    (other,) = found.others
    assert other.adopted == 1 and other.size == (tmp_path / "theirs/t.gguf").stat().st_blocks * 512
    assert found.disks[0].free > 0 and found.folder == home.models
    assert (home.models / "stray.txt").is_file()


async def test_a_path_that_answered_is_noted(library: Library, tmp_path: Path) -> None:
    model = await bring(library, made_models.model(tmp_path / "m.gguf")[0])
    store, database = library.shelf.store, library.shelf.database
    await database.write(lambda conn: store.used(conn, model.path, 42.0))
    await database.write(lambda conn: store.used(conn, tmp_path / "no.gguf", 43.0))
    await library.reload()
    assert [one.last_used for one in library.models] == [42.0]
