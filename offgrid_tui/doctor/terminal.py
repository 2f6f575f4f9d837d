"""Checks of the terminal: size, colours, characters, and tmux where it stands between."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

from offgrid_tui.doctor.model import Finding, Subject, fail, ok, warn
from offgrid_tui.foundation.text import clean_line

COLUMNS, ROWS = 80, 24  # the screens are complete in this size
ESCAPE_TIME = 100  # milliseconds that tmux may hold back an escape key before it is felt
_TMUX_DEADLINE = 1.0  # seconds


def size(subject: Subject) -> list[Finding]:
    if subject.terminal is None:
        return ok("terminal", "none: the output goes to a pipe or a file")
    term = clean_line(subject.env.get("TERM", ""), 40)
    text = f"{subject.terminal.columns}x{subject.terminal.rows}, TERM={term or 'unset'}"
    if term in ("", "dumb", "unknown"):
        return fail(
            "terminal", f"{text}: it cannot place the cursor", "Set TERM to what your terminal is: xterm-256color."
        )
    if subject.terminal.columns < COLUMNS or subject.terminal.rows < ROWS:
        return warn("terminal", f"{text}: the screens need {COLUMNS}x{ROWS}", "Enlarge the window, or its columns.")
    return ok("terminal", text)


def colours(subject: Subject) -> list[Finding]:
    env = subject.env
    term = env.get("TERM", "")
    if subject.terminal is None:
        return ok("colours", "none: no terminal")
    if env.get("NO_COLOR"):
        return ok("colours", "none, as NO_COLOR asks")
    if env.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return ok("colours", "16 million")
    if "256color" in term or term.endswith("-direct"):
        if env.get("SSH_CONNECTION"):
            return ok("colours", "256; SSH does not tell whether the terminal has more (COLORTERM=truecolor does)")
        return ok("colours", "256")
    if term in ("", "dumb", "unknown"):
        return warn("colours", "none", "Set TERM to what your terminal is: xterm-256color.")
    if subject.settings.ui.theme != "ansi":
        return warn("colours", f"16 (TERM={clean_line(term, 40)})", 'Set ui.theme = "ansi", made for 16 colours.')
    return ok("colours", "16, with the theme made for them")


def characters(subject: Subject) -> list[Finding]:
    """The locale of the environment: the terminal's other programs go by it, tmux above all."""
    name = next((value for key in ("LC_ALL", "LC_CTYPE", "LANG") if (value := subject.env.get(key))), "")
    shown = clean_line(name, 40) or "no locale"
    if re.search(r"utf-?8", name, re.IGNORECASE):
        return ok("characters", f"UTF-8 ({shown})")
    if subject.settings.ui.ascii:
        return ok("characters", f"ASCII, as ui.ascii asks ({shown})")
    return warn(
        "characters",
        f"{shown}: frames and accents may come out as question marks",
        "export LANG=C.UTF-8, or set ui.ascii = true.",
    )


def tmux(subject: Subject) -> list[Finding]:
    """Only inside tmux: nothing is said otherwise."""
    if not subject.env.get("TMUX"):
        return []
    if shutil.which("tmux", path=subject.env.get("PATH")) is None:
        return warn("tmux", "we are inside it, but its command is not on the PATH", "Add tmux to the PATH, to copy.")
    version = _tmux(subject.env, "-V").removeprefix("tmux ").strip()
    # Three options of the server; the formats #{…} would need one call too, but older versions don't know them.
    listed = _tmux(subject.env, "show-options", "-s")
    options = dict(line.split(" ", 1) for line in listed.splitlines() if " " in line)
    options = {name: value.strip('"') for name, value in options.items()}
    problems, mends = [], []
    escape = options.get("escape-time", "")
    if escape.isdigit() and int(escape) > ESCAPE_TIME:
        problems.append(f"the escape key waits {escape} ms")
        mends.append("set -s escape-time 10")
    if options.get("set-clipboard") == "off":
        problems.append("copied text does not reach the clipboard")
        mends.append("set -s set-clipboard on")
    terminal = options.get("default-terminal", "")
    if terminal and not re.search(r"256color|direct", terminal):
        problems.append(f"default-terminal {clean_line(terminal, 40)} has few colours")
        mends.append("set -s default-terminal tmux-256color")
    if problems:
        text = f"{clean_line(version, 20)}: {'; '.join(problems)}"
        return warn("tmux", text, f"Add to ~/.tmux.conf: {' and '.join(mends)}.")
    return ok("tmux", f"{clean_line(version, 20)}, escape-time {clean_line(escape, 20) or '?'} ms")


def _tmux(env: Mapping[str, str], *words: str) -> str:
    """What tmux prints.

    Raises:
        OSError, subprocess.SubprocessError: it cannot be run, fails or does not answer; the check then says so.
    """
    done = subprocess.run(
        ["tmux", *words], env=dict(env), capture_output=True, text=True, errors="replace", timeout=_TMUX_DEADLINE
    )
    done.check_returncode()
    return done.stdout
