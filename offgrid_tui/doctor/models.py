"""Whether what can be had can be read, ours and the user's own."""

from __future__ import annotations

from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.catalog.model import Source
from offgrid_tui.doctor.model import Finding, Level, Subject, fail, ok
from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.foundation.text import clean_line


def catalog(subject: Subject) -> list[Finding]:
    try:
        found = load_catalog(subject.paths)
    except DamagedError as error:
        return fail("catalog", clean_line(f"{error.title}: {error.detail}", 300), error.mend)
    if found.problems:
        return [
            Finding("catalog", Level.WARN, clean_line(f"{problem.where}: {problem.what}", 300), problem.mend)
            for problem in found.problems
        ]
    own = sum(model.source is Source.OWN for model in found.models)
    return ok("catalog", f"{len(found.models)} models" + (f", {own} of them your own" if own else ""))
