"""Things told in one turn and asked for in a later one."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tools.starter.corpus.conversation import Conversation, assistant, user
from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.help import Help
from tools.starter.corpus.noise import as_typed
from tools.starter.corpus.slots import Slots
from tools.starter.corpus.words import Words

_GRAMMAR = Grammar()


class Memory:
    def __init__(self, words: Words, help_: Help) -> None:
        self._words, self._help, self._slots = words, help_, Slots(words)
        self._kinds: tuple[Callable[[random.Random], tuple[str, str, str, str, tuple[str, ...]]], ...] = (
            self._name, self._own, self._own, self._number, self._statement,
        )  # fmt: skip

    def conversation(self, random_: random.Random) -> Conversation:
        """Something told, one or two other questions, and what was told asked for."""
        told, noted, asked, answer, keep = random_.choice(self._kinds)(random_)
        messages = [user(as_typed(told, random_, keep=keep)), assistant(noted)]
        for _ in range(random_.choices((0, 1, 2), (20, 60, 20))[0]):
            question, reply = self._help.pair(random_)
            messages += [user(question), assistant(reply)]
        messages += [user(as_typed(asked, random_)), assistant(answer)]
        return Conversation("memory", tuple(messages))

    def _name(self, random_: random.Random) -> tuple[str, str, str, str, tuple[str, ...]]:
        name = self._words.first_name(random_)
        name = name.lower() if random_.random() < 0.2 else name
        text = _GRAMMAR.sample(random_.choice(_table()["introduced"]), random_).replace("<>", name)
        text = text.replace("NUMBER", self._words.number(random_, 2)).replace("PLACE", self._words.place(random_))
        shown = name[:1].upper() + name[1:]
        asked = _GRAMMAR.sample(random_.choice(_table()["who"]), random_)
        return text, f"Hello {shown}! What would you like to know about OffGrid?", asked, f"You are {shown}.", (name,)

    def _own(self, random_: random.Random) -> tuple[str, str, str, str, tuple[str, ...]]:
        owned = random_.choice(_table()["owned"])
        value = self._number_or_word(random_, number=any(word in owned for word in _table()["numeric"]))
        text = _GRAMMAR.sample(random_.choice(_table()["own"]), random_).replace("<>", value).replace("X", owned)
        asked = _GRAMMAR.sample(random_.choice(_table()["what"]), random_).replace("X", owned)
        return text, f"Noted: your {owned} is {value}.", asked, f"Your {owned} is {value}.", (value,)

    def _number(self, random_: random.Random) -> tuple[str, str, str, str, tuple[str, ...]]:
        value = self._number_or_word(random_, number=random_.random() < 0.7)
        if random_.random() < 0.15:
            value = " ".join(
                self._words.number(random_, random_.choice((1, 2))) for _ in range(random_.choice((3, 4, 6)))
            )
        text = _GRAMMAR.sample(random_.choice(_table()["number"]), random_).replace("<>", value)
        asked = _GRAMMAR.sample(random_.choice(_table()["which"]), random_)
        return text, f"Noted: {value}.", asked, f"You told me: {value}.", (value,)

    def _statement(self, random_: random.Random) -> tuple[str, str, str, str, tuple[str, ...]]:
        statement = random_.choice(_table()["statements"])
        answer: str = statement["answer"]
        text = _GRAMMAR.sample(statement["say"], random_)
        asked = _GRAMMAR.sample(random_.choice(statement["ask"]), random_)
        value = (
            self._words.place(random_)
            if "live" in answer
            else self._number_or_word(random_, number=random_.random() < 0.4)
        )
        if "<job>" in text:
            value = self._words.of("jobs", random_)
        elif "<count>" in text:
            things = f"{self._words.noun(random_)}s"
            value = f"{self._words.number(random_, random_.choice((1, 2, 3)))} {things}"
            asked = asked.replace("T", things)
        text = text.replace("<job>", value).replace("<count> <things>", value).replace("<>", value)
        return text, "Noted.", asked, answer.format(value), (value,)

    def _number_or_word(self, random_: random.Random, *, number: bool) -> str:
        words = self._words
        if number:
            return (
                words.code(random_)
                if random_.random() < 0.25
                else words.number(random_, random_.choice((2, 3, 4, 4, 5)))
            )
        chance = random_.random()
        if chance < 0.4:
            return words.first_name(random_)
        if chance < 0.6:
            return words.noun(random_)
        return f"{words.of('adjectives', random_)} {words.noun(random_)}" if chance < 0.75 else words.place(random_)


@cache
def _table() -> dict[str, Any]:
    """What memory.toml holds."""
    return tomllib.loads(Path(__file__).with_name("memory.toml").read_text("utf-8"))
