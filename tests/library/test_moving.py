"""Moving the models to another folder: whole at one of the two places, wherever it is cut off."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import BusyError, DamagedError, RefusedError, UsageError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library import moving
from offgrid_tui.library.importing import Wish, find_sets
from offgrid_tui.library.moving import JOURNAL, unfinished
from offgrid_tui.library.place import Method
from offgrid_tui.library.service import Library
from offgrid_tui.system.paths import Paths
from tests.library import made_models
from tests.library.library_process import start


@pytest.fixture
async def filled(library: Library, tmp_path: Path) -> Library:
    """Three models, files of the user's own and a link among them."""
    folder = tmp_path / "stick"
    made_models.model(folder / "one.gguf")
    made_models.model(folder / "two.gguf", seed=2)
    made_models.model(folder / "big.gguf", seed=3, tensors=4, split=2)
    for found in find_sets(folder)[0]:
        await library.import_set(found, Wish((Method.COPY,)))
    (library.shelf.folder / "notes.txt").write_text("mine")
    (library.shelf.folder / os.fsdecode(b"no \xff utf-8")).write_text("mine too")
    (library.shelf.folder / "latest").symlink_to("local/one/one.gguf")
    return library


def contents(folder: Path) -> dict[str, str]:
    return {name: what for name, (_, _, what) in made_models.tree(folder).items()}


async def whole(home: Paths) -> None:
    """Every model of the home is there, and is what its record says."""
    database = Database.open(home.database)
    library = Library(home, database, Bus())
    await library.start()
    await library.reconcile()
    assert sorted(model.id for model in library.models) == ["big", "one", "two"]
    for model in library.models:
        assert model.problem == ""
        assert (await library.verify(model.id)).model.problem == ""
    await library.close()
    await database.close()


async def test_everything_goes_along_and_the_old_path_stays_right(filled: Library, home: Paths, tmp_path: Path) -> None:
    before, paths = contents(home.models), [model.path for model in filled.models]
    target = tmp_path / "disk" / "models"
    moved = await filled.move(target)
    assert contents(target) == before and moved.stayed == ()
    assert home.models.is_symlink() and home.models.resolve() == target
    assert [model.path for model in filled.models] == paths and all(path.is_file() for path in paths)
    assert not (home.data / JOURNAL).exists()
    assert [p.name for p in home.data.iterdir() if "moved" in p.name] == []
    await whole(home)


async def test_it_can_move_again_and_home(filled: Library, home: Paths, tmp_path: Path) -> None:
    before = contents(home.models)
    for name in ("a", "b"):
        await filled.move(tmp_path / name)
    assert not (tmp_path / "a").exists()
    assert contents(tmp_path / "b") == before
    await whole(home)


async def test_to_another_filesystem_it_copies(filled: Library, home: Paths) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == home.data.stat().st_dev:
        pytest.skip("there is no second filesystem here")
    target = shm / f"offgrid-test-{os.getpid()}"
    try:
        before = contents(home.models)
        await filled.move(target)
        assert contents(target) == before
        await whole(home)
    finally:
        shutil.rmtree(target, ignore_errors=True)


@pytest.mark.parametrize("step", ["moving", "switching", "removing"])
async def test_killed_at_any_step_it_goes_on(filled: Library, home: Paths, tmp_path: Path, step: str) -> None:
    before, target = contents(home.models), tmp_path / "disk"

    def kill() -> None:
        process = start(home, "held-move", str(target), step)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        process.kill()
        process.wait()

    await asyncio.to_thread(kill)
    await whole(home)
    said = await asyncio.to_thread(lambda: start(home, "move", str(target)).communicate(timeout=60)[0])
    assert said == f"moved {len(before)} 0\n"
    assert contents(target) == before
    await whole(home)


async def test_killed_between_the_two_folders_the_next_start_mends_it(
    filled: Library, home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith(".link"):
            raise OSError(5, "pulled")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(Exception, match="did not work"):
        await filled.move(tmp_path / "disk")
    assert not home.models.exists()
    monkeypatch.undo()
    await whole(home)
    assert home.models.resolve() == tmp_path / "disk"


async def test_another_target_is_refused_until_the_first_is_given_up(
    filled: Library, home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(home.models)
    real, count = moving.place, 0

    def fail(*arguments, **named):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(5, "pulled")
        return real(*arguments, **named)

    monkeypatch.setattr(moving, "place", fail)
    with pytest.raises(Exception, match="did not work"):
        await filled.move(tmp_path / "a")
    journal = unfinished(filled.shelf)
    assert journal is not None and len(journal.done) >= 2
    with pytest.raises(BusyError, match="not finished"):
        await filled.move(tmp_path / "b")
    assert await filled.cancel_move()
    assert not (tmp_path / "a").exists() and contents(home.models) == before
    assert not await filled.cancel_move()
    monkeypatch.undo()
    await filled.move(tmp_path / "b")
    await whole(home)


async def test_a_disk_that_lies_is_found_out(
    filled: Library, home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(home.models)
    monkeypatch.setattr(moving, "sha256_of", lambda path, job: "0" * 64)
    monkeypatch.setattr("offgrid_tui.library.place._hardlink", lambda source, target: False)
    with pytest.raises(DamagedError, match="does not give back"):
        await filled.move(tmp_path / "disk")
    assert contents(home.models) == before and not home.models.is_symlink()


async def test_a_file_that_changed_meanwhile_stays(
    filled: Library, home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = moving._switch

    def late(shelf, journal):  # type: ignore[no-untyped-def]
        (home.models / "new.txt").write_text("written while it moved")
        real(shelf, journal)

    monkeypatch.setattr(moving, "_switch", late)
    moved = await filled.move(tmp_path / "disk")
    assert [path.name for path in moved.stayed] == ["new.txt"]
    assert moved.stayed[0].read_text() == "written while it moved"


async def test_places_that_are_none(filled: Library, home: Paths, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").touch()
    for target in (full, home.models, home.models / "inside", home.data):
        with pytest.raises((UsageError, RefusedError)):
            await filled.move(target)
    assert unfinished(filled.shelf) is None
    await whole(home)
