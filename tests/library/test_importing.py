"""Bringing files in: how, what is said of it, and what is left when it is cut off."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import DamagedError, NotFoundError, OffGridError, UsageError
from offgrid_tui.gguf.errors import GgufError
from offgrid_tui.library import place as place_module
from offgrid_tui.library.errors import NoSpace, Stopped
from offgrid_tui.library.events import LibraryProgressed, ModelInstalled
from offgrid_tui.library.importing import Imported, Wish, find_sets
from offgrid_tui.library.model import Check, Origin
from offgrid_tui.library.place import Method
from offgrid_tui.library.ports import Promise
from offgrid_tui.library.service import Library
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import leftovers
from offgrid_tui.system.paths import Paths
from tests.library import made_models
from tests.library.library_process import start

COPY = Wish((Method.COPY,))


async def bring(library: Library, path: Path, wish: Wish | None = None) -> Imported:
    (found,), _ = find_sets(path)
    return await library.import_set(found, wish)


def below(home: Paths) -> list[str]:
    """Files in the models folder, arrivals included."""
    return sorted(str(p.relative_to(home.models)) for p in home.models.rglob("*") if p.is_file())


async def test_a_file_on_the_same_disk_needs_no_copy(library: Library, home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "Tiny-Q4_K_M.gguf")
    done = await bring(library, file)
    assert done.method in (Method.REFLINK, Method.HARDLINK)
    assert done.method is Method.REFLINK or file.samefile(done.model.path)
    assert below(home) == ["local/Tiny-Q4_K_M/Tiny-Q4_K_M.gguf", "local/Tiny-Q4_K_M/Tiny-Q4_K_M.gguf.receipt.json"]
    model = library.models[0]
    assert (model.name, model.origin, model.check) == ("Tiny Test", Origin.IMPORTED, Check.UNVERIFIED)
    assert model.files[0].sha256 == made_models.sha256(file)
    assert (model.size, model.facts.architecture, model.facts.context) == (file.stat().st_size, "llama", 512)


async def test_a_copy_is_another_file_with_the_same_bytes(library: Library, tmp_path: Path, told: list[object]) -> None:
    (file,) = made_models.model(tmp_path / "a.gguf")
    done = await bring(library, file, COPY)
    assert done.method is Method.COPY
    assert not file.samefile(done.model.path)
    assert done.model.path.read_bytes() == file.read_bytes()
    assert [event.model for event in told if isinstance(event, ModelInstalled)] == [done.model]
    progressed = [event for event in told if isinstance(event, LibraryProgressed)]
    assert progressed[-1].done == progressed[-1].total == file.stat().st_size


async def test_the_same_bytes_are_recognised_under_another_name(library: Library, tmp_path: Path, home: Paths) -> None:
    (first,) = made_models.model(tmp_path / "a.gguf")
    second = tmp_path / "elsewhere" / "b.gguf"
    second.parent.mkdir()
    shutil.copy(first, second)
    was = (await bring(library, first, COPY)).model
    before = below(home)
    again = await bring(library, second, COPY)
    assert again.already and again.model.id == was.id
    itself = await bring(library, was.path)
    assert itself.already
    assert below(home) == before and len(library.models) == 1


async def test_a_file_of_the_same_size_is_another_model(library: Library, tmp_path: Path) -> None:
    (first,), (second,) = (made_models.model(tmp_path / f"{n}.gguf", seed=n) for n in (1, 2))
    assert first.stat().st_size == second.stat().st_size
    await bring(library, first, COPY)
    assert not (await bring(library, second, COPY)).already
    assert len(library.models) == 2


async def test_nothing_is_overwritten(library: Library, tmp_path: Path) -> None:
    (first,), (second,) = (made_models.model(tmp_path / str(n) / "model.gguf", seed=n) for n in (1, 2))
    one, other = (await bring(library, first, COPY)).model, (await bring(library, second, COPY)).model
    assert one.path != other.path and one.id != other.id
    assert one.path.read_bytes() == first.read_bytes()
    assert other.path.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("named", [0, 1, 2])
async def test_a_split_set_comes_whole_whichever_part_is_named(library: Library, tmp_path: Path, named: int) -> None:
    parts = made_models.model(tmp_path / "big-Q8_0.gguf", tensors=5, split=2)
    assert len(parts) == 3
    done = await bring(library, parts[named], COPY)
    assert [file.path.name for file in done.model.files] == [part.name for part in parts]
    assert done.model.size == sum(part.stat().st_size for part in parts)


async def test_a_split_set_with_a_part_missing_is_refused(library: Library, tmp_path: Path, home: Paths) -> None:
    parts = made_models.model(tmp_path / "big.gguf", tensors=5, split=2)
    parts[1].unlink()
    with pytest.raises(NotFoundError, match="Part 2 of 3"):
        await bring(library, parts[0])
    assert below(home) == [] and library.models == ()


async def test_the_projector_beside_a_model_comes_with_it(library: Library, tmp_path: Path) -> None:
    made_models.model(tmp_path / "Seer-3B-Q4_K_M.gguf")
    made_models.projector(tmp_path / "mmproj-Seer-3B-f16.gguf")
    made_models.projector(tmp_path / "mmproj-Other-7B-f16.gguf")
    done = await bring(library, tmp_path / "Seer-3B-Q4_K_M.gguf")
    assert [(f.path.name, f.role) for f in done.model.files] == [
        ("Seer-3B-Q4_K_M.gguf", "weights"),
        ("mmproj-Seer-3B-f16.gguf", "projector"),
    ]
    assert "vision" in done.model.facts.capabilities


async def test_a_folder_is_brought_model_by_model(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    made_models.model(folder / "one.gguf")
    made_models.model(folder / "deep" / "two.gguf", seed=2)
    made_models.model(folder / "three.gguf", seed=3, tensors=4, split=2)
    (folder / "notes.txt").write_text("hello")
    sets, refused = find_sets(folder)
    for found in sets:
        await library.import_set(found, COPY)
    assert refused == []
    assert sorted(model.id for model in library.models) == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (lambda p: p.write_bytes(b""), GgufError),
        (lambda p: p.write_bytes(b"GGUF"), GgufError),
        (lambda p: p.write_bytes(os.urandom(5000)), GgufError),
        (lambda p: p.write_bytes(b"<!DOCTYPE html>" * 50), GgufError),
        (lambda p: made_models.model(p) and os.truncate(p, p.stat().st_size - 1), GgufError),
        (lambda p: made_models.model(p, kind="adapter"), DamagedError),
        (lambda p: made_models.model(p, kind="mmproj", architecture="clip"), DamagedError),
        (lambda p: made_models.model(p, tensors=0), DamagedError),
        (lambda p: os.mkfifo(p), DamagedError),
        (lambda p: p.symlink_to(p), OffGridError),
        (lambda p: p.symlink_to("nowhere"), OffGridError),
        (lambda p: p.symlink_to("/dev/zero"), DamagedError),
    ],
    ids=["empty", "magic", "noise", "html", "cut", "lora", "projector", "words", "pipe", "loop", "dangling", "zero"],
)
async def test_what_is_no_model_leaves_nothing(library: Library, tmp_path: Path, home: Paths, write, error) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.gguf"
    write(path)
    with pytest.raises(error):
        (found,), _ = find_sets(path)
        await library.import_set(found)
    assert below(home) == [] and library.models == ()


async def test_links_that_leave_a_folder_are_refused(library: Library, tmp_path: Path) -> None:
    (outside,) = made_models.model(tmp_path / "outside.gguf")
    folder = tmp_path / "stick"
    made_models.model(folder / "inside.gguf", seed=2)
    (folder / "away.gguf").symlink_to(outside)
    (folder / "gone.gguf").symlink_to("nothing")
    (folder / "within.gguf").symlink_to("inside.gguf")
    (folder / "up").symlink_to(tmp_path)
    sets, refused = find_sets(folder)
    assert sorted(one.weights[0].name for one in sets) == ["inside.gguf", "within.gguf"]
    assert sorted(one.path.name for one in refused) == ["away.gguf", "gone.gguf"]
    done = await bring(library, outside)  # named itself, it may be a link or not
    assert done.model.path.is_file()


@pytest.mark.parametrize(
    "name",
    [
        "\x1b[2J\x1b]52;c;aGk=\x07.gguf",
        "..gguf",
        "-rf.gguf",
        "a\nb.gguf",
        "x" * 240 + ".gguf",
        "C:\\con?.gguf",
        "\u202egpj.gguf",
        "🦙 ünï.gguf",
        "\udcff\udcfe.gguf",
    ],
)
async def test_hostile_names_become_plain_ones(library: Library, home: Paths, tmp_path: Path, name: str) -> None:
    (file,) = made_models.model(tmp_path / "plain.gguf", name="")
    hostile = tmp_path / "in" / name
    hostile.parent.mkdir()
    os.rename(file, hostile)
    done = await bring(library, hostile, COPY)
    path = done.model.path
    assert path.is_file() and path.parent.parent.parent == home.models
    for text in (str(path), done.model.id, done.model.name, done.model.source):
        assert text.isprintable() and text.encode()
    assert not path.name.startswith(("-", ".")) and len(os.fsencode(path.name)) <= 210
    json.loads(path.with_name(path.name + ".receipt.json").read_text("utf-8"))


async def test_a_promised_hash_has_to_hold(library: Library, home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "a.gguf")
    with pytest.raises(DamagedError, match="not what was promised"):
        await bring(library, file, Wish((Method.COPY,), "0" * 64))
    assert below(home) == []
    done = await bring(library, file, Wish((Method.COPY,), made_models.sha256(file)))
    assert done.model.check is Check.VERIFIED


async def test_one_hash_does_not_prove_two_files(library: Library, home: Paths, tmp_path: Path) -> None:
    parts = made_models.model(tmp_path / "b.gguf", tensors=4, split=2)
    with pytest.raises(UsageError):
        await bring(library, parts[0], Wish((Method.COPY,), made_models.sha256(parts[0])))
    assert below(home) == []


async def test_bytes_that_a_source_knows_get_its_place_and_name(library: Library, home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "whatever.gguf")
    promise = Promise("org/repo/f.gguf", "The Model", "org/repo", "f.gguf", "abc", "Org")
    object.__setattr__(library.shelf, "promises", {made_models.sha256(file): promise}.get)
    model = (await bring(library, file, COPY)).model
    assert (model.name, model.catalog, model.check) == ("The Model", "org/repo/f.gguf", Check.VERIFIED)
    assert model.path.relative_to(home.models).parts[:2] == ("org", "repo")


async def test_part_of_a_promise_proves_nothing(library: Library, tmp_path: Path) -> None:
    parts = made_models.model(tmp_path / "b.gguf", tensors=4, split=2)
    promise = Promise("org/repo/f.gguf", "The Model", "org/repo", "f.gguf")
    object.__setattr__(library.shelf, "promises", {made_models.sha256(parts[0]): promise}.get)
    assert (await bring(library, parts[0], COPY)).model.check is Check.UNVERIFIED


async def test_stopped_in_the_middle_it_leaves_nothing(
    library: Library, home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = made_models.model(tmp_path / "a.gguf", kib=9 * 1024)
    reached, on = asyncio.Event(), __import__("threading").Event()
    loop, real = asyncio.get_running_loop(), place_module._write_all

    def slow(descriptor: int, data: memoryview) -> None:
        real(descriptor, data)
        loop.call_soon_threadsafe(reached.set)
        on.wait(30)

    monkeypatch.setattr(place_module, "_write_all", slow)
    task = asyncio.create_task(bring(library, file, COPY))
    await reached.wait()
    assert any(name.endswith(".part") for name in below(home))
    task.cancel()
    await asyncio.sleep(0)
    on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert below(home) == [] and library.models == ()


def test_a_job_that_was_stopped_says_so() -> None:
    from offgrid_tui.library.work import Job

    job = Job("import", "x")
    job.advance(1)
    job.stop()
    with pytest.raises(Stopped) as caught:
        job.advance(1)
    assert caught.value.exit_code == 130


# ── processes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def killed_at(home: Paths, step: str, *words: str) -> None:
    process = start(home, *words, step)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()


@pytest.mark.parametrize("step", ["copying", "before-journal"])
async def test_killed_before_it_is_whole_it_is_not_there(
    library: Library, home: Paths, tmp_path: Path, step: str
) -> None:
    (file,) = made_models.model(tmp_path / "a.gguf", kib=9 * 1024)
    await asyncio.to_thread(killed_at, home, step, "held-copy", str(file))
    await library.reconcile()
    assert library.models == ()
    (left,) = leftovers(library.shelf)
    assert left.size >= 4 * 2**20
    done = await bring(library, file, COPY)  # sweeps what was left, and works
    assert leftovers(library.shelf) == []
    assert below(home) == ["local/a/a.gguf", "local/a/a.gguf.receipt.json"]
    assert done.model.path.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("step", ["renaming", "recording"])
async def test_killed_once_it_is_whole_it_is_finished(library: Library, home: Paths, tmp_path: Path, step: str) -> None:
    parts = made_models.model(tmp_path / "b.gguf", tensors=6, split=2)
    await asyncio.to_thread(killed_at, home, step, "held-copy", str(parts[0]))
    if step == "renaming":
        assert 0 < len(list(home.models.rglob("*.part"))) < 3
    await library.reconcile()
    (model,) = library.models
    assert [file.path.read_bytes() for file in model.files] == [part.read_bytes() for part in parts]
    assert model.problem == "" and model.origin is Origin.IMPORTED
    assert [file.sha256 for file in model.files] == [made_models.sha256(part) for part in parts]
    assert not list(home.models.rglob("*.part"))
    await library.reconcile()
    assert library.models == (model,)


def test_a_limit_on_files_leaves_nothing(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "a.gguf", kib=9 * 1024)
    process = start(home, "limited-copy", str(file), str(5 * 2**20))
    said, _ = process.communicate(timeout=60)
    assert said == "error NoSpace\n"
    assert below(home) == []


def test_a_full_disk_leaves_nothing(home: Paths, tmp_path: Path) -> None:
    mount = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=80m none "$0" && exec "$@"', str(home.models))
    home.models.mkdir(parents=True)
    if subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    (file,) = made_models.model(tmp_path / "a.gguf", kib=30 * 1024)
    # 80 MB less the 64 that are left free: the check before refuses it.
    said, _ = start(home, "copy", str(file), before=mount).communicate(timeout=60)
    assert said == "error NoSpace\n"


def test_a_disk_that_fills_meanwhile_leaves_nothing(home: Paths, tmp_path: Path) -> None:
    script = (
        'mount -t tmpfs -o size=80m none "$0" && fill=$1 && shift && dd if=/dev/zero of="$0/filler" bs=1M count=$fill'
        ' 2>/dev/null && "$@"; ls -A "$0" "$0/.incoming"'
    )
    home.models.mkdir(parents=True)
    before = ("unshare", "-m", "sh", "-c", script, str(home.models))
    if subprocess.run([*before, "1", "true"], capture_output=True).returncode not in (0, 2):
        pytest.skip("mounting is not allowed here")
    (file,) = made_models.model(tmp_path / "a.gguf", kib=9 * 1024)
    process = start(home, "copy-unchecked", str(file), before=(*before, "75"))
    said, _ = process.communicate(timeout=60)
    assert said.splitlines()[0] == "error NoSpace"
    assert "import-" not in said and ".part" not in said


def test_two_processes_bring_the_same_file_at_once(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "a.gguf", kib=9 * 1024)
    processes = [start(home, "copy-when-told", str(file)) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=60)[0] for process in processes)
    assert said == ["already a\n", "already a\n", "copy a\n"]
    assert below(home) == ["local/a/a.gguf", "local/a/a.gguf.receipt.json"]


def test_hashes_are_those_of_sha256sum(tmp_path: Path) -> None:
    from offgrid_tui.library.hashing import sha256_of
    from offgrid_tui.library.work import Job

    path = tmp_path / "x"
    path.write_bytes(os.urandom(9 * 2**20 + 5))
    job = Job("verify", "x")
    assert sha256_of(path, job) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert job.done == path.stat().st_size


def test_the_room_is_looked_at_before_a_copy(
    home: Paths, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from offgrid_tui.hardware.disk import Disk
    from offgrid_tui.library import importing
    from offgrid_tui.library.work import Job

    (file,) = made_models.model(tmp_path / "a.gguf")
    monkeypatch.setattr(importing, "read_disk", lambda _: Disk(10**9, 10_000))
    (found,), _ = find_sets(file)
    shelf: Shelf = library.shelf
    with pytest.raises(NoSpace) as caught:
        importing.import_set(shelf, found, COPY, Job("import", "a"))
    assert "10 kB free" in caught.value.detail
    assert importing.import_set(shelf, found, Wish(), Job("import", "a")).method is not Method.COPY
