"""The library's blocking core: where its files are, its records, and the lock under which both change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.ports import Promises
from offgrid_tui.library.store import LibraryStore, Mark
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths

if TYPE_CHECKING:
    import apsw


@dataclass(frozen=True, slots=True)
class Shelf:
    """For worker threads: every method may wait for a disk. Made once for each Library."""

    paths: Paths
    database: Database
    store: LibraryStore
    clock: Clock
    promises: Promises

    @property
    def folder(self) -> Path:
        """Our own files: models/<publisher>/<repository>/<file>.gguf. It may be a symbolic link to another disk."""
        return self.paths.models

    @property
    def incoming(self) -> Path:
        """What has not arrived whole yet; on the same disk, so that the last step is a rename."""
        return self.folder / ".incoming"

    def lock(self, timeout: float = 30.0) -> FileLock:
        """Held while files of ours are put in place, moved or removed, and their records with them."""
        return FileLock(self.paths.data / "library.lock", what="the model library", timeout=timeout)

    def models(self) -> tuple[InstalledModel, ...]:
        return self.database.read_now(self.store.models)

    def marks(self) -> dict[str, Mark]:
        return self.database.read_now(self.store.marks)

    def put(self, model: InstalledModel) -> None:
        self.database.write_now(lambda conn: self.store.put(conn, model))

    def update(self, model: InstalledModel) -> None:
        """Write what was found of a model's files, unless it was removed or moved while somebody looked. What its
        user chose meanwhile stays."""

        def write(conn: apsw.Connection) -> None:
            now = next((one for one in self.store.models(conn) if one.id == model.id), None)
            if now is not None and [file.path for file in now.files] == [file.path for file in model.files]:
                self.store.put(conn, replace(model, pinned=now.pinned, last_used=now.last_used))

        self.database.write_now(write)

    def forget(self, *ids: str) -> None:
        self.database.write_now(lambda conn: self.store.forget(conn, ids))

    def is_ours(self, path: Path) -> bool:
        """Whether `path`, as it is recorded, lies in our own folder."""
        return path.is_relative_to(self.folder)
