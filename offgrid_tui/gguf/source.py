"""Where the bytes of a file come from: a local file now, ranges of a remote one later."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Protocol

from offgrid_tui.foundation.errors import NotFoundError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.errors import GgufError, GgufProblem


class ByteSource(Protocol):
    """Bytes that can be read from any place."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; fewer only where the end comes first, none past it."""
        ...


class FileSource:
    """A local file, opened once; its size is taken when it is opened. Use it in a `with` block.

    Raises:
        NotFoundError: there is no such file.
        GgufError: it is a folder, a device or a pipe.
        OffGridError: it may not or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        name = clean_line(path.name)
        try:
            # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a 0 byte in the path
            raise NotFoundError(
                f"There is no file {name}", detail=clean_line(str(path)), mend="Check the path."
            ) from None
        except OSError as error:
            raise _unreadable(path, error) from None
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise GgufError(GgufProblem.NOT_GGUF, f"{name} is not a file", detail=clean_line(str(path)))
        self.path = path
        self.size = status.st_size

    def read_at(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, offset)
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class MemorySource:
    """Bytes that are in memory already: the first megabytes of a download, a header kept from earlier.

    `size` is the size of the whole file where `data` is only its beginning.
    """

    def __init__(self, data: bytes, size: int | None = None) -> None:
        self._data = data
        self.size = len(data) if size is None else size

    def read_at(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]


def _unreadable(path: Path, error: OSError) -> OffGridError:
    return OffGridError(
        f"{clean_line(path.name)} cannot be read",
        detail=f"{clean_line(str(path))}: {error.strerror}",
        mend="Check the permissions of the file and the disk it is on.",
    )
