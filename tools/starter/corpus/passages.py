"""Questions about a passage in the prompt: the sentence that answers is quoted, with the passage's number."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path

from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.noise import as_typed
from tools.starter.corpus.outside import NOT_IN_PASSAGE
from tools.starter.corpus.slots import Slots
from tools.starter.corpus.words import Words

_GRAMMAR = Grammar()
_SLOT = re.compile(r"<([A-Za-z_]+)(?::\w+)?>")


class Passages:
    def __init__(self, words: Words) -> None:
        table = tomllib.loads(Path(__file__).with_name("passages.toml").read_text("utf-8"))
        self._lists: dict[str, list[str]] = table["words"]
        self._facts: list[dict[str, object]] = table["facts"]
        self._words = words
        self._slots = Slots(words)

    def pair(self, random_: random.Random) -> tuple[str, str]:
        """A prompt with one to three passages and a question, and the answer."""
        count = random_.choices((1, 2, 3), (70, 24, 6))[0]
        sizes = [random_.choices((1, 2, 3, 4, 5), (12, 26, 32, 20, 10))[0] for _ in range(count)]
        drawn = random_.sample(self._facts, min(sum(sizes) + 1, len(self._facts)))
        subject = {"thing": self._thing(random_), "place": self._words.place(random_)} if random_.random() < 0.4 else {}
        told = [self._told(fact, subject, random_) for fact in drawn[: sum(sizes)]]
        passages: list[list[str]] = []
        for size in sizes:
            passages.append([sentence for sentence, _ in told[sum(map(len, passages)) :][:size]])
        if random_.random() < 0.13:
            question = self._told(drawn[-1], subject, random_)[1]
            answer = random_.choice(NOT_IN_PASSAGE)
        else:
            index = random_.randrange(len(told))
            sentence, question = told[index]
            number = next(n for n in range(count) if index < sum(sizes[: n + 1])) + 1
            answer = f'"{sentence}" [{number}]'
        texts = []
        for number, sentences in enumerate(passages, 1):
            if random_.random() < 0.25:
                sentences.insert(random_.randrange(len(sentences) + 1), random_.choice(self._lists["asides"]))
            texts.append(f"[{number}] {' '.join(sentences)}")
        gap = "\n" if random_.random() < 0.8 else "\n\n"
        label = random_.choice(("", "", "", "", "Question: "))
        return f"{gap.join(texts)}\n\n{label}{as_typed(question, random_)}", answer

    def _told(self, fact: dict[str, object], subject: dict[str, str], random_: random.Random) -> tuple[str, str]:
        """A sentence, and a clean question that it answers."""
        say, ask = fact["say"], fact["ask"]
        assert isinstance(say, str) and isinstance(ask, list)
        values = dict(subject)
        sentence = self._fill(_GRAMMAR.sample(say, random_), values, random_)
        question = self._fill(_GRAMMAR.sample(random_.choice(ask), random_), values, random_)
        if random_.random() < 0.5:
            question = question.lower()
        return sentence[0].upper() + sentence[1:], question

    def _fill(self, text: str, values: dict[str, str], random_: random.Random) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[0][1:-1]
            if name not in values:
                values[name] = self._value(match[1], random_)
            return values[name]

        # Verbs stand with an s in sentences ("guards"); a question may want the plain one ("guard").
        text = text.replace("<verb>s", "<verb>").replace("does the <noun> <verb>", "does the <noun> <verb_>")
        if "<verb_>" in text:
            text = text.replace("<verb_>", values.get("verb", "does").rstrip("s").replace("carrie", "carry"))
        return _SLOT.sub(value, text)

    def _value(self, slot: str, random_: random.Random) -> str:
        if slot in self._lists:
            return random_.choice(self._lists[slot])
        match slot:
            case "thing":
                return self._thing(random_)
            case "file":
                return self._words.file(random_)
            case "year":
                return str(random_.randrange(1400, 2030))
            case "thousands":
                return f"{random_.randrange(1, 900)},{random_.randrange(1000):03}"
            case "month":
                return self._words.of("months", random_)
            case "day":
                return self._words.of("days", random_)
            case "adjective":
                return self._words.of("adjectives", random_)
            case "job":
                return self._words.of("jobs", random_)
            case "number" if random_.random() < 0.3:
                return random_.choice(self._lists["spelt"])
        return str(self._slots.value(slot, random_))

    def _thing(self, random_: random.Random) -> str:
        noun = self._words.noun(random_)
        chance = random_.random()
        if chance < 0.4:
            return noun
        return (
            f"{noun} of {self._words.place(random_)}"
            if chance < 0.7
            else f"{self._words.of('adjectives', random_)} {noun}"
        )
