"""What a conversation is: a tree of turns, each with what made it and how it ended."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal


class TurnState(StrEnum):
    """A turn of the user is complete at once. An answer is running until it ends in one of the other three."""

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"  # by the user, or because the program that showed it ended; what came is kept
    FAILED = "failed"  # the error stands beside what came


LEGAL_MOVES: dict[TurnState, frozenset[TurnState]] = {
    TurnState.RUNNING: frozenset({TurnState.COMPLETE, TurnState.STOPPED, TurnState.FAILED}),
    TurnState.COMPLETE: frozenset(),
    TurnState.STOPPED: frozenset(),
    TurnState.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What an answer cost, from the engine's clocks; None where it was not measured. Times in milliseconds."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    thinking_tokens: int | None = None
    queue_ms: float | None = None
    load_ms: float | None = None
    prefill_ms: float | None = None
    decode_ms: float | None = None
    ttft_ms: float | None = None
    prefill_tps: float | None = None
    decode_tps: float | None = None
    thinking_ms: float | None = None
    seed: int | None = None
    stop_reason: str | None = None
    gpu_layers: int | None = None
    layers: int | None = None
    context: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `parent` is the turn it answers or follows; siblings are branches."""

    id: str
    conversation: str
    parent: str | None
    role: Literal["system", "user", "assistant"]
    content: str
    created: float  # Unix seconds
    state: TurnState = TurnState.COMPLETE
    thinking: str = ""
    model: str | None = None  # the path or name that was asked
    model_name: str | None = None  # as the model calls itself
    quantisation: str | None = None
    provider: str | None = None
    parameters: dict[str, Any] | None = None  # sampling as sent
    figures: Figures = Figures()
    error: str | None = None  # title, detail and mend, as shown

    def __post_init__(self) -> None:
        if self.role != "assistant" and self.state is not TurnState.COMPLETE:
            raise ValueError(f"a turn of role {self.role} is complete at once, never {self.state.value}")
        if (self.error is not None) != (self.state is TurnState.FAILED):
            raise ValueError(f"a failed turn has an error, and no other has one: {self.state.value}, {self.error!r}")

    def moved(self, state: TurnState, **changes: Any) -> Turn:
        """This turn in another state, and with `changes`.

        Raises:
            ValueError: LEGAL_MOVES has no such move.
        """
        if state not in LEGAL_MOVES[self.state]:
            raise ValueError(f"a turn that is {self.state.value} can't become {state.value}")
        return dataclasses.replace(self, state=state, **changes)


@dataclass(frozen=True, slots=True)
class Conversation:
    """`leaf` is the last turn of the branch that is shown."""

    id: str
    title: str
    created: float
    updated: float
    leaf: str | None = None
    model: str | None = None
    system: str = ""
    owner: str = "local"
