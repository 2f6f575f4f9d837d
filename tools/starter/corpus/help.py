"""Questions about OffGrid and their answers: facts.toml said in the ways of ways.toml."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.noise import as_typed

_FOLDER = Path(__file__).parent.parent
# How often a whole sentence is drawn rather than a frame, where a fact has both.
_SENTENCE = 0.45


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    group: str
    say: tuple[str, ...]
    key: str | None = None
    command: str | None = None


def facts() -> dict[str, Fact]:
    """What facts.toml holds, by name."""
    tables = tomllib.loads((_FOLDER / "facts.toml").read_text("utf-8"))
    return {
        name: Fact(name, table["group"], tuple(table["say"]), table.get("key"), table.get("command"))
        for name, table in tables.items()
    }


class Help:
    """Draws questions about one fact. The same generator state gives the same question."""

    def __init__(self) -> None:
        ways = tomllib.loads((_FOLDER / "ways.toml").read_text("utf-8"))
        self._grammar = Grammar(ways.pop("rules"))
        self._frames: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("frames.toml").read_text("utf-8"))
        self._ways: dict[str, dict[str, list[str]]] = ways
        self._facts = facts()
        if self._facts.keys() != ways.keys():
            raise ValueError(f"facts and ways differ: {sorted(self._facts.keys() ^ ways.keys())}")
        # A fact that can be asked in more ways comes more often, within bounds.
        self._names = list(self._facts)
        self._weights = [min(3.0, max(1.0, self._width(name) ** 0.15 / 2)) for name in self._names]

    def pair(self, random_: random.Random) -> tuple[str, str]:
        """A question as typed, and an answer."""
        name = random_.choices(self._names, self._weights)[0]
        return as_typed(self.question(name, random_), random_), random_.choice(self._facts[name].say)

    def question(self, name: str, random_: random.Random) -> str:
        """A clean question for the fact `name`."""
        ways = self._ways[name]
        framed = [kind for kind in ways if kind != "say"]
        if "say" in ways and (not framed or random_.random() < _SENTENCE):
            return self._grammar.sample(random_.choice(ways["say"]), random_)
        kind = random_.choices(framed, [len(ways[kind]) for kind in framed])[0]
        phrase = self._grammar.sample(random_.choice(ways[kind]), random_)
        frame = self._grammar.sample(random_.choice(self._frames[kind]), random_)
        return frame.replace("X", phrase)

    def _width(self, name: str) -> int:
        return sum(self._grammar.size(text) for texts in self._ways[name].values() for text in texts)
