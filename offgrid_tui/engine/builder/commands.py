"""Runs the builder's commands: every line goes to the log, compile steps are counted, a failure is explained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from offgrid_tui.engine.builder.errors import explain
from offgrid_tui.system.processes import describe_exit

_STEP = re.compile(r"^\s*\[(\d+)/(\d+)\]")  # ninja: "[43/193] /usr/bin/g++ …"
_TAIL = 30


class Commands:
    """Runs commands one after the other, with their output to our own stdout, which is the log.

    Args:
        env: environment for all of them.
        on_step: called with (done, total) for each compile step.
        wheels: the folder that everything comes from; None: the registry. For the explanation of failures.
    """

    def __init__(self, env: Mapping[str, str], on_step: Callable[[int, int], None], wheels: str | None) -> None:
        self._env = dict(env)
        self._on_step = on_step
        self._wheels = wheels

    def run(self, step: str, command: Sequence[str | Path], extra: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Run `command`; returns the last lines that it printed.

        Raises:
            EngineError: it failed.
        """
        words = [os.fspath(word) for word in command]
        sys.stdout.write(f"\n== {step}: {' '.join(words)}\n")
        tail: deque[str] = deque(maxlen=_TAIL)
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**self._env, **(extra or {})},
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                sys.stdout.write(line)
                tail.append(line.rstrip()[:500])
                if found := _STEP.match(line):
                    self._on_step(int(found[1]), int(found[2]))
        sys.stdout.flush()
        if process.returncode:
            raise explain(step, describe_exit(process.returncode), tuple(tail), self._wheels)
        return tuple(tail)
