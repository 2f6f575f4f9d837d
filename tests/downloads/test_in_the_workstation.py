"""A download as the list of models shows it, and the workstation's own service."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.downloads.model import DownloadState
from offgrid_tui.library.model import ModelState
from offgrid_tui.system.paths import Paths
from offgrid_tui.workstation import Workstation
from tests.downloads.downloads_desk import REPOSITORY, settings_for, tiny, until, variant_of
from tests.support.hub import LoopbackHub
from tests.support.scripted import ScriptedProvider

_OWN = """
[models.tiny-test]
name = "Tiny Test"
[[models.tiny-test.variants]]
repository = "{repository}"
revision = "{revision}"
quantisation = "Q4_0"
[[models.tiny-test.variants.files]]
path = "{path}"
size = {size}
sha256 = "{sha256}"
"""


async def test_the_list_shows_a_download_from_the_queue_to_the_model(
    home: Paths, hub: LoopbackHub, tmp_path: Path
) -> None:
    files = tiny(tmp_path)
    hub.add(REPOSITORY, files)
    variant = variant_of(hub, files)
    home.config.mkdir(parents=True)
    (home.config / "catalog.toml").write_text(
        _OWN.format(
            repository=REPOSITORY,
            revision=variant.revision,
            path=variant.files[0].path,
            size=variant.files[0].size,
            sha256=variant.files[0].sha256,
        )
    )
    station = await Workstation.open(home, settings_for(hub, limit=0.05), provider=ScriptedProvider(""))
    try:
        await station.models.ready()
        assert station.models.row(variant.key).state is ModelState.AVAILABLE
        added = await station.downloads.get(variant, "Tiny Test")
        row = await until(lambda: _row(station, variant.key, ModelState.DOWNLOADING))
        assert row.progress is not None and 0 <= row.progress < 1
        await station.downloads.pause(added.id)
        await until(lambda: _row(station, variant.key, ModelState.PAUSED))
        station.downloads.limit = None
        await station.downloads.resume(added.id)
        [done] = await station.downloads.ended([added.id])
        assert done.state is DownloadState.INSTALLED
        row = await until(lambda: _row(station, variant.key, ModelState.INSTALLED))
        assert row.installed is not None and row.installed.catalog == variant.key
    finally:
        await station.close()


def _row(station: Workstation, key: str, state: ModelState):  # type: ignore[no-untyped-def]
    row = station.models.row(key)
    return row if row.state is state else None
