"""How much memory OffGrid has right now: this program, the engine host and its workers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offgrid_tui.foundation.errors import OffGridError

if TYPE_CHECKING:
    from offgrid_tui.engine.client import EngineClient
    from offgrid_tui.settings.schema import MemorySettings

ANSWER_SECONDS = 3.0  # a host that is busier than this has no figure to give


class MemorySampler:
    """Samples on request; a sample costs a millisecond, most of it in the host."""

    def __init__(self, engine: EngineClient, settings: MemorySettings) -> None:
        self._engine = engine
        self._settings = settings
        self._share: int | None = None

    async def sample(self) -> tuple[int, int]:
        """Bytes in memory, and bytes of the budget."""
        if self._share is None:
            self._share = await asyncio.to_thread(self._read_share)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                report = await self._engine.status()
        except (OffGridError, TimeoutError):
            report = None
        pids = [report.pid] if report else []
        used = await asyncio.to_thread(_resident, pids)
        if report is None:
            return used, self._share
        workers = sum(worker.resident or 0 for worker in report.workers)
        return used + workers, report.budget or self._share

    def _read_share(self) -> int:
        from offgrid_tui.fit.budget import budget
        from offgrid_tui.hardware.probe import probe

        return budget(probe(), self._settings).share


def _resident(pids: list[int]) -> int:
    """Resident bytes of this process and `pids`; one that has gone counts nothing."""
    import psutil  # 20 ms of import that the first frame does not wait for

    total = int(psutil.Process().memory_info().rss)
    for pid in pids:
        try:
            total += int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            continue
    return total
