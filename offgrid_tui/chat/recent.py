"""Which models were used, the last one first; another workstation on the same home sees the same list."""

from __future__ import annotations

from offgrid_tui.database.database import Database
from offgrid_tui.database.state import get_state, put_state

KEPT = 20
_KEY = "models.recent"


class RecentModels:
    """The paths (or a provider's names) of models that were loaded, newest first."""

    def __init__(self, database: Database, owner: str = "local") -> None:
        self._database = database
        self._owner = owner

    async def list(self) -> tuple[str, ...]:
        return tuple(await self._database.read(lambda conn: get_state(conn, _KEY, [], owner=self._owner)))

    async def last(self) -> str | None:
        """The model that was used last; None where there was none."""
        return next(iter(await self.list()), None)

    async def remember(self, model: str) -> None:
        """Put `model` first. Costs a read where it is that already: this is called for each answer."""
        if await self.last() == model:
            return
        await self._database.write(
            lambda conn: put_state(
                conn,
                _KEY,
                [model, *(m for m in get_state(conn, _KEY, [], owner=self._owner) if m != model)][:KEPT],
                owner=self._owner,
            )
        )
