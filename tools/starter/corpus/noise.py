"""Makes a clean sentence look as people type it: telegram style, courtesy, haste, a foreign accent, typos."""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tools.starter.corpus.grammar import Grammar

_GRAMMAR = Grammar()
_WORD = re.compile(r"[A-Za-z']+")


def as_typed(text: str, random_: random.Random, *, keep: tuple[str, ...] = ()) -> str:
    """`text` (a lower-case sentence without a final mark) as some person would type it.

    `keep` are pieces that stay letter for letter: paths, codes, names that the answer has to repeat.
    """
    draw = random_.random
    # A character of the private use area stands for each piece meanwhile; the longest first, as one may hold another.
    sheltered = {chr(0xE000 + index): piece for index, piece in enumerate(sorted(keep, key=len, reverse=True))}
    for mark, piece in sheltered.items():
        text = text.replace(piece, mark)
    if draw() < 0.16:
        text = _foreign(text, random_)
    elif draw() < 0.12:
        text = _telegram(text)
    if draw() < 0.14:
        text = _shortened(text, random_)
    if draw() < 0.24:
        text = _GRAMMAR.sample(random_.choice(_table()["before"]), random_) + " " + text
    if draw() < 0.18:
        # Grammar.sample strips the space that begins some of these.
        after = random_.choice(_table()["after"])
        text += (" " if after.startswith(" ") else "") + _GRAMMAR.sample(after, random_)
    if draw() < 0.38:
        text = _misspelt(text, random_, 1 if draw() < 0.7 else 2 if draw() < 0.8 else 4)
    text = _cased(text, random_) + _ending(random_)
    for mark, piece in sheltered.items():
        text = text.replace(mark, piece)
    return text


@cache
def _table() -> dict[str, Any]:
    """What noise.toml holds."""
    return tomllib.loads(Path(__file__).with_name("noise.toml").read_text("utf-8"))


def _telegram(text: str) -> str:
    kept = [word for word in text.split() if word not in _table()["dropped"]]
    return " ".join(kept) if len(kept) >= 2 else text


def _shortened(text: str, random_: random.Random) -> str:
    for long, short in _table()["short"].items():
        if random_.random() < 0.6:
            text = re.sub(rf"\b{long}\b", short, text)
    return text


def _foreign(text: str, random_: random.Random) -> str:
    entries = list(_table()["foreign"])
    random_.shuffle(entries)
    changed = 0
    for entry in entries:
        replaced = re.sub(entry["found"], random_.choice(entry["instead"]), text, count=1)
        changed += replaced != text
        text = replaced
        if changed == 2:
            break
    return " ".join(text.split())


def _misspelt(text: str, random_: random.Random, count: int) -> str:
    for _ in range(count):
        places = [match for match in _WORD.finditer(text) if len(match[0]) >= 4]
        if not places:
            return text
        place = random_.choice(places)
        text = text[: place.start()] + _typo(place[0], random_) + text[place.end() :]
    return text


def _typo(word: str, random_: random.Random) -> str:
    at = random_.randrange(1, len(word))
    match random_.randrange(5):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        case 2:
            return word[:at] + word[at] + word[at:]
        case 3:
            near = _table()["neighbours"].get(word[at].lower(), "e")
            return word[:at] + random_.choice(near) + word[at + 1 :]
        case _:
            return re.sub(r"(.)\1", r"\1", word) if re.search(r"(.)\1", word) else word[:at] + word[at + 1 :]


def _cased(text: str, random_: random.Random) -> str:
    chance = random_.random()
    if chance < 0.5:
        return text
    if chance < 0.97:
        text = text[:1].upper() + text[1:]
        return re.sub(r"\bi\b", "I", text) if random_.random() < 0.8 else text
    return text.upper()


def _ending(random_: random.Random) -> str:
    chance = random_.random()
    for limit, mark in ((0.42, ""), (0.8, "?"), (0.9, "."), (0.94, "??"), (0.97, " ?"), (0.985, "!!")):
        if chance < limit:
            return mark
    return random_.choice(("...", "!", "?!", " :)", "???", " :("))
