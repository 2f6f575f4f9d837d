"""A download from the first byte to the model in the list, with everything as it should be."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.downloads.events import DownloadInstalled, DownloadProgressed
from offgrid_tui.downloads.model import DownloadState
from offgrid_tui.library.model import Check, Origin
from offgrid_tui.library.receipt import read_receipt
from offgrid_tui.system.paths import Paths
from tests.downloads.downloads_desk import REPOSITORY, Bench, settings_for, tiny, until, variant_of
from tests.library.made_models import projector
from tests.support.hub import LoopbackHub


async def test_a_model_arrives_and_is_in_the_list(home: Paths, hub: LoopbackHub, tmp_path: Path) -> None:
    files = tiny(tmp_path)
    hub.add(REPOSITORY, files)
    variant = variant_of(hub, files)
    async with Bench(home, settings_for(hub)) as bench:
        done = await bench.get(variant, "Tiny Test")
        assert (done.state, done.problem) == (DownloadState.INSTALLED, None)
        [model] = bench.library.models
        assert (model.origin, model.check, model.catalog) == (Origin.DOWNLOADED, Check.VERIFIED, variant.key)
        assert model.path == home.models / REPOSITORY / "tiny-Q4_0.gguf"
        assert model.path.read_bytes() == files["tiny-Q4_0.gguf"]
        receipt = read_receipt(model.path)
        assert receipt is not None and receipt.revision == hub.repositories[REPOSITORY].head
        assert not list((home.models / ".incoming").iterdir())
        [installed] = await until(lambda: bench.events(DownloadInstalled))
        assert installed.model.id == model.id == done.model
        shown = [event.progress.done for event in bench.events(DownloadProgressed)]
        assert shown == sorted(shown) and shown[-1] == model.size


async def test_parts_and_projector_are_one_download(home: Paths, hub: LoopbackHub, tmp_path: Path) -> None:
    files = tiny(tmp_path, kib=256, tensors=4, split=2)
    files["mmproj-F16.gguf"] = projector(tmp_path / "mmproj-F16.gguf").read_bytes()
    hub.add(REPOSITORY, files)
    assert len(files) == 3
    async with Bench(home, settings_for(hub)) as bench:
        done = await bench.get(variant_of(hub, files))
        assert (done.state, done.problem) == (DownloadState.INSTALLED, None)
        [model] = bench.library.models
        assert [file.role for file in model.files] == ["weights", "weights", "projector"]
        assert {file.path.name: file.path.read_bytes() for file in model.files} == files
        assert "vision" in model.facts.capabilities
