"""Parses the command line and hands over to one command; prints every error the same way."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from offgrid_tui import __version__
from offgrid_tui.foundation.errors import ExitCode, OffGridError
from offgrid_tui.foundation.text import clean

# Command -> (module, help). A module has `add_arguments(parser)` and `run(args) -> int`, and is imported only when
# its command was given: loading all of them would cost `--help` what it exists to save.
COMMANDS: dict[str, tuple[str, str]] = {
    "open": ("offgrid_tui.cli.open", "open the workstation (what `offgrid` alone does)"),
    "ask": ("offgrid_tui.cli.ask", "ask a model one question, the answer on stdout"),
    "catalog": ("offgrid_tui.cli.catalog", "what can be had, what it needs here and whether it fits"),
    "run": ("offgrid_tui.cli.run", "get a model where it is not here, then ask it or chat with it"),
    "download": ("offgrid_tui.cli.download", "bring models here over the network, proven whole"),
    "downloads": ("offgrid_tui.cli.downloads", "what is on its way here: pause, resume, cancel, retry, follow"),
    "search": ("offgrid_tui.cli.search", "find models on Hugging Face, or what was seen there before"),
    "show": ("offgrid_tui.cli.show", "all about one model, and what a name means"),
    "fit": ("offgrid_tui.cli.fit", "how much memory a model needs here, and whether it fits"),
    "recommend": ("offgrid_tui.cli.recommend", "what to take on this machine, with the reason"),
    "quantization": ("offgrid_tui.cli.quantization", "what Q2_K to F16 mean, and what fits here"),
    "list": ("offgrid_tui.cli.list_", "what is here, with its receipts"),
    "import": ("offgrid_tui.cli.import_", "bring models from files and folders"),
    "adopt": ("offgrid_tui.cli.adopt", "take other tools' models into the list where they lie"),
    "verify": ("offgrid_tui.cli.verify", "read models again and compare them with what was promised"),
    "updates": ("offgrid_tui.cli.updates", "whether installed models changed where they came from"),
    "remove": ("offgrid_tui.cli.remove", "remove a model, or forget an adopted one"),
    "storage": ("offgrid_tui.cli.storage", "what takes space; move the models to another disk"),
    "export": ("offgrid_tui.cli.export", "write models to a stick or folder, signed"),
    "sync": ("offgrid_tui.cli.sync", "write to a stick only what changed"),
    "wish": ("offgrid_tui.cli.wish", "what this machine would like to have, for one with a network"),
    "fulfil": ("offgrid_tui.cli.fulfil", "write what fits the machine that wishes"),
    "keys": ("offgrid_tui.cli.keys", "keys that bundles are signed with, and whose are trusted"),
    "alias": ("offgrid_tui.cli.alias", "your own short names for models"),
    "favourite": ("offgrid_tui.cli.favourite", "mark a model: favourite, pinned, a note"),
    "engine": ("offgrid_tui.cli.engine", "the llama.cpp engine: info, build, log"),
    "stop": ("offgrid_tui.cli.stop", "end the engine host and free its memory"),
    "info": ("offgrid_tui.cli.info", "this machine in ten lines"),
    "doctor": ("offgrid_tui.cli.doctor", "check everything and say the mend"),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {clean(message)}\nSee `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(int(ExitCode.USAGE))


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser, with the arguments of `command` alone filled in (of all commands when it is None: for the docs)."""
    parser = _Parser(
        prog="offgrid",
        description="The terminal workstation for local language models.",
        epilog="Without a command the workstation opens. `offgrid COMMAND --help` says what a command takes.",
    )
    parser.add_argument("--version", action="version", version=f"offgrid {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, (module, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if command is None or command == name:
            importlib.import_module(module).add_arguments(sub)
    return parser


def run(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code (see docs/cli.md)."""
    words = list(argv)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "open")  # `offgrid --model x` is `offgrid open --model x`
    args = build_parser(words[0]).parse_args(words)
    if args.command is None:
        return int(ExitCode.USAGE)
    try:
        code = int(importlib.import_module(COMMANDS[args.command][0]).run(args))
        sys.stdout.flush()
        return code
    except OffGridError as error:
        print_error(error)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has gone: end quietly, as other tools do, and keep Python from flushing into nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def print_error(error: OffGridError) -> None:
    """Title, why and what to do next, on stderr."""
    print(f"offgrid: {clean(error.title)}", file=sys.stderr)
    for part in (error.detail, error.mend):
        if part:
            print("\n".join(f"  {line}" for line in clean(part).splitlines()), file=sys.stderr)
