"""`offgrid keys`: the keys that bundles are signed with, and whose are trusted."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.errors import failed
from offgrid_tui.system.durable import atomic_write
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.errors import spaced
from offgrid_tui.transfer.keys import FIRST, Key, KeyStore, public_key, read_public


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", metavar="ACTION", help="list is what `offgrid keys` alone does")
    create = commands.add_parser("create", help="make a pair of keys of your own")
    create.add_argument("name", nargs="?", default=FIRST, metavar="NAME", help="of the key (default: offgrid)")
    show = commands.add_parser("list", help="your keys, and those that are trusted or revoked (the default)")
    trust = commands.add_parser("trust", help="accept what is signed with this public key from now on")
    trust.add_argument("file", metavar="FILE", help="what `offgrid keys export` wrote on the other machine")
    trust.add_argument("--name", default="", metavar="NAME", help="how you call whose key it is")
    revoke = commands.add_parser("revoke", help="never again accept a key")
    revoke.add_argument("key", metavar="KEY", help="its name, or the first digits of its fingerprint")
    export = commands.add_parser("export", help="write your public key, to be given away")
    export.add_argument("name", nargs="?", default="", metavar="NAME", help="of the key (default: your first)")
    export.add_argument("--to", metavar="FILE", help="write it there (default: stdout)")
    for one in (parser, create, show, trust, revoke):
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    store = KeyStore(Paths.from_environment())
    in_json = getattr(args, "json", False)
    if args.action == "export":
        return _export(store, args)
    keys: tuple[Key, ...]
    if args.action == "create":
        keys, said = (store.create(args.name),), "made; its private half never leaves this machine by itself"
    elif args.action == "trust":
        pem = read_public(Path(args.file).expanduser())
        keys = (store.trust(pem, args.name or Path(args.file).stem),)
        said = "trusted from now on. Compare the fingerprint with what its owner tells you"
    elif args.action == "revoke":
        keys, said = (store.revoke(args.key),), "revoked; nothing that is signed with it is accepted any more"
    else:
        keys, said = store.known(), ""
    if in_json:
        print(json.dumps({"keys": [_value(key) for key in keys]}, ensure_ascii=False, indent=2))
    elif said:
        print(f"{clean_line(keys[0].name)}: {said}:")
        print(f"  {spaced(keys[0].fingerprint)}")
    elif not keys:
        print("No key is here. `offgrid keys create` makes one; the first export does too.")
    else:
        columns = (Column("NAME", least=8), Column("KEY"), Column("FINGERPRINT"))
        for line in lines(columns, ((key.name, _word(key), key.fingerprint) for key in keys), terminal_width()):
            print(line)
    return int(ExitCode.OK)


def _export(store: KeyStore, args: argparse.Namespace) -> int:
    key = store.own(args.name)
    if key is None:
        raise NotFoundError("You have no key yet", mend="Make one: `offgrid keys create`.")
    print(f"{key.name}\n  {spaced(key.fingerprint)}", file=sys.stderr)
    if not args.to:
        print(key.pem, end="")
        return int(ExitCode.OK)
    path = Path(args.to).expanduser()
    if path.exists() and not _is_same(path, key):
        raise OffGridError(f"{clean_line(str(path))} exists", mend="Name another file.")
    try:
        atomic_write(path, key.pem, mode=0o644)
    except OSError as error:
        raise failed("Writing the key", path, error) from None
    return int(ExitCode.OK)


def _is_same(path: Path, key: Key) -> bool:
    try:
        return public_key(read_public(path), "").fingerprint == key.fingerprint
    except OffGridError:
        return False


def _word(key: Key) -> str:
    if key.revoked is not None:
        return "revoked"
    return "your own" if key.own else "trusted"


def _value(key: Key) -> dict[str, Any]:
    return {
        "name": key.name,
        "fingerprint": key.fingerprint,
        "own": key.own,
        "trusted": key.revoked is None,
        "added": key.added or None,
        "revoked": key.revoked,
        "pem": key.pem,
    }
