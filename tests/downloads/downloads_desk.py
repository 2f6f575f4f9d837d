"""A home with its own download service, and models that a loopback hub has."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from offgrid_tui.catalog.model import CatalogFile, Proof, Role, Variant
from offgrid_tui.database.database import Database
from offgrid_tui.downloads.contract import Patience
from offgrid_tui.downloads.model import Download, DownloadState
from offgrid_tui.downloads.service import DownloadService
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.service import Library
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import DownloadSettings, NetworkSettings, Settings
from offgrid_tui.system.paths import Paths
from tests.library import made_models
from tests.support.hub import LoopbackHub

REPOSITORY = "acme/Tiny-GGUF"
INTERVAL = 64 * 2**10
QUICK = Patience(base=0.02, longest=0.1, stall=0.5, tell=0.02, space=0.1)


def settings_for(hub: LoopbackHub, *, network: dict[str, Any] | None = None, **downloads: Any) -> Settings:
    return Settings(
        network=NetworkSettings(**{"hub": hub.url, "timeout": 2.0, "deadline": 5.0, **(network or {})}),
        downloads=DownloadSettings(**{"reserve": 0.0, "background": False, **downloads}),
    )


class Bench:
    """One OffGrid on the home; several may be made on one. A context manager."""

    def __init__(
        self,
        home: Paths,
        settings: Settings,
        *,
        interval: int = INTERVAL,
        patience: Patience = QUICK,
        work: bool = True,
    ) -> None:
        self.home = home
        self.told: list[Any] = []
        self.bus = Bus()
        self.bus.subscribe(object, self.told.append)
        self.database = Database.open(home.database)
        self.library = Library(home, self.database, self.bus)
        policy = NetworkPolicy(settings.network)
        self.access = NetworkAccess(policy, settings.network, env={"HOME": "/nonexistent"})
        self.downloads = DownloadService(
            home, self.database, self.bus, self.access, self.library, settings, interval=interval, patience=patience
        )
        self._work = work

    async def __aenter__(self) -> Bench:
        await self.library.start()
        if self._work:
            await self.downloads.start()
        else:
            await self.downloads.refresh()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.downloads.close()
        await self.library.close()
        await self.database.close()

    async def get(self, variant: Variant, name: str = "Tiny") -> Download:
        """Queue it, and wait until it is no longer under way."""
        added = await self.downloads.get(variant, name)
        return (await self.downloads.ended([added.id]))[0]

    async def until(self, id: str, *states: DownloadState) -> Download:
        return await until(lambda: self._in(id, states))

    def _in(self, id: str, states: tuple[DownloadState, ...]) -> Download | None:
        found = self.downloads.download(id)
        return found if found.state in states else None

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


async def until(fact: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for a fact; its value."""
    ends = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < ends, "it never became true"
        await asyncio.sleep(0.01)
    return found


def tiny(tmp_path: Path, *, seed: int = 1, kib: int = 512, **more: Any) -> dict[str, bytes]:
    """The files of a model, by name."""
    folder = tmp_path / f"made-{seed}-{kib}-{more.get('split', 0)}"
    return {p.name: p.read_bytes() for p in made_models.model(folder / "tiny-Q4_0.gguf", seed=seed, kib=kib, **more)}


def variant_of(
    hub: LoopbackHub, files: dict[str, bytes], *, repository: str = REPOSITORY, hashes: bool = True, **more: Any
) -> Variant:
    """What a catalog would say of `files` as they are in the hub now."""
    return Variant(
        quantisation="Q4_0",
        repository=repository,
        files=tuple(
            CatalogFile(
                path,
                len(data),
                hashlib.sha256(data).hexdigest() if hashes else None,
                role=Role.PROJECTOR if "mmproj" in path else Role.WEIGHTS,
            )
            for path, data in files.items()
        ),
        **{"revision": hub.repositories[repository].head, "proof": Proof.PROVEN, **more},
    )


def without_sizes(variant: Variant) -> Variant:
    return replace(variant, files=tuple(replace(file, size=None, sha256=None) for file in variant.files))


def fetched(hub: LoopbackHub) -> list[str]:
    """The ranges that were asked of the CDN, in order; empty for a whole file."""
    return [request.headers.get("range", "") for request in hub.asked("", server="cdn") if request.method == "GET"]
