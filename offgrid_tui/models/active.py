"""Which model answers: kept for the home, so that the next start and other commands find it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from offgrid_tui.database.database import Database
from offgrid_tui.database.state import get_state, put_state
from offgrid_tui.library.model import InstalledModel

_KEY = "models.active"


class ActiveModel:
    """The path of the model that answers, as it was last read."""

    def __init__(self, database: Database, owner: str = "local") -> None:
        self._database = database
        self._owner = owner
        self.path: Path | None = None

    async def load(self) -> None:
        text = await self._database.read(lambda conn: get_state(conn, _KEY, owner=self._owner))
        self.path = Path(text) if isinstance(text, str) else None

    async def choose(self, path: Path | None) -> bool:
        """Whether that changed anything."""
        if path == self.path:
            return False
        text = None if path is None else str(path)
        await self._database.write(lambda conn: put_state(conn, _KEY, text, owner=self._owner))
        self.path = path
        return True

    def among(self, models: Iterable[InstalledModel]) -> InstalledModel | None:
        """The one of `models` that answers."""
        return next((model for model in models if model.path == self.path), None)


def most_recent(models: Iterable[InstalledModel]) -> InstalledModel | None:
    """The one to fall back to: whole, and used last; None where none was ever used."""
    used = [model for model in models if not model.problem and model.last_used is not None]
    return max(used, key=lambda model: model.last_used or 0.0, default=None)
