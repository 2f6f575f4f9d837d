"""Keeps one renderer process, and talks to it with deadlines."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("renderer.py")
_WALL_SECONDS = 30.0  # the renderer's own limit is on CPU time; this is for a machine that gives it none
_POLL_SECONDS = 0.05


class RenderError(Exception):
    """The template could not be rendered; says why."""


class RefusedError(RenderError):
    """The template itself refused the conversation, in these words."""


class RenderCancelled(Exception):
    """Nobody wants the result any more."""


class Renderer:
    """Renders in a child process, which is replaced whenever a template was its end. For one thread."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._start()

    def render(
        self,
        template: str,
        values: dict[str, Any],
        limit: int,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> str:
        """`template` with `values`, at most `limit` characters.

        Raises:
            RefusedError, RenderError: it gave none.
            RenderCancelled: `cancelled()` became true meanwhile.
        """
        if self._child is None or self._child.poll() is not None:
            self._start()
        request = json.dumps({"template": template, "values": values, "limit": limit}).encode() + b"\n"
        try:
            reply = self._ask(request, cancelled)
        except BaseException:
            self._end()
            raise
        if "refused" in reply:
            raise RefusedError(reply["refused"])
        if "error" in reply:
            raise RenderError(reply["error"])
        return str(reply["text"])

    def close(self) -> None:
        self._end()

    def _ask(self, request: bytes, cancelled: Callable[[], bool]) -> dict[str, Any]:
        child = self._child
        assert child is not None and child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(request)
            child.stdin.flush()
        except BrokenPipeError:
            raise RenderError("the renderer ended") from None
        deadline = time.monotonic() + _WALL_SECONDS
        while not select.select([child.stdout], [], [], _POLL_SECONDS)[0]:
            if cancelled():
                raise RenderCancelled
            if time.monotonic() > deadline:
                raise RenderError(f"it took more than {_WALL_SECONDS:.0f} s")
        line = child.stdout.readline()
        if not line:
            code = child.wait()
            raise RenderError("it took too much time" if code == -signal.SIGPROF else f"it ended the renderer ({code})")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _start(self) -> None:
        # -P: the worker's folder is no place to import from.
        self._child = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        pass
