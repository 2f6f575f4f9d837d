"""The worker's two pipes: requests come in as JSON lines, events go out, and nothing else ever does."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import cast, get_args

from offgrid_tui.engine.codec import MAX_LINE, ContractError, decode, encode
from offgrid_tui.engine.contract import Error, ErrorCode, Event, Request

_REQUESTS = get_args(Request)


class Wire:
    """Reads requests from one descriptor and writes events to another; both become its own."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._input = os.fdopen(read_fd, "rb")
        self._output = write_fd
        self._lock = threading.Lock()

    @classmethod
    def over_standard_streams(cls) -> Wire:
        """Take over descriptors 0 and 1. Afterwards 1 is stderr and 0 is empty, so that a library that prints or reads
        touches neither the protocol nor the requests."""
        read_fd, write_fd = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        return cls(read_fd, write_fd)

    def send(self, event: Event) -> None:
        """Write one event; from any thread. Ends the process where nobody reads any more."""
        line = memoryview(encode(event))
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._output, line) :]
        except OSError:
            os._exit(0)

    def requests(self) -> Iterator[Request]:
        """Every request until the other side closes its end. What is no request is answered with an Error."""
        while line := self._input.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                self.send(
                    Error(None, ErrorCode.PROTOCOL, "A request is too long", f"at most {MAX_LINE} bytes are taken")
                )
                return  # where the next line begins is unknown
            try:
                message = decode(line)
            except ContractError as error:
                self.send(Error(None, ErrorCode.PROTOCOL, "A line is no request", str(error)))
                continue
            if isinstance(message, _REQUESTS):
                yield cast(Request, message)
            else:
                self.send(Error(None, ErrorCode.PROTOCOL, f"{type(message).__name__} is no request"))
