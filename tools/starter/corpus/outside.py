"""Questions beyond Pocket's reach, and the one honest answer: it doesn't know, and what to do instead."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.noise import as_typed
from tools.starter.corpus.words import Words

REFUSALS = (
    "I don't know that: I am only a small guide to OffGrid. For this, get a real model: press `1` for the Catalog, "
    "choose one that fits and press `g`.",
    "I can't help with that, I am a small model that knows only OffGrid. Get a real model in the Catalog (`1`, then "
    "`g`) and ask it.",
)
NOT_IN_PASSAGE = ("I don't know: the passage does not say so.",)


class Outside:
    def __init__(self, words: Words) -> None:
        table = tomllib.loads(Path(__file__).with_name("outside.toml").read_text("utf-8"))
        self._grammar = Grammar(table["rules"])
        self._sentences: list[str] = table["sentences"]
        self._frames: dict[str, list[str]] = table["frames"]
        self._topics: dict[str, list[str]] = table["topics"]
        self._words = words

    def pair(self, random_: random.Random) -> tuple[str, str]:
        """A question as typed, and a refusal."""
        return as_typed(self.question(random_), random_), random_.choice(REFUSALS)

    def question(self, random_: random.Random) -> str:
        """A clean question."""
        if random_.random() < 0.4:
            text = self._grammar.sample(random_.choice(self._sentences), random_)
        else:
            kind = random_.choice(list(self._frames))
            text = self._grammar.sample(random_.choice(self._frames[kind]), random_)
            topic = self._grammar.sample(random_.choice(self._topics[kind]), random_)
            if random_.random() < 0.12:
                topic = self._words.invented(random_)
            text = text.replace("X", topic)
        return (
            text.replace("NAME", self._words.first_name(random_))
            .replace("PLACE", self._words.place(random_))
            .replace("NOUN", self._words.noun(random_))
            .replace("NUMBER", self._words.number(random_))
        )
