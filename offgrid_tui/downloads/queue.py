"""The queue as it stands in the database: what there is, and what a person may do to it. Whoever works on this home
carries that out, be it this process or another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from offgrid_tui.catalog.model import Variant
from offgrid_tui.downloads.desk import Desk
from offgrid_tui.downloads.errors import NoDownload
from offgrid_tui.downloads.events import DownloadChanged, DownloadFailed, DownloadForgotten, DownloadProgressed
from offgrid_tui.downloads.installing import installed_twin
from offgrid_tui.downloads.model import ENDED, SHOWN, UNDER_WAY, Download, DownloadState, Progress, require
from offgrid_tui.downloads.wanted import wanted as wanted_of
from offgrid_tui.library.model import ModelState

if TYPE_CHECKING:
    import apsw


class DownloadQueue:
    """Lists and commands. `refresh` it once; then `all` is as it was last read."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._all: tuple[Download, ...] = ()

    # ── what there is ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def all(self) -> tuple[Download, ...]:
        """In the order of the queue, then what has ended; as it was last read."""
        return self._all

    def download(self, id: str) -> Download:
        """Raises NoDownload: there is none."""
        found = next((one for one in self._all if one.id == id), None)
        if found is None:
            raise NoDownload(id)
        return found

    def progress(self, id: str) -> Progress:
        """How far it is, as it was last told.

        Raises:
            NoDownload: there is none.
        """
        download = self.download(id)
        if (now := self._own_progress(id)) is not None:
            return replace(now, state=download.state)
        return Progress(id, download.state, download.done, download.total, sum(f.received for f in download.files))

    def arrivals(self) -> Mapping[str, tuple[ModelState, float | None]]:
        """By key of a variant: its state, and how far it is (0 to 1). For lists of models."""
        found: dict[str, tuple[ModelState, float | None]] = {}
        for one in self._all:
            if one.state in SHOWN:
                total, done = one.total, self.progress(one.id).done
                found[one.key] = SHOWN[one.state], min(1.0, done / total) if total else None
        return found

    async def refresh(self) -> None:
        """Read the list again; tells what has changed."""
        before = {one.id: one for one in self._all}
        self._all = await self._desk.database.read(self._desk.store.all)
        for now in self._all:
            was = before.pop(now.id, None)
            if was is None or _shown(was) != _shown(now):
                self._desk.bus.publish(DownloadChanged(now, None if was is None else was.state))
                if now.state is DownloadState.FAILED and (was is None or was.state is not now.state):
                    self._desk.bus.publish(DownloadFailed(now))
            elif was.done != now.done and self._own_progress(now.id) is None:
                self._desk.bus.publish(DownloadProgressed(self.progress(now.id)))
        for gone in before:
            self._desk.bus.publish(DownloadForgotten(gone))

    # ── what a person does ─────────────────────────────────────────────────────────────────────────────────────────

    async def get(self, variant: Variant, name: str = "", *, priority: int = 0) -> Download:
        """Have `variant` come here: queued, or, where it is under way or here already, as it is.

        Args:
            name: of the model, as lists show it.

        Raises:
            RefusedError: it can't be had; off-grid mode.
        """
        wanted = wanted_of(variant, name, priority, self._desk.clock.wall())
        shelf = self._desk.library.shelf
        twin = await asyncio.to_thread(installed_twin, shelf, wanted)
        if twin is None:
            for host in self._desk.hosts(wanted):
                if host == self._desk.access.hub_host:
                    self._desk.access.require_hub(f"download {wanted.name}")
                else:
                    self._desk.access.policy.require(f"download {wanted.name}", host)

        def write(conn: apsw.Connection) -> Download:
            position = self._desk.store.last_position(conn) + 1
            added = self._desk.store.add(conn, replace(wanted, position=position))
            if twin is not None and added.state is DownloadState.QUEUED:
                moved = self._desk.store.move(
                    conn, added.id, DownloadState.INSTALLED, wanted.updated, model=twin.id, done=added.total or 0
                )
                return moved or added
            return added

        added = await self._desk.database.write(write)
        await self.refresh()
        self._commanded(added.id)
        return added

    async def pause(self, id: str) -> Download:
        """Stop the transfer and keep what came.

        Raises:
            NoDownload, RefusedError: it has ended already.
        """
        return await self._move(id, DownloadState.PAUSED)

    async def resume(self, id: str) -> Download:
        """Go on with what is paused; what waits tries again now.

        Raises:
            NoDownload, RefusedError: it has ended.
        """
        return await self._again(id)

    async def retry(self, id: str) -> Download:
        """Try again what failed or was cancelled, from what came.

        Raises:
            NoDownload, RefusedError: it is here.
        """
        return await self._again(id)

    async def cancel(self, id: str, *, keep: bool = False) -> Download:
        """Give it up; what came is deleted, unless `keep`.

        Raises:
            NoDownload, RefusedError: it is here already.
        """
        return await self._move(id, DownloadState.CANCELLED, discard=not keep)

    async def prioritise(self, id: str, priority: int) -> Download:
        """Higher goes first."""
        return await self._change(id, lambda found: replace(found, priority=priority))

    async def reorder(self, id: str, by: int) -> Download:
        """Move it `by` places within its priority: up where that is negative."""
        peers = [one for one in self._all if one.priority == self.download(id).priority and one.state not in ENDED]
        order = [one for one in peers if one.id != id]
        at = next((n for n, one in enumerate(peers) if one.id == id), 0)
        to = max(0, min(len(order), at + by))
        before = order[to - 1].position if to > 0 else (order[0].position - 1 if order else 0.0)
        after = order[to].position if to < len(order) else before + 2
        return await self._change(id, lambda found: replace(found, position=(before + after) / 2))

    async def clear(self) -> int:
        """Forget what has ended, but what failed with a part of it here; how many."""
        gone = [
            one.id
            for one in self._all
            if one.state is DownloadState.INSTALLED
            or (one.state in ENDED and not self._desk.folder(one.id).exists() and not one.discard)
        ]
        await self._desk.database.write(lambda conn: self._desk.store.forget(conn, gone))
        await self.refresh()
        return len(gone)

    async def ended(self, ids: Iterable[str]) -> tuple[Download, ...]:
        """Wait until none of `ids` is under way any more: installed, failed, paused or cancelled, by whomever."""
        wanted = set(ids)
        moved = asyncio.Event()
        end = self._desk.bus.subscribe(DownloadChanged, lambda _: moved.set())
        try:
            while True:
                moved.clear()
                if not any(one.id in wanted and one.state in UNDER_WAY for one in self._all):
                    return tuple(one for one in self._all if one.id in wanted)
                await moved.wait()
        finally:
            end()

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _again(self, id: str) -> Download:
        found = next((one for one in self._all if one.id == id), None)
        if found is not None and found.state in UNDER_WAY:
            self._commanded(id)
            return found
        return await self._move(id, DownloadState.QUEUED)

    async def _move(self, id: str, then: DownloadState, *, discard: bool = False) -> Download:
        def change(found: Download) -> Download:
            require(found, then)
            return replace(found, state=then, waiting=None, problem=None, discard=discard)

        return await self._change(id, change)

    async def _change(self, id: str, change: Callable[[Download], Download]) -> Download:
        store, now = self._desk.store, self._desk.clock.wall()

        def write(conn: apsw.Connection) -> Download:
            if (found := store.one(conn, id)) is None:
                raise NoDownload(id)
            changed = replace(change(found), updated=now)
            store.put(conn, changed)
            return changed

        changed = await self._desk.database.write(write)
        await self.refresh()
        self._commanded(id)
        return changed

    # ── for who works on it ────────────────────────────────────────────────────────────────────────────────────────

    def _own_progress(self, id: str) -> Progress | None:
        """How far it is, where this process works on it."""
        return None

    def _commanded(self, id: str) -> None:
        """Somebody wants something of `id`, here and now."""


def _shown(one: Download) -> tuple[object, ...]:
    return (one.state, one.waiting, one.problem, one.priority, one.position, one.files and one.total, one.model)
