"""Runs every check and keeps going, whatever one of them meets."""

from __future__ import annotations

import logging

from offgrid_tui.doctor import engine, machine, models, places, terminal
from offgrid_tui.doctor.model import Check, Finding, Subject, fail
from offgrid_tui.foundation.text import clean_line

log = logging.getLogger(__name__)

CHECKS: tuple[Check, ...] = (
    machine.python,
    machine.processor,
    machine.memory,
    machine.gpu,
    machine.clock,
    terminal.size,
    terminal.colours,
    terminal.characters,
    terminal.tmux,
    engine.engine,
    places.folders,
    places.disk,
    places.filesystem,
    places.settings,
    places.database,
    models.catalog,
)


def examine(subject: Subject, checks: tuple[Check, ...] = CHECKS) -> list[Finding]:
    """What the checks find, in their order. Blocks for up to two seconds; run it in a thread inside a loop."""
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check(subject)
        except Exception as error:
            log.exception("the check %s failed", check.__name__)
            text = clean_line(f"could not be checked: {type(error).__name__}: {error}", 300)
            findings += fail(check.__name__, text, "Report this with the output of offgrid doctor --json.")
    return findings
