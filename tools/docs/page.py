"""One generated page: written, or compared with what is there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_DOCS = Path(__file__).resolve().parents[2] / "docs"


@dataclass(frozen=True)
class Page:
    """`render` gives the whole text of docs/`name`."""

    name: str
    render: Callable[[], str]

    @property
    def path(self) -> Path:
        return _DOCS / self.name

    def is_current(self) -> bool:
        return self.path.is_file() and self.path.read_text("utf-8") == self.render()


def main(*pages: Page) -> int:
    """The command of one page or of all."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is out of date")
    stale = [page for page in pages if not page.is_current()] if (check := parser.parse_args().check) else []
    for page in stale:
        print(f"docs/{page.name} is out of date: make docs", file=sys.stderr)
    for page in () if check else pages:
        page.path.write_text(page.render(), "utf-8")
    return 1 if stale else 0


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is its head."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines) + "\n"
