"""What the screens are told: facts from the bus, as Textual messages. Only ui/bridge.py makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:  # the engine's contract costs the first frame 20 ms that it does not need
    from offgrid_tui.chat.events import AnswerProgressed
    from offgrid_tui.chat.model import Turn
    from offgrid_tui.engine.contract import Loaded


class BusMessage(Message, bubble=False):
    """Goes to each listener itself; a parent gets its own."""


@dataclass
class ConversationsChanged(BusMessage):
    """The list is another: something is new, renamed, or has moved up. Several changes come as one message."""

    deleted: frozenset[str] = frozenset()


@dataclass
class ModelsChanged(BusMessage):
    """The list of models is another. Several changes come as one message."""


@dataclass
class LibraryMoved(BusMessage):
    """How far an import, a check or another long piece of work with files is, in bytes; at most four a second."""

    work: str
    what: str
    done: int
    total: int


@dataclass
class ModelFellBack(BusMessage):
    """Another model answers from now on, though nobody asked for it; None where none is left. `reason` says why."""

    path: str | None
    reason: str


@dataclass
class TurnCame(BusMessage):
    """A turn was added, or another workstation saved more of one."""

    turn: Turn


@dataclass
class AnswerAdvanced(BusMessage):
    """How far an answer is before its first word. Joined: the newest stands for those before it."""

    progress: AnswerProgressed


@dataclass
class ModelReady(BusMessage):
    """The model that answers a turn, as the engine tells it."""

    loaded: Loaded
    turn_id: str


@dataclass
class TextArrived(BusMessage):
    """What an answer grew by since the last message: at most 15 a second (10 over SSH), the first at once.

    `thinking_at` and `answer_at` say after how many characters the pieces belong: a screen that was opened in the
    middle, and has read more from the database already, takes only what it lacks.
    """

    turn_id: str
    conversation: str
    thinking: str
    thinking_at: int
    answer: str
    answer_at: int
    tokens: int
    elapsed_ms: float


@dataclass
class AnswerFinished(BusMessage):
    """An answer is complete, stopped or failed; comes after all of its text."""

    turn: Turn


@dataclass
class SavingTroubled(BusMessage):
    """An answer can't be written to disk (`problem`), or can again (`problem` is empty)."""

    turn_id: str
    problem: str


@dataclass
class EngineMoved(BusMessage):
    """The engine is being built (`text` "43/193"), stands (`text` None), or failed (`problem`)."""

    text: str | None
    problem: str = ""
    detail: str = ""
