"""A real terminal for tests: tmux on a socket of its own, with every byte that was written to it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.support.engine import ROOT

DEADLINE = 60.0  # seconds; generous, since nothing here waits for a time


class Terminal:
    """A shell in a tmux pane of `size` (columns, rows), in which offgrid can be started."""

    def __init__(self, folder: Path, size: tuple[int, int], env: dict[str, str]) -> None:
        self._socket = f"offgrid-test-{uuid.uuid4().hex[:8]}"
        self.written = folder / f"{self._socket}.bytes"  # what the programs in the pane wrote
        self.written.touch()
        width, height = size
        settings = folder / "tmux.conf"
        settings.write_text("set -g status off\nset -s escape-time 0\nset -g history-limit 0\n")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
        self._env = {"LC_ALL": "C.UTF-8", **kept, "TERM": "xterm-256color", **env}
        self.tmux("-f", str(settings), "new-session", "-d", "-s", "t", "-x", str(width), "-y", str(height),
                  "env", "PS1=$ ", "bash", "--norc", "--noprofile")  # fmt: skip
        self.tmux("pipe-pane", "-t", "t", "-O", f"cat >> {shlex.quote(str(self.written))}")
        self.until(lambda: "$" in self.screen(), "the shell's prompt")

    def tmux(self, *args: str, text: str | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *args], env=self._env, cwd=ROOT, input=text, capture_output=True, text=True,
            timeout=20, check=False,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"tmux {' '.join(args)}: {done.stderr}")
        return done.stdout

    # ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def type(self, text: str) -> None:
        """Type `text` literally."""
        self.tmux("send-keys", "-t", "t", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Enter, C-c, Escape, M-Enter."""
        self.tmux("send-keys", "-t", "t", *keys)

    def paste(self, text: str) -> None:
        """Paste, with the marks of a bracketed paste where the program asked for them."""
        self.tmux("load-buffer", "-b", "test", "-", text=text)
        self.tmux("paste-buffer", "-p", "-d", "-b", "test", "-t", "t")

    def resize(self, width: int, height: int) -> None:
        self.tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    def run(self, command: str) -> None:
        """Give the shell a command."""
        self.type(command)
        self.press("Enter")

    def offgrid(self, *args: str, unquoted: str = "") -> None:
        """Start offgrid, and wait until it can be used. `unquoted` is for the shell to make arguments of."""
        command = shlex.join([sys.executable, "-m", "offgrid_tui", *args])
        self.run(f'{command} {unquoted}; echo "left with $?"')
        self.until(
            lambda: "f1 Help" in self.screen() and "RAM" in self.screen() and " G" in self.screen(), "the screen"
        )

    def leave_input(self) -> None:
        """From writing to keys. An escape that is followed by a letter at once would be alt and that letter."""
        self.press("Escape")
        self.until_shown("y Copy")

    # ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

    def screen(self) -> str:
        return self.tmux("capture-pane", "-t", "t", "-p")

    def until(self, fact: Callable[[], object], what: str) -> None:
        """Wait for a fact."""
        end = time.monotonic() + DEADLINE
        while not fact():
            if time.monotonic() > end:
                raise AssertionError(f"never came: {what}\n{self.screen()}")
            time.sleep(0.02)

    def shows(self, *parts: str) -> bool:
        screen = self.screen()
        return all(part in screen for part in parts)

    def until_shown(self, *parts: str) -> None:
        self.until(lambda: self.shows(*parts), " and ".join(parts))

    def program(self) -> int | None:
        """The process id of what the shell runs in the foreground; None where it runs nothing."""
        shell = self.tmux("display-message", "-t", "t", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0]) if children else None

    # ── leaving ────────────────────────────────────────────────────────────────────────────────────────────────────

    def hang_up(self) -> None:
        """The terminal goes away, as when an SSH session drops."""
        self.tmux("kill-server")

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False, timeout=20)
