"""What every worker of one service shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from offgrid_tui.catalog.hub.files import safe_path
from offgrid_tui.database.database import Database
from offgrid_tui.downloads.contract import OrderedFile, Patience
from offgrid_tui.downloads.model import Download, DownloadFile
from offgrid_tui.downloads.places import folder_of
from offgrid_tui.downloads.store import DownloadStore
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.service import Library
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.settings.schema import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Made once for each service. `me` names this process (system/identity.py)."""

    database: Database
    store: DownloadStore
    bus: Bus
    access: NetworkAccess
    library: Library
    settings: Settings
    clock: Clock
    me: str
    log: Path
    patience: Patience
    interval: int  # bytes between two journals

    @property
    def incoming(self) -> Path:
        return self.library.shelf.incoming

    @property
    def reserve(self) -> int:
        """Bytes that stay free."""
        return round(self.settings.downloads.reserve * 1e9)

    @property
    def limit(self) -> int | None:
        """Bytes in a second, of all downloads together."""
        limit = self.settings.downloads.limit
        return None if limit is None else max(1, round(limit * 1e6))

    def folder(self, id: str) -> Path:
        return folder_of(self.incoming, id)

    def ordered(self, download: Download, number: int) -> OrderedFile:
        """File `number`, as a mover needs to know it.

        Raises:
            BadEntry: its path leads out of its repository.
        """
        file = download.files[number]
        if file.url:
            return OrderedFile(number, file.path, file.url, file.size, file.sha256)
        revision = download.revision if file.repository == download.repository else ""
        place = f"{file.repository}/resolve/{quote(revision or 'main', safe='')}/{quote(safe_path(file.path))}"
        return OrderedFile(
            number, file.path, f"{self.access.hub}/{place}", file.size, file.sha256, file.repository, hub=True
        )

    def hosts(self, download: Download) -> set[str]:
        """Whom `download` would speak to first."""
        return {urlsplit(f.url).hostname or "" if f.url else self.access.hub_host for f in download.files}


def purpose_of(file: DownloadFile | None, name: str) -> str:
    return f"download {file.path if file is not None else name}"
