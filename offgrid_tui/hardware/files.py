"""Reads the kernel's small text files under a root that a test can choose."""

from __future__ import annotations

from pathlib import Path


class SystemFiles:
    """`/proc`, `/sys`, `/dev` and `/etc` below `root`. What cannot be read is empty: kernels and containers differ."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def text(self, path: str) -> str:
        """The contents of `path` (absolute), or nothing."""
        try:
            return self.place(path).read_text("utf-8", "replace")
        except OSError:
            return ""

    def number(self, path: str) -> int | None:
        """The one whole number in `path`; None for anything else, `max` too."""
        try:
            return int(self.text(path))
        except ValueError:
            return None

    def exists(self, path: str) -> bool:
        try:
            return self.place(path).exists()
        except OSError:
            return False

    def glob(self, pattern: str) -> list[str]:
        """The absolute paths that match, sorted; none where a folder may not be read, or a name holds a `*`."""
        try:
            found = list(self.root.glob(pattern.lstrip("/")))
        except (OSError, ValueError):
            return []
        return sorted("/" + path.relative_to(self.root).as_posix() for path in found)

    def target(self, path: str) -> str:
        """What the link at `path` leads to, as it is written; empty where it is no link."""
        try:
            return str(self.place(path).readlink())
        except (OSError, ValueError):
            return ""

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def numbers_in(text: str) -> set[int]:
    """A kernel list such as `0-3,8,10-11`."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            found.update(range(int(first), int(last if last.isdigit() else first) + 1))
    return found
