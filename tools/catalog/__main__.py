"""catalog.toml, from the facts. `python -m tools.catalog [--check]`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import tomli_w

from tools.catalog.build import build
from tools.catalog.facts import Facts

CATALOG = Path(__file__).resolve().parent.parent.parent / "catalog.toml"
_HEAD = """\
# What can be had: models, their variants, the files of each. docs/catalog.md says what every key means.
# Made from tools/catalog/facts by `python -m tools.catalog`; entries of your own go into the catalog.toml of your
# configuration folder.

"""


def render() -> str:
    return _HEAD + tomli_w.dumps(build(Facts.read()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.catalog", description="Make catalog.toml from the facts.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where it is out of date")
    text = render()
    if parser.parse_args().check:
        if CATALOG.is_file() and CATALOG.read_text("utf-8") == text:
            return 0
        print("catalog.toml is out of date: python -m tools.catalog", file=sys.stderr)
        return 1
    CATALOG.write_text(text, "utf-8")
    print(f"{CATALOG}: {text.count(chr(10))} lines")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
