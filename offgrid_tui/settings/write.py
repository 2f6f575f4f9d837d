"""Changes one setting in config.toml and nothing else: comments, order and spacing stay as the user wrote them."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from offgrid_tui.foundation.errors import DamagedError, OffGridError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.settings.load import key_names, read_table, unknown_key
from offgrid_tui.settings.schema import KEYS_SECTION, SECTIONS, SettingProblem, rules
from offgrid_tui.settings.values import BadValue, check_value
from offgrid_tui.system.durable import atomic_write
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths

LOCK_TIMEOUT = 10.0  # seconds that another OffGrid's write is waited for


def set_value(paths: Paths, key: str, value: Any) -> None:
    """Write `value` under `key` ("engine.context"); None takes the line out, so that the default holds again.

    The file (0600) is made with the first value. Another OffGrid that writes in the same moment is waited for.

    Raises:
        UsageError: no such setting, or a value that it cannot have; says the nearest.
        DamagedError: the file is not valid TOML; it is left as it is.
        BusyError: another process holds the lock.
        OffGridError: the disk is full, or the folder cannot be written; the file is as it was.
    """
    section, _, name = key.partition(".")
    value = _checked(key, section, name, value)
    try:
        _write(paths, section, name, value)
    except OSError as error:
        raise OffGridError(
            "the setting was not saved",
            detail=f"{paths.settings_file}: {error.strerror}.",
            mend="Check the permissions and the free space of its folder.",
        ) from None


def _write(paths: Paths, section: str, name: str, value: Any) -> None:
    import tomlkit  # 50 ms, and only for writing

    with FileLock(lock_file(paths), what="the configuration", timeout=LOCK_TIMEOUT):
        match read_table(paths.settings_file):
            case SettingProblem() as problem:
                raise DamagedError(
                    "the setting was not saved", detail=f"{problem.where}: {problem.what}.", mend=problem.mend
                )
            case None:
                document = tomlkit.document()
            case (_, text):
                document = tomlkit.parse(text)
        if section not in document and value is not None:
            document[section] = tomlkit.table()
        table = document.get(section, {})
        if not isinstance(table, MutableMapping):
            raise DamagedError(
                "the setting was not saved",
                detail=f"{paths.settings_file}: {section} is a value, expected a table: [{section}].",
                mend=f"Correct it to a line [{section}] with its settings below.",
            )
        if value is not None:
            table[name] = list(value) if isinstance(value, tuple) else value
        elif name in table:
            del table[name]
        else:
            return
        atomic_write(paths.settings_file, tomlkit.dumps(document))


def lock_file(paths: Paths) -> Path:
    """What is locked while the configuration is written: a file of its own, since the configuration is replaced."""
    return paths.settings_file.with_name(".config.lock")


def _checked(key: str, section: str, name: str, value: Any) -> Any:
    if section == KEYS_SECTION and name:
        if value is not None and key_names(value) is None:
            raise UsageError(f"{clean_line(key, 80)} is not a key or a list of keys", mend="For example: ctrl+x.")
        return value
    if section not in SECTIONS or name not in rules(section):
        problem = unknown_key(key)
        raise UsageError(
            problem.what, mend=f"Did you mean {problem.nearest}?" if problem.nearest else "See docs/settings.md."
        )
    if value is None:
        return None
    try:
        return check_value(section, name, value)
    except BadValue as error:
        raise UsageError(error.what, mend=f"The nearest is {error.nearest}." if error.nearest else "") from None
