"""Exports and imports that are killed, run out of disk, or meet a filesystem with small files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.errors import UnfinishedBundle
from tests.library import made_models
from tests.transfer.conftest import Side
from tests.transfer.transfer_process import KIB, PART, said, start

SMALL_DISK = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && "$@"; ls -A "$0"')
_CAN_MOUNT = subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


@pytest.fixture(autouse=True)
def _runtime(home: Paths) -> None:
    """Children get a runtime folder of their own."""


def kill(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()) != "held\n":
        assert line, "it ended before it was held"
    process.kill()
    process.wait()


def whole(stick: Path) -> bool:
    """Whether coreutils find all of it right, and nothing else lies there."""
    root = stick / "offgrid-bundle"
    done = subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=root, capture_output=True)
    listed = {line.split("  ", 1)[1] for line in (root / "SHA256SUMS").read_text().splitlines()}
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return (
        done.returncode == 0 and found == listed | {"SHA256SUMS"} and not (stick / "offgrid-bundle.unfinished").exists()
    )


@pytest.mark.parametrize("moment", ["first-write", "writing", "reading-back", "papers", "texts", "signature", "sync"])
async def test_an_export_that_was_killed_goes_on(
    here: Side, there: Side, stick: Path, tmp_path: Path, moment: str
) -> None:
    await here.has(made_models.model(tmp_path / "m.gguf", kib=900)[0])
    kill(start(here.paths, "held-export", str(stick), moment))
    with pytest.raises(UnfinishedBundle):
        await there.transfer.read(stick)
    files = {path: path.stat().st_ino for path in (stick / "offgrid-bundle").rglob("*.gguf.0*")}
    assert said(here.paths, "export-parts", str(stick)).startswith("exported 1 ")
    assert whole(stick)
    # Parts that stood there under their names were not written again.
    done = {path: number for path, number in files.items() if not path.name.endswith(".partial")}
    assert {path: path.stat().st_ino for path in done} == done
    bundle = await there.transfer.read(stick)
    await there.transfer.install(bundle, bundle.models[0])
    assert len(there.library.models) == 1


@pytest.mark.parametrize("moment", ["first-write", "papers", "texts", "signature", "sync"])
async def test_what_was_there_before_a_killed_export_stays(
    here: Side, there: Side, stick: Path, tmp_path: Path, moment: str
) -> None:
    first = await here.has(made_models.model(tmp_path / "a.gguf", kib=300)[0])
    await here.export(stick, first, part=PART)
    await here.has(made_models.model(tmp_path / "b.gguf", seed=2, kib=600)[0])
    kill(start(here.paths, "held-export", str(stick), moment))
    # The first is no more here, so what becomes of it depends on what the bundle says.
    await here.library.remove(first.id)
    assert said(here.paths, "export-parts", str(stick)).startswith("exported 2 ")
    assert whole(stick)
    bundle = await there.transfer.read(stick)
    for model in bundle.models:
        await there.transfer.install(bundle, model)
    assert sorted(model.path.name for model in there.library.models) == ["a.gguf", "b.gguf"]


async def test_a_journal_of_somebody_else_is_not_believed(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    """Whoever holds the stick between two tries can write that file too."""
    await there.export(stick, await there.has(made_models.model(tmp_path / "evil.gguf", seed=9)[0]))
    (stick / "offgrid-bundle.sig").rename(tmp_path / "sig")
    manifest = (stick / "offgrid-bundle/manifest.json").read_text()
    import json

    for signature in ("", (tmp_path / "sig").read_text()):
        text = json.dumps({"manifest": manifest, "signature": signature, "planned": ["../../../etc/passwd"]})
        (stick / "offgrid-bundle.unfinished").write_text(text)
        await here.has(made_models.model(tmp_path / "m.gguf")[0])
        assert said(here.paths, "export", str(stick)) == "error ForeignBundle\n"


async def test_a_filesystem_with_small_files_gets_parts(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    """RLIMIT_FSIZE refuses what FAT32 refuses, with the same error."""
    made = made_models.model(tmp_path / "m.gguf", kib=900)[0]
    await here.has(made)
    size = made.stat().st_size
    assert said(here.paths, "limited-export", str(stick), str(300 * KIB)) == f"exported 1 {size} 4\n"
    assert whole(stick)
    bundle = await there.transfer.read(stick)
    await there.transfer.install(bundle, bundle.models[0])
    assert there.library.models[0].files[0].sha256 == made_models.sha256(made)


@pytest.mark.skipif(not _CAN_MOUNT, reason="mounting is not allowed here")
async def test_a_stick_that_is_too_small_is_left_empty(here: Side, stick: Path, tmp_path: Path) -> None:
    await here.has(made_models.model(tmp_path / "m.gguf", kib=900)[0])
    stick.mkdir()
    assert said(here.paths, "export", str(stick), before=(*SMALL_DISK, str(stick))) == "error NoSpace\n"


@pytest.mark.skipif(not _CAN_MOUNT, reason="mounting is not allowed here")
async def test_a_stick_that_fills_meanwhile_is_never_signed(here: Side, stick: Path, tmp_path: Path) -> None:
    await here.has(made_models.model(tmp_path / "m.gguf", kib=1500)[0])
    stick.mkdir()
    lines = said(here.paths, "unchecked-export", str(stick), before=(*SMALL_DISK, str(stick))).splitlines()
    assert lines == ["error NoSpace", "offgrid-bundle", "offgrid-bundle.unfinished"]


@pytest.mark.parametrize("moment", ["joining", "joined", "committing", "renaming"])
async def test_an_import_that_was_killed_goes_on(
    here: Side, there: Side, stick: Path, tmp_path: Path, moment: str
) -> None:
    made = made_models.model(tmp_path / "m.gguf", kib=900)[0]
    await here.export(stick, await here.has(made), part=PART)
    kill(start(there.paths, "held-import", str(stick), moment))
    await there.library.reload()
    assert there.library.models == ()
    (arriving,) = there.paths.models.glob(".incoming/import-kept-*/0000.part") if moment != "renaming" else (None,)
    before = arriving.stat().st_ino if arriving is not None else None
    other = made_models.model(tmp_path / "other.gguf", seed=2)[0]
    await there.has(other)  # another import does not sweep it away
    assert said(there.paths, "import", str(stick)).startswith("imported m")
    await there.library.reload()
    (model,) = [one for one in there.library.models if one.path.name == "m.gguf"]
    assert made_models.sha256(model.path) == made_models.sha256(made)
    assert before is None or model.path.stat().st_ino == before  # the file that was begun was gone on with
    assert not list(there.library.shelf.incoming.iterdir())


@pytest.mark.skipif(not _CAN_MOUNT, reason="mounting is not allowed here")
async def test_an_import_to_a_full_disk_installs_nothing(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf", kib=1500)[0]))
    there.paths.models.mkdir(parents=True)
    before = (*SMALL_DISK, str(there.paths.models))
    assert said(there.paths, "import", str(stick), before=before).splitlines()[0] == "error NoSpace"
    assert said(there.paths, "unchecked-import", str(stick), before=before).splitlines() == [
        "error NoSpace",
        ".incoming",
    ]


@pytest.mark.skipif(not _CAN_MOUNT, reason="mounting is not allowed here")
async def test_a_read_only_medium_is_enough(here: Side, there: Side, stick: Path, tmp_path: Path) -> None:
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    read_only = ("unshare", "-m", "sh", "-c", 'mount --bind -o ro "$0" "$0" && "$@"', str(stick))
    assert said(there.paths, "import", str(stick), before=read_only) == "imported m\n"
    assert said(there.paths, "export", str(stick), before=read_only).startswith("error ")
