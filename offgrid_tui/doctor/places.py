"""Checks of what OffGrid keeps: folders, disk, settings, database."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from offgrid_tui.database.database import Database
from offgrid_tui.doctor.model import Finding, Level, Subject, fail, ok, warn
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.hardware.disk import existing, read_disk
from offgrid_tui.system.filesystem import filesystem_of

ROOM = 5 * 10**9  # bytes free that the next model needs
LEAST = 200 * 10**6  # bytes free below which even chats may not be saved
READ_WHOLE = 256 * 2**20  # bytes of a database that is read through; larger ones would take more than a moment
_SMALL_FILES = frozenset({"vfat", "msdos", "fat", "fuse.fatfs"})


def folders(subject: Subject) -> list[Finding]:
    """Each folder that we write to, or the one that it will be made in."""
    paths = subject.paths
    wanted = {"config": paths.config, "data": paths.data, "state": paths.state, "cache": paths.cache}
    findings = []
    for what, path in {**wanted, "runtime": paths.runtime}.items():
        place = existing(path)
        if not place.is_dir():
            text = f"{_shown(place)} is a file, where the folder for {what} has to be"
            findings += fail("folders", text, f"Move {_shown(place)} away, or set OFFGRID_HOME to another folder.")
        elif not os.access(place, os.W_OK | os.X_OK):
            text = f"{_shown(place)} cannot be written ({what})"
            findings += fail("folders", text, "Correct its permissions, or set OFFGRID_HOME to a folder of yours.")
    distinct = dict.fromkeys(_shown(path) for path in wanted.values())
    return findings or ok("folders", f"can be written: {', '.join(distinct)}")


def disk(subject: Subject) -> list[Finding]:
    found = read_disk(subject.paths.models)
    text = f"{bytes_text(found.free)} of {bytes_text(found.total)} free for models, at {_shown(subject.paths.models)}"
    if found.free < LEAST:
        return fail("disk", f"{text}: chats may not be saved", "Free some space, or set OFFGRID_HOME to another disk.")
    if found.free < ROOM:
        return warn("disk", f"{text}: too little for most models", "Free some space: models take 1 to 10 GB each.")
    return ok("disk", text)


def filesystem(subject: Subject) -> list[Finding]:
    found = filesystem_of(subject.paths.data)
    text = f"{clean_line(found.kind, 40)} at {_shown(found.mount_point)}"
    if found.read_only:
        return fail("filesystem", f"{text} is mounted read-only", "Remount it, or set OFFGRID_HOME to another disk.")
    if found.is_network:
        return warn(
            "filesystem",
            f"{text} is on a network: the database uses a rollback journal, and models load slowly",
            "Set OFFGRID_HOME to a disk of this machine.",
        )
    if found.kind in _SMALL_FILES:
        return warn("filesystem", f"{text} holds files up to 4 GB only", "Set OFFGRID_HOME to another disk.")
    return ok("filesystem", text)


def settings(subject: Subject) -> list[Finding]:
    problems = subject.settings.problems
    if not problems:
        there = subject.paths.settings_file.exists()
        return ok("settings", _shown(subject.paths.settings_file) if there else "all at their defaults")
    return [
        Finding(
            "settings",
            Level.WARN,
            clean_line(f"{problem.where}: {problem.what}", 300),
            clean_line(problem.mend + (f" Nearest: {problem.nearest}." if problem.nearest else ""), 300),
        )
        for problem in problems
    ]


def database(subject: Subject) -> list[Finding]:
    """Opened as the workstation opens it, then read through by SQLite's quick_check."""
    path = subject.paths.database
    if not path.exists():
        return ok("database", "not there yet; the first chat makes it")
    try:
        problems, journal = asyncio.run(_examine(path))
    except OffGridError as error:
        text = ": ".join(part for part in (error.title, error.detail) if part)
        return fail("database", clean_line(text, 300), clean_line(error.mend, 300))
    size = path.stat().st_size
    text = f"{bytes_text(size)}, {'write-ahead' if journal == 'wal' else 'rollback'} journal"
    if problems:
        found = clean_line("; ".join(problems), 300)
        return fail("database", f"damaged: {found}", f"Copy {_shown(path)} away, and put a backup in its place.")
    return ok("database", f"{text}, {'too large to read through here' if size > READ_WHOLE else 'whole'}")


async def _examine(path: Path) -> tuple[list[str], str]:
    database = await asyncio.to_thread(Database.open, path)
    try:
        return ([] if path.stat().st_size > READ_WHOLE else await database.check()), database.journal
    finally:
        await database.close()


def _shown(path: Path) -> str:
    return clean_line(str(path), 200)
