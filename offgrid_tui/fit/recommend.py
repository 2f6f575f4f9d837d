"""What to take on this machine: the fastest, a balanced one and the best, for each thing that models are made for.

Works on plain candidates. What a model is worth is not measured here: parameters, the bits that are left of them and
the context that it was trained for stand for it, and the reason says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from offgrid_tui.fit.model import Level
from offgrid_tui.fit.quantisation import quality_of
from offgrid_tui.foundation.units import bytes_text, parameters, rate


class Label(StrEnum):
    FASTEST = "fastest"
    BALANCED = "balanced"
    BEST = "best"


ROLES = ("chat", "code", "embedding")
READING = 8.0  # tokens a second: slower than this one waits for the next word
PATIENT = 2.5  # below this an answer takes minutes, so it is not recommended at all
LEAST_CHAT = 500_000_000  # parameters below which a model does not hold a conversation
SHORT_CONTEXT = 8192  # tokens; models trained for fewer are older, and lose the thread


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model in one quantisation."""

    key: str  # whatever the caller knows it by
    name: str
    quantisation: str
    size: int  # bytes
    roles: tuple[str, ...]  # of ROLES, what it is made for
    parameters: int
    needs: int
    level: Level
    active: float = 1.0  # the part of the parameters that a token sees
    speed: float | None = None  # tokens a second
    measured: bool = False
    context: int | None = None  # tokens it was trained for
    trust: int = 0  # smaller is better known
    installed: bool = False


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`pick` is None where nothing fits, and `reason` says so."""

    role: str
    label: Label
    pick: Candidate | None
    reason: str


def recommend(candidates: Iterable[Candidate], roles: Sequence[str] = ROLES) -> tuple[Recommendation, ...]:
    """For each role the three labels, in that order. One model may carry several labels."""
    fitting = [one for one in candidates if one.level in (Level.SAFE, Level.TIGHT)]
    return tuple(found for role in roles for found in _of_role(role, fitting))


def worth(candidate: Candidate) -> float:
    """A figure to order models by: of a mixture, the mean of what it knows and what it computes with."""
    size = candidate.parameters * math.sqrt(candidate.active)
    short = 0.4 if candidate.context is not None and candidate.context < SHORT_CONTEXT else 1.0
    return size * quality_of(candidate.quantisation) * short


def _of_role(role: str, fitting: list[Candidate]) -> list[Recommendation]:
    own = [one for one in fitting if role in one.roles]
    usable = [one for one in own if one.speed is None or one.speed >= PATIENT] or own
    if not usable:
        return [Recommendation(role, label, None, f"no model for {role} is known that fits") for label in Label]
    # What is tight leaves nothing for other programs: only where nothing is safe.
    usable = [one for one in usable if one.level is Level.SAFE] or usable
    able = [one for one in usable if role == "embedding" or one.parameters >= LEAST_CHAT] or usable
    best = max(able, key=lambda one: (worth(one), -one.trust, one.installed))
    fluent = [one for one in able if one.speed is None or one.speed >= READING]
    balanced = max(fluent, key=lambda one: (_middling(one, best), worth(one), -one.trust)) if fluent else best
    fastest = max(able, key=lambda one: (one.speed or 0.0, -one.size, worth(one)))
    return [
        Recommendation(role, Label.FASTEST, fastest, f"{_speed(fastest)}, the fastest that {_able(role)}"),
        Recommendation(role, Label.BALANCED, balanced, _balanced(balanced, best)),
        Recommendation(
            role, Label.BEST, best, f"{_size(best)}, the most that fits: needs {bytes_text(best.needs)}; {_speed(best)}"
        ),
    ]


def _middling(one: Candidate, best: Candidate) -> float:
    """Worth beside the best one's, and comfort: twice as fast as one reads is enough."""
    comfort = min(1.0, (one.speed or READING) / (2 * READING))
    return (worth(one) / worth(best)) ** 0.5 * comfort if worth(best) else comfort


def _balanced(one: Candidate, best: Candidate) -> str:
    if one is best:
        return f"{_size(one)} at {_speed(one)}: it is the best one too"
    return f"{_size(one)} at {_speed(one)}: fast enough to read along"


def _able(role: str) -> str:
    return "makes embeddings" if role == "embedding" else "holds a conversation" if role == "chat" else f"writes {role}"


def _size(one: Candidate) -> str:
    return f"{parameters(one.parameters)} parameters in {one.quantisation}"


def _speed(one: Candidate) -> str:
    if one.speed is None:
        return "speed not known"
    return rate(one.speed) if one.measured else f"about {rate(one.speed)}"
