"""Words to fill sentences with: real ones from words.toml, and made-up names, so that copying is learnt letter by
letter rather than by heart."""

from __future__ import annotations

import random
import string
import tomllib
from collections.abc import Callable
from pathlib import Path


class Words:
    """Draws words, never one of `banned` (compared in lower case): those belong to the exam."""

    def __init__(self, banned: frozenset[str] = frozenset()) -> None:
        self._banned = banned
        self._lists: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))

    def of(self, name: str, random_: random.Random) -> str:
        """One word of the list `name`."""
        return self._allowed(lambda: random_.choice(self._lists[name]))

    def invented(self, random_: random.Random) -> str:
        """A made-up word in lower case, of one to three syllables."""
        return self._allowed(
            lambda: "".join(
                random_.choice(self._lists["onsets"])
                + random_.choice(self._lists["vowels"])
                + random_.choice(self._lists["codas"])
                for _ in range(random_.choice((1, 2, 2, 2, 3)))
            )
        )

    def noun(self, random_: random.Random) -> str:
        return self.of("nouns", random_) if random_.random() < 0.7 else self.invented(random_)

    def first_name(self, random_: random.Random) -> str:
        return self.of("names", random_) if random_.random() < 0.5 else self.invented(random_).capitalize()

    def place(self, random_: random.Random) -> str:
        return self.of("places", random_) if random_.random() < 0.4 else self.invented(random_).capitalize()

    def number(self, random_: random.Random, digits: int | None = None) -> str:
        """A whole number of one to six digits."""
        count = digits or random_.choice((1, 2, 2, 3, 3, 4, 4, 5, 6))
        return self._allowed(lambda: str(random_.randrange(10 ** (count - 1), 10**count)))

    def code(self, random_: random.Random) -> str:
        """Letters and digits as on a label: `T5-2210`, `900412`, `KD44`."""

        def once() -> str:
            letters = "".join(random_.choices(string.ascii_uppercase, k=random_.choice((1, 2, 3))))
            digits = "".join(random_.choices(string.digits, k=random_.choice((2, 3, 4, 5))))
            more = "".join(random_.choices(string.digits, k=random_.choice((3, 4))))
            return random_.choice(
                (
                    letters + digits,
                    f"{letters}-{digits}",
                    f"{letters}{digits[:2]}-{more}",
                    f"{digits}-{more}",
                    digits + more,
                    f"{digits[0]}{letters[0]}-{more}-{letters[-1]}",
                    f"{digits}{letters}",
                )
            )

        return self._allowed(once)

    def folder(self, random_: random.Random) -> str:
        """A path of a folder, absolute, in the home or relative."""
        parts = [self._segment(random_) for _ in range(random_.choice((1, 1, 2, 2, 3)))]
        return "/".join([random_.choice(self._lists["folders"]), *parts])

    def file(self, random_: random.Random) -> str:
        """A path of a file."""
        name = f"{self._segment(random_)}.{random_.choice(self._lists['suffixes'])}"
        if random_.random() < 0.08:
            return name
        return (
            f"{self.folder(random_)}/{name}"
            if random_.random() < 0.75
            else f"{random_.choice(self._lists['folders'])}/{name}"
        )

    def _segment(self, random_: random.Random) -> str:
        word = self.noun(random_)
        chance = random_.random()
        if chance < 0.12:
            return f"{word}-{self.number(random_, 2)}"
        if chance < 0.24:
            return f"{word}_{self.noun(random_)}"
        if chance < 0.3:
            return f"{word}.d"
        return str(random_.randrange(1990, 2027)) if chance < 0.34 else word

    def _allowed(self, draw: Callable[[], str]) -> str:
        while True:
            word = draw()
            if word.lower() not in self._banned:
                return word
