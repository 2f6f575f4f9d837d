"""Splits what a model thinks from what it answers, while it streams.

A marker counts at the beginning of an answer only: a model that writes about `<think>` is not thinking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offgrid_tui.engine.worker.stops import overlap

Channel = Literal["answer", "thinking"]


@dataclass(frozen=True)
class Markers:
    """How one family of models writes its thinking. `drop` is what may stand before the answer proper."""

    open: str
    close: str
    drop: str = ""


FAMILIES = (
    Markers("<think>", "</think>"),
    Markers("<thinking>", "</thinking>"),
    Markers("<thought>", "</thought>"),
    Markers("<reasoning>", "</reasoning>"),
    Markers("<seed:think>", "</seed:think>"),
    Markers("<mm:think>", "</mm:think>"),
    Markers("<think:opensource>", "</think:opensource>"),
    Markers("[THINK]", "[/THINK]"),
    Markers("<|channel>thought", "<channel|>"),
    Markers("<|START_THINKING|>", "<|END_THINKING|>"),
    Markers("<|begin_of_thought|>", "<|end_of_thought|>"),
    Markers(
        "<|channel|>analysis<|message|>",
        "<|end|>",
        drop="<|start|>assistant<|channel|>final<|message|>",
    ),
)
# A model of the last family may answer without having thought.
_BARE_ANSWER = "<|channel|>final<|message|>"
# Control tokens of these texts are told to the splitter, though they are never shown.
MARKER_TEXTS = tuple({text: None for family in FAMILIES for text in (family.open, family.close, family.drop) if text})
_PATIENCE = 200  # white space before an answer, beyond which nobody waits for a marker


def opened_by(prompt: str) -> Markers | None:
    """The family whose thinking the prompt itself has begun, as some templates do."""
    end = prompt[-200:].rstrip()
    return next((family for family in FAMILIES if end.endswith(family.open)), None)


def known_to(text: str) -> bool:
    """Whether `text`, a template, knows thinking."""
    return any(family.open in text for family in FAMILIES)


class ThinkingSplitter:
    """Takes text as it comes; gives back pieces, each with its channel."""

    def __init__(self, opened: Markers | None = None) -> None:
        self._family = opened
        self._state: Literal["start", "thinking", "between", "answer"] = "thinking" if opened else "start"
        self._held = ""
        self._begun = False  # something of the thinking was given out

    @property
    def channel(self) -> Channel:
        """Where the next text belongs, as far as is known."""
        return "thinking" if self._state == "thinking" else "answer"

    def push(self, text: str) -> list[tuple[Channel, str]]:
        if self._state == "answer":
            return [("answer", text)] if text else []
        self._held += text
        pieces: list[tuple[Channel, str]] = []
        while self._advance(pieces):
            pass
        return pieces

    def end(self) -> list[tuple[Channel, str]]:
        """What was held back, now that nothing follows."""
        held, self._held = self._held, ""
        if self._state == "thinking":
            held = held.rstrip()
        return [(self.channel, held)] if held and not (self._state == "between" and held.isspace()) else []

    def _advance(self, pieces: list[tuple[Channel, str]]) -> bool:
        """Take one step; False when more text is needed, or none is held."""
        if self._state == "start":
            return self._start(pieces)
        if self._state == "thinking":
            return self._think(pieces)
        if self._state == "between":
            return self._between(pieces)
        if self._held:
            pieces.append(("answer", self._held))
            self._held = ""
        return False

    def _start(self, pieces: list[tuple[Channel, str]]) -> bool:
        text = self._held.lstrip()
        if not text and len(self._held) < _PATIENCE:
            return False
        for family in FAMILIES:
            if text.startswith(family.open):
                self._family, self._state = family, "thinking"
                self._held = text[len(family.open) :]
                return True
        if text.startswith(_BARE_ANSWER):
            self._held, self._state = text[len(_BARE_ANSWER) :], "answer"
            return True
        if text and any(opening.startswith(text) for opening in (*(f.open for f in FAMILIES), _BARE_ANSWER)):
            return False
        self._state = "answer"
        return True

    def _think(self, pieces: list[tuple[Channel, str]]) -> bool:
        assert self._family is not None
        if not self._begun:
            self._held = self._held.lstrip()
        before, closed, after = self._held.partition(self._family.close)
        if closed:
            if shown := before.rstrip():
                pieces.append(("thinking", shown))
            self._held, self._state = after, "between"
            return True
        keep = overlap(self._held, self._family.close)
        body = self._held[: len(self._held) - keep]
        shown = body.rstrip()  # white space before the closing marker belongs to nobody
        if shown:
            self._begun = True
            pieces.append(("thinking", shown))
            self._held = self._held[len(shown) :]
        return False

    def _between(self, pieces: list[tuple[Channel, str]]) -> bool:
        assert self._family is not None
        text = self._held.lstrip()
        drop = self._family.drop
        if drop and text.startswith(drop):
            self._held, self._state = text[len(drop) :], "answer"
            return True
        if not text or (drop and drop.startswith(text)):
            return False
        self._held, self._state = text, "answer"
        return True
