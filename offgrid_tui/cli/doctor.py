"""`offgrid doctor`: check everything and say the mend."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from collections import Counter
from dataclasses import asdict

from offgrid_tui import __version__
from offgrid_tui.doctor.examine import examine
from offgrid_tui.doctor.model import Finding, Level, Subject, Terminal
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_COLOURS = {Level.OK: "32", Level.WARN: "33", Level.FAIL: "31"}  # the terminal's own green, yellow and red
_INDENT = 17  # columns before the text: the word, the name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = "Exit code 0 when nothing failed, 1 otherwise; warnings do not count."


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    terminal = _terminal()
    findings = examine(Subject(paths, load_settings(paths), terminal))
    failed = any(finding.level is Level.FAIL for finding in findings)
    if args.json:
        value = {"offgrid": __version__, "ok": not failed, "checks": [asdict(finding) for finding in findings]}
        print(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        _print(findings, terminal if sys.stdout.isatty() else None)
    return int(ExitCode.FAILED if failed else ExitCode.OK)


def _terminal() -> Terminal | None:
    """Of whichever stream is one: the report may go into a file while somebody sits there."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        try:
            size = os.get_terminal_size(stream.fileno())
        except (OSError, ValueError, AttributeError):
            continue
        return Terminal(size.columns, size.lines)
    return None


def _print(findings: list[Finding], terminal: Terminal | None) -> None:
    """Aligned lines, wrapped to `terminal`; whole lines without colour where it is None."""
    coloured = terminal is not None and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = 10_000 if terminal is None else max(40, terminal.columns - 1)
    for finding in findings:
        word = f"{finding.level.value:<4}"
        if coloured:
            word = f"\x1b[{_COLOURS[finding.level]}m{word}\x1b[0m"
        first, *rest = _wrapped(clean_line(finding.text, 500), width)
        print(f"{word}  {finding.name:<10} {first}")
        for line in rest:
            print(f"{'':{_INDENT}}{line}")
        for number, line in enumerate(_wrapped(clean_line(finding.mend, 500), width - 3) if finding.mend else []):
            print(f"{'':{_INDENT}}{'   ' if number else '-> '}{line}")
    counts = Counter(finding.level for finding in findings)
    words = {Level.OK: "ok", Level.WARN: "to look at", Level.FAIL: "failed"}
    print(", ".join(f"{counts[level]} {word}" for level, word in words.items() if counts[level] or level is Level.OK))


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width - _INDENT, break_on_hyphens=False) or [""]
