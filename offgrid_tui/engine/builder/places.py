"""Where the builder keeps its things, below `paths.engines`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.engine.builder.recipe import VERSION
from offgrid_tui.system.paths import Paths


@dataclass(frozen=True, slots=True)
class Places:
    """One home's places. What lies in `work` survives an interruption and is removed after a build that succeeded."""

    root: Path
    log: Path

    @classmethod
    def of(cls, paths: Paths) -> Places:
        return cls(paths.engines, paths.logs / "engine-build.log")

    @property
    def lock(self) -> Path:
        return self.root / "build.lock"

    @property
    def progress(self) -> Path:
        return self.root / "build-progress.json"

    @property
    def wheels(self) -> Path:
        """The wheel that was built and those it needs: all that another machine without a network needs."""
        return self.root / "wheels"

    def environment(self, backend: str) -> Path:
        return self.root / f"{VERSION}-{backend}"

    def work(self, backend: str) -> Path:
        """Its name holds the version and the back-end: object files of another build are never taken over."""
        return self.root / f"work-{VERSION}-{backend}"
