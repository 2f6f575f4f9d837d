"""What happened to conversations, for whoever shows them. Facts of this workstation, and of others on the same home.

Text in these events is clean (foundation/text.py). `AnswerGrew` may come dozens of times a second: whoever paints
joins it. Everything else is rare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offgrid_tui.chat.model import Turn
from offgrid_tui.engine.contract import Loaded
from offgrid_tui.foundation.errors import OffGridError


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation is new, or its title, model, shown branch or place in the list is another."""

    id: str


@dataclass(frozen=True, slots=True)
class ConversationDeleted:
    id: str


@dataclass(frozen=True, slots=True)
class TurnAdded:
    """A turn was committed; an answer that is still to come has state RUNNING and no text."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnChanged:
    """Another workstation saved more of a running answer. Our own answers grow by AnswerGrew."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class AnswerProgressed:
    """How far an answer is before its first word.

    `fraction` is 0 to 1, None where nothing measures it. `elapsed_ms` is how long this phase has lasted; while the
    model is loaded, how long that has, to be compared with `expected_ms` from earlier loads. `tokens` is how long the
    prompt is, of which `cached` needed no work; both None before the phase `prompt`.
    """

    turn_id: str
    conversation: str
    phase: Literal["engine", "queued", "starting", "loading", "prompt"]
    fraction: float | None
    elapsed_ms: float
    expected_ms: float | None = None
    tokens: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """The model that answers `turn_id`, as llama.cpp tells it."""

    loaded: Loaded
    turn_id: str


@dataclass(frozen=True, slots=True)
class AnswerGrew:
    """The next piece of an answer. `tokens` counts all generated so far; `elapsed_ms` since the engine was asked."""

    turn_id: str
    conversation: str
    text: str
    channel: Literal["answer", "thinking"]
    tokens: int
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """An answer is complete, stopped or failed: `turn` holds all of it, with its figures or its error."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class AnswerNotSaved:
    """What came of an answer could not be written to disk. It goes on, is kept in memory and tried again; told once,
    until AnswerSaved."""

    turn_id: str
    conversation: str
    error: OffGridError


@dataclass(frozen=True, slots=True)
class AnswerSaved:
    """An answer that could not be written is on disk after all."""

    turn_id: str
    conversation: str
