"""What lies below the root of a bundle: looked at without following or opening anything, bounded."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.transfer.errors import DamagedBundle, HostileBundle
from offgrid_tui.transfer.layout import DEEPEST, MOST_FILES, PARTIAL, is_litter


def files_below(root: Path) -> dict[str, int]:
    """Path with slashes -> size in bytes of every file below `root`, without what desktops leave there.

    Raises:
        HostileBundle: a link, a device or the like is among them, two have one name but for case, or they are too
            many or too deep.
        DamagedBundle: a folder can't be read.
    """
    found: dict[str, int] = {}
    names: set[str] = set()
    count = 0

    def look(folder: Path, before: str, depth: int) -> None:
        nonlocal count
        with os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                if count > MOST_FILES:
                    raise HostileBundle(f"It holds more than {MOST_FILES} files.")
                status = entry.stat(follow_symlinks=False)
                path = before + entry.name
                if stat.S_ISDIR(status.st_mode):
                    if depth >= DEEPEST:
                        raise HostileBundle(f"Its folders are nested too deeply: {path[:200]}.")
                    look(Path(entry.path), path + "/", depth + 1)
                elif not stat.S_ISREG(status.st_mode):
                    raise HostileBundle(f"It holds {_kind(status.st_mode)}: {path[:200]}.")
                elif is_litter(entry.name):
                    continue
                else:
                    found[path] = status.st_size
                folded = unicodedata.normalize("NFC", path.encode("utf-8", "replace").decode()).casefold()
                if folded in names:
                    raise HostileBundle(f"It holds {path[:200]} twice.")
                names.add(folded)

    try:
        if not stat.S_ISDIR(root.lstat().st_mode):
            raise HostileBundle(f"{root.name} is no folder.")
        look(root, "", 1)
    except OSError as error:
        raise DamagedBundle(f"{clean_line(str(root))} can't be read: {error.strerror}.") from None
    return found


def open_below(root: Path, path: str) -> int:
    """A descriptor to read the file at `path`; no link on the way is followed, and nothing but a file is opened.

    Raises:
        OSError: it is not there, or can't be read.
        HostileBundle: it is no file.
    """
    *folders, name = path.split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for one in folders:
            below = os.open(one, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = below
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise HostileBundle(f"{path[:200]} is no file.")
    return descriptor


def read_small(root: Path, path: str, most: int) -> bytes:
    """The contents of a small file below `root`.

    Raises:
        DamagedBundle: it can't be read.
        HostileBundle: it is larger than `most` bytes, or no file.
    """
    try:
        descriptor = open_below(root, path)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise DamagedBundle(f"{path} can't be read: {error.strerror}.") from None
    if len(data) > most:
        raise HostileBundle(f"{path} is larger than {most} bytes.")
    return data


def is_partial(path: str) -> bool:
    """Whether `path` is what an export was writing when it was cut off."""
    return path.endswith(PARTIAL)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
