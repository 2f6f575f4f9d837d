"""Starting and ending processes. We end only children of our own, by handle, never by name or number."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def spawn_detached(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `argv` so that it outlives us: a session of its own (no terminal, no SIGHUP when the SSH session drops),
    stdin from /dev/null, stdout and stderr appended to the file `log` (made 0600, with its folder).

    Keep what is returned and poll it now and then: until then an ended child stays in the process table as a zombie.

    Raises:
        OSError: the program or the log file cannot be opened.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=None if env is None else dict(env),
            cwd=cwd,
        )
    finally:
        os.close(output)


def end_child(child: subprocess.Popen[bytes], grace: float = 5.0) -> int:
    """End a child of ours: SIGTERM, `grace` seconds to go by itself, then SIGKILL. Returns its exit status, negative
    for a signal. A child that has ended already just gives its status."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def describe_exit(status: int) -> str:
    """An exit status in words: "exited with status 3", "killed by SIGSEGV (Segmentation fault)"."""
    if status >= 0:
        return "exited normally" if status == 0 else f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"killed by signal {-status}"
    return f"killed by {name} ({signal.strsignal(-status)})"
