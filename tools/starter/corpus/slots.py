"""Values for the parameters of tools, by the name of the slot."""

from __future__ import annotations

import random
from collections.abc import Callable

from tools.starter.corpus.words import Words

Value = str | int | float


class Slots:
    def __init__(self, words: Words) -> None:
        self._words = words
        self._makers: dict[str, Callable[[random.Random], Value]] = {
            "room": self._room,
            "noun": words.noun,
            "plural": lambda r: words.noun(r) + ("" if r.random() < 0.1 else "s"),
            "thing": self._thing,
            "invented": words.invented,
            "first_name": words.first_name,
            "full_name": lambda r: words.first_name(r) + ("" if r.random() < 0.4 else " " + words.place(r)),
            "place": words.place,
            "small": lambda r: int(words.number(r, r.choice((1, 2, 2)))),
            "percent": lambda r: int(words.number(r, 2)),
            "number": lambda r: int(words.number(r)),
            "decimal": self._decimal,
            "code": words.code,
            "colour": lambda r: words.of("colours", r),
            "day": lambda r: words.of("days", r).lower() if r.random() < 0.5 else words.of("days", r),
            "time": lambda r: f"{r.randrange(24)}:{r.randrange(60):02}",
            "phone": lambda r: (
                r.choice(("", "0", "+")) + words.number(r, 4) + r.choice(("", " ", "-")) + words.number(r, 5)
            ),
            "unit": lambda r: words.of("units", r),
            "direction": lambda r: words.of("directions", r),
            "role": lambda r: words.of("roles", r),
            "priority": lambda r: words.of("priorities", r),
            "login": lambda r: words.invented(r) + (words.number(r, 2) if r.random() < 0.4 else ""),
            "host": self._host,
            "service": lambda r: words.invented(r) + r.choice(("", "", "d", "-" + words.noun(r))),
            "url": lambda r: f"http://{words.invented(r)}.{r.choice(('lan', 'local', 'home', 'test'))}/{words.noun(r)}",
            "title": lambda r: f"{words.of('adjectives', r).title()} {words.noun(r).title()}",
            "topic": self._thing,
            "phrase": self._phrase,
            "todo": lambda r: f"{words.of('verbs', r)} the {self._thing(r)}",
            "complaint": lambda r: f"the {self._thing(r)} {r.choice(('is broken', 'leaks', 'is gone', 'is too loud'))}",
        }

    def value(self, slot: str, random_: random.Random) -> Value:
        return self._makers[slot](random_)

    def _room(self, random_: random.Random) -> str:
        kinds = ("kitchen", "office", "bathroom", "bedroom", "garage", "cellar", "hall", "attic", "workshop", "lab")
        chance = random_.random()
        if chance < 0.35:
            return random_.choice(kinds)
        return self._words.noun(random_) if chance < 0.8 else f"{self._words.noun(random_)} {random_.choice(kinds)}"

    def _thing(self, random_: random.Random) -> str:
        noun = self._words.noun(random_)
        return noun if random_.random() < 0.5 else f"{self._words.of('adjectives', random_)} {noun}"

    def _decimal(self, random_: random.Random) -> Value:
        if random_.random() < 0.5:
            return int(self._words.number(random_))
        return float(f"{self._words.number(random_, 2)}.{random_.randrange(1, 10)}")

    def _host(self, random_: random.Random) -> str:
        if random_.random() < 0.4:
            return ".".join(str(random_.randrange(1, 255)) for _ in range(4))
        return self._words.invented(random_) + random_.choice(("", f"-{random_.randrange(1, 30)}", ".lan", ".local"))

    def _phrase(self, random_: random.Random) -> str:
        words = self._words
        return random_.choice(
            (
                f"the {words.noun(random_)} is {words.of('adjectives', random_)}",
                f"i come at {random_.randrange(24)}:{random_.randrange(60):02}",
                f"we meet in {words.place(random_)} on {words.of('days', random_)}",
                f"{words.first_name(random_)} has the {words.noun(random_)}",
                f"please {words.of('verbs', random_)} the {words.noun(random_)}",
                f"i need {words.number(random_, 2)} {words.noun(random_)}s",
            )
        )
