"""What the library asks of parts that it must not import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Promise:
    """What a source says about bytes of one SHA-256: which file of which model they are."""

    catalog: str  # key of the variant
    name: str  # of the model
    repository: str
    file: str  # its path in the repository
    revision: str = ""
    publisher: str = ""


class Promises(Protocol):
    """Asked with a SHA-256 in lower-case hexadecimal digits; None where no source knows it."""

    def __call__(self, sha256: str) -> Promise | None: ...


class Usage(Protocol):
    """Who uses model files; the engine answers."""

    async def in_use(self, path: Path) -> bool:
        """Whether an answer is being written from `path` now."""
        ...

    async def unload(self, path: Path) -> bool:
        """Free the memory that `path` has; whether it had any.

        Raises:
            OffGridError: it is answering.
        """
        ...


class NobodyUses:
    """Where there is no engine to ask."""

    async def in_use(self, path: Path) -> bool:
        return False

    async def unload(self, path: Path) -> bool:
        return False


def no_promises(sha256: str) -> Promise | None:
    """Where there is no catalog."""
    return None
