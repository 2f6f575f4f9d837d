"""How far an answer is before its first word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from offgrid_tui.foundation.units import duration, tokens
from offgrid_tui.ui.widgets.gauge import Drawing, gauge

if TYPE_CHECKING:
    from offgrid_tui.chat.events import AnswerProgressed

WORDS = {
    "engine": "the engine is being built",
    "queued": "waiting for a place",
    "starting": "starting the engine",
    "loading": "loading the model",
    "prompt": "reading",
}
BAR = 20  # cells


def progress_line(progress: AnswerProgressed, drawing: Drawing) -> Content:
    """What is done, a gauge where something measures it, and how long it takes where that is known."""
    parts: list[Content | str | tuple[str, str]] = [(WORDS[progress.phase], "$muted")]
    if progress.phase == "prompt" and progress.tokens is not None:
        parts.append((f" {tokens(progress.tokens)} tokens", "$muted"))
    if progress.fraction is not None:
        parts += ["  ", gauge(progress.fraction, BAR, drawing), f" {progress.fraction:>4.0%}"]
    if progress.phase == "loading":
        parts.append((f"  {duration(progress.elapsed_ms / 1000)}", "$muted"))
        if progress.expected_ms:
            parts.append((f" of about {duration(progress.expected_ms / 1000)}", "$muted"))
    return Content.assemble(*parts)
