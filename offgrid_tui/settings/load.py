"""Reads the settings: default, then config.toml, then the environment, then flags; the last one that is valid holds.

Nothing here raises for a bad value, and nothing is written: a mistake becomes a `SettingProblem`, and the program goes
on with what held before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.settings.schema import (
    KEYS_SECTION,
    SECTIONS,
    Origin,
    SettingProblem,
    Settings,
    known_keys,
    rules,
)
from offgrid_tui.settings.values import BadValue, as_toml, check_value, closest, default_of, held_words, value_from_text
from offgrid_tui.system.paths import Paths

PREFIX = "OFFGRID_"
_HOME = "OFFGRID_HOME"  # says where the settings are, so it cannot be one
_LONGEST = 2**20  # bytes of a configuration that we read

_NONE: Mapping[str, Any] = MappingProxyType({})


def load_settings(paths: Paths, env: Mapping[str, str] = os.environ, overrides: Mapping[str, Any] = _NONE) -> Settings:
    """The settings that hold now, each with where it came from, and what could not be used in `problems`.

    Args:
        overrides: dotted key -> value, from flags. A value of None means that the flag was not given.
    """
    found = _Found()
    _read_file(found, paths.settings_file)
    _read_environment(found, env)
    for key, value in overrides.items():
        if value is not None:
            found.take(key, value, Origin("override"), mend="Correct the flag.")
    sections: dict[str, Any] = {
        section: kind(
            **{name: found.values[k] for name in rules(section) if (k := f"{section}.{name}") in found.values}
        )
        for section, kind in SECTIONS.items()
    }
    return Settings(
        **sections,
        keys=MappingProxyType(found.keys),
        problems=tuple(found.problems),
        origins=MappingProxyType(found.origins),
    )


def variable_of(key: str) -> str:
    """The environment variable of a setting: OFFGRID_ENGINE_CONTEXT for "engine.context"."""
    return PREFIX + key.replace(".", "_").upper()


@dataclass
class _Found:
    """What has been read so far."""

    values: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    problems: list[SettingProblem] = field(default_factory=list)

    def take(
        self,
        key: str,
        raw: Any,
        origin: Origin,
        *,
        mend: str,
        file: Path | None = None,
        line: int | None = None,
        check: Callable[[str, str, Any], Any] = check_value,
    ) -> None:
        """Take `raw` for `key` where it is valid; else note the problem and leave what held before."""
        section, _, name = key.partition(".")
        variable = origin.where if origin.source == "environment" else None
        where: dict[str, Any] = {"file": file, "line": line, "variable": variable}
        if section == KEYS_SECTION and name:
            joined = key_names(raw)
            if joined is None:
                shown = clean_line(key, 80)
                what = f"{shown} is not a key or a list of keys"
                self.problems.append(SettingProblem(shown, what, mend, 'ctrl+x or ["ctrl+x", "f5"]', **where))
            else:
                self.keys[name], self.origins[key] = joined, origin
            return
        if section not in SECTIONS or name not in rules(section):
            self.problems.append(unknown_key(key, **where))
            return
        try:
            self.values[key] = check(section, name, raw)
            self.origins[key] = origin
        except BadValue as error:
            held = self.values.get(key, default_of(key))
            mend = f"{mend} Until then: {held_words(key, held)}."
            self.problems.append(SettingProblem(key, error.what, mend, error.nearest, **where))


def unknown_key(key: str, **where: Any) -> SettingProblem:
    """The problem of a name that is no setting, with the nearest that is."""
    name = key.rpartition(".")[2]
    elsewhere = (k for k in known_keys() if k.partition(".")[2] == name)  # the right name in a wrong section
    near = next(elsewhere, None) or closest(key, known_keys())
    mend = "Correct the name or remove it; docs/settings.md lists all settings."
    name = clean_line(key, 80)
    return SettingProblem(name, f"{name} is not a setting", mend, near, **where)


def read_table(file: Path) -> tuple[dict[str, Any], str] | SettingProblem | None:
    """The tables in a configuration and its text; None where there is no file; a problem where it cannot be read."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_LONGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(file, f"cannot be read: {error.strerror}", "Correct its permissions or move it away.")
    if len(data) > _LONGEST:
        return _unreadable(file, "is longer than a configuration can be (1 MiB)", "Move it away.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _unreadable(file, "is not UTF-8 text", "Save it again as UTF-8.", line)

    import tomllib  # 10 to 25 ms that a home without a configuration is spared

    try:
        return tomllib.loads(text), text
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r"\(at line (\d+)", str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        why = clean_line(re.sub(r"\s*\(at [^)]*\)$", "", str(error)), 100)
        return _unreadable(file, f"is not valid TOML: {why}", "Correct this line; none of the file is used.", line)


def _unreadable(file: Path, why: str, mend: str, line: int | None = None) -> SettingProblem:
    return SettingProblem("", f"the configuration {why}", mend, file=file, line=line)


def _read_file(found: _Found, file: Path) -> None:
    match read_table(file):
        case None:
            return
        case SettingProblem() as problem:
            found.problems.append(problem)
            return
        case (tables, text):
            pass
    from offgrid_tui.settings.lines import key_lines

    lines = key_lines(text)
    for section, table in tables.items():
        line = lines.get(section)
        if section not in SECTIONS and section != KEYS_SECTION:
            near = closest(section, (*SECTIONS, KEYS_SECTION))
            problem = unknown_key(section, file=file, line=line)
            found.problems.append(replace(problem, nearest=f"[{near}]" if near else problem.nearest))
        elif not isinstance(table, dict):
            what = f"{section} is {clean_line(as_toml(table), 60)}, expected a table: [{section}]"
            found.problems.append(SettingProblem(section, what, "Correct the line.", f"[{section}]", file, line))
        else:
            for name, raw in table.items():
                key = f"{section}.{name}"
                at = lines.get(key, line)
                origin = Origin("file", f"{file}:{at}" if at else str(file))
                found.take(key, raw, origin, mend="Correct the line or remove it.", file=file, line=at)


def _read_environment(found: _Found, env: Mapping[str, str]) -> None:
    variables = {variable_of(key): key for key in known_keys()}
    short = [name.removeprefix(PREFIX) for name in variables]
    for name in sorted(n for n in env if n.startswith(PREFIX) and n != _HOME):
        origin = Origin("environment", name)
        if key := variables.get(name):
            if env[name].strip():
                found.take(key, env[name], origin, mend="Correct or unset it.", check=value_from_text)
        elif near := closest(name.removeprefix(PREFIX), short, alike=0.8):  # what looks like no slip is another's
            shown = clean_line(name, 80)
            what = f"{shown} is not the variable of a setting"
            found.problems.append(SettingProblem(shown, what, "Correct or unset it.", PREFIX + near, variable=shown))


def key_names(raw: Any) -> str | None:
    """Keys joined by commas; None where `raw` is none."""
    keys = [raw] if isinstance(raw, str) else raw
    if not isinstance(keys, list | tuple) or not keys or not all(isinstance(k, str) and k.strip() for k in keys):
        return None
    return ",".join(clean_line(key) for key in keys)
