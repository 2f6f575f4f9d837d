"""`offgrid`: opens the workstation."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

from offgrid_tui.cli.model_path import named_model
from offgrid_tui.foundation.errors import OffGridError, UsageError
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.logfile import log_to
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="MODEL", help="chat with this model: a GGUF file, or a name")
    parser.add_argument("--theme", metavar="NAME", help="colours for this time: dark, light, high-contrast, ansi …")
    parser.add_argument("--offgrid", action="store_true", help="off-grid mode: nothing leaves this machine")


def run(args: argparse.Namespace) -> int:
    """Open the workstation and stay until it is closed.

    Raises:
        UsageError: there is no terminal to draw on.
        NotFoundError, RefusedError: the model's file.
    """
    _require_terminal()
    paths = Paths.from_environment()
    model = named_model(args.model, paths) if args.model else None
    overrides = {"ui.theme": args.theme, "network.offgrid": args.offgrid or None}
    settings = load_settings(paths, overrides=overrides)
    log_to(paths.logs / "workstation.log")
    if model is None and settings.chat.model:
        with contextlib.suppress(OffGridError):  # a bad setting is no reason not to open: the chat says it
            model = named_model(settings.chat.model, paths)

    from offgrid_tui.ui import app  # loads textual, 150 ms that a mistake in the flags need not wait for

    return app.run(paths, settings, model)


def _require_terminal() -> None:
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if stream is None or not stream.isatty():  # None where the shell closed it
            raise UsageError(
                "The workstation needs a terminal",
                detail=f"Standard {name} is not one: it is a file, a pipe or nothing.",
                mend='For scripts there is `offgrid ask "…"`; over SSH use `ssh -t HOST offgrid`.',
            )
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise UsageError(
            "The workstation needs a terminal that can move its cursor",
            detail=f"TERM is {os.environ.get('TERM') or 'not set'}.",
            mend='Set TERM to what your terminal is (xterm-256color suits most), or use `offgrid ask "…"`.',
        )
