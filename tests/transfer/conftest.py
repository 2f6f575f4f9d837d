"""Homes on both sides of the gap, and a medium between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.importing import Wish, find_sets
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.place import Method
from offgrid_tui.library.service import Library
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.exporting import Exported
from offgrid_tui.transfer.keys import KeyStore
from offgrid_tui.transfer.service import TransferService


@dataclass(frozen=True)
class Side:
    """One home with its library."""

    paths: Paths
    library: Library
    transfer: TransferService
    bus: Bus

    @property
    def keys(self) -> KeyStore:
        return self.transfer.keys

    async def has(self, file: Path) -> InstalledModel:
        """Import a model that the test made."""
        (found,), _ = find_sets(file)
        return (await self.library.import_set(found, Wish((Method.COPY,)))).model

    async def export(self, folder: Path, *models: InstalledModel, part: int | None = None) -> Exported:
        return await self.transfer.export(await self.transfer.plan(models, folder, part=part))

    def trusts(self, other: Side) -> None:
        key = other.keys.own()
        assert key is not None
        self.keys.trust(key.pem.encode(), "the other side")


Open = Callable[[str], Awaitable[Side]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a home of the given name."""
    async with AsyncExitStack() as stack:

        async def opened(name: str) -> Side:
            home = tmp_path / name
            paths = Paths.from_environment({"OFFGRID_HOME": str(home), "HOME": str(home)})
            bus = Bus()
            database = Database.open(paths.database)
            stack.push_async_callback(database.close)
            library = Library(paths, database, bus)
            await library.start()
            stack.push_async_callback(library.close)
            return Side(paths, library, TransferService(paths, library, bus), bus)

        yield opened


@pytest.fixture
async def here(opened: Open) -> Side:
    return await opened("here")


@pytest.fixture
async def there(opened: Open) -> Side:
    return await opened("there")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"
