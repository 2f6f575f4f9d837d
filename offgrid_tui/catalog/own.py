"""The user's own entries: `catalog.toml` in the configuration folder, laid over ours.

An entry with the id of one of ours replaces the fields that it names; its variants come before ours, and one with the
same repository and first file replaces ours. `hidden = true` takes a model out of the list. A bad entry is left out,
by file and line, and the rest still works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offgrid_tui.settings.lines import key_lines
from offgrid_tui.settings.load import read_table
from offgrid_tui.settings.schema import SettingProblem

_TABLES = ("form", "publishers", "models")


@dataclass(frozen=True, slots=True)
class OwnCatalog:
    """What the file says, not yet checked, and what is wrong with the file as a whole."""

    file: Path
    publishers: Mapping[str, Any]
    models: Mapping[str, Any]
    lines: Mapping[str, int]
    problems: tuple[SettingProblem, ...] = ()

    def problem(self, key: str, what: str) -> SettingProblem:
        """One that stands at `key` (dotted, the tables of an array numbered), or at the nearest table around it."""
        at = key
        while at and at not in self.lines:
            at = at.rpartition(".")[0]
        # A table may have no header of its own: [models.x] makes both.
        below = (line for name, line in self.lines.items() if name.startswith(f"{key}."))
        line = self.lines.get(at) or min(below, default=None)
        mend = "Correct the entry; docs/catalog.md says what may stand there."
        return SettingProblem(key, what, mend, file=self.file, line=line)


def read_own(file: Path) -> OwnCatalog:
    """The user's catalog; empty where there is none."""
    match read_table(file):
        case None:
            return OwnCatalog(file, {}, {}, {})
        case SettingProblem() as problem:
            return OwnCatalog(file, {}, {}, {}, (problem,))
        case (tables, text):
            pass
    lines = key_lines(text)
    own = OwnCatalog(file, _table(tables, "publishers"), _table(tables, "models"), lines)
    problems = [own.problem(key, f"{key} is no part of a catalog") for key in tables if key not in _TABLES]
    problems += [
        own.problem(key, f"{key} has to be a table")
        for key in ("publishers", "models")
        if not isinstance(tables.get(key, {}), dict)
    ]
    return OwnCatalog(file, own.publishers, own.models, lines, tuple(problems))


def _table(tables: dict[str, Any], key: str) -> dict[str, Any]:
    value = tables.get(key, {})
    return value if isinstance(value, dict) else {}
