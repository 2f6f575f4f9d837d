"""How much the corpus and the held-out questions have in common, and keeping it small."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tools.starter import heldout
from tools.starter.corpus.conversation import Conversation

# A conversation that holds a whole question of the exam, or this many words of one in a row, is thrown away.
FORBIDDEN = 7
LENGTHS = (3, 4, 5, 6)
# The share of the exam's n-grams that the corpus may have, by n. English itself has "how do i open the".
BOUNDS = {5: 0.08, 6: 0.03}
_WORD = re.compile(r"\w+(?:'\w+)?")


def words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


def ngrams(text: tuple[str, ...], length: int) -> Iterable[tuple[str, ...]]:
    return (text[at : at + length] for at in range(len(text) - length + 1))


class Guard:
    """Keeps the questions of the exam out of the corpus."""

    def __init__(self) -> None:
        self._whole: set[tuple[str, ...]] = set()
        self._parts: set[tuple[str, ...]] = set()
        for question in heldout.everything():
            for turn in question.turns:
                # A passage and its question are apart by an empty line; either alone must not occur.
                for part in (turn, *turn.split("\n\n")):
                    self._whole.add(words(part))
                    self._parts.update(ngrams(words(part), FORBIDDEN))

    def allows(self, conversation: Conversation) -> bool:
        for message in conversation.messages:
            if message["role"] != "user":
                continue
            for part in (message["content"], *message["content"].split("\n\n")):
                said = words(part)
                if said in self._whole or any(ngram in self._parts for ngram in ngrams(said, FORBIDDEN)):
                    return False
        return True


@dataclass(frozen=True, slots=True)
class Report:
    """`shares[n]`: which part of the exam's distinct n-grams of words occurs in the corpus; `verbatim`: how many
    questions do as a whole."""

    verbatim: int
    shares: dict[int, float]

    def faults(self) -> list[str]:
        found = [f"{self.verbatim} questions occur as a whole"] if self.verbatim else []
        for length, bound in BOUNDS.items():
            if self.shares[length] > bound:
                found.append(f"{self.shares[length]:.1%} of the {length}-grams occur, more than {bound:.0%}")
        return found

    def __str__(self) -> str:
        shares = ", ".join(f"{length}-grams {share:.1%}" for length, share in self.shares.items())
        return f"of the held-out questions, {self.verbatim} occur as a whole; {shares} of theirs occur"


class Overlap:
    """Counts what a corpus has in common with the exam, as it passes by."""

    def __init__(self) -> None:
        self._whole = {words(turn): False for question in heldout.everything() for turn in question.turns}
        self._seen: dict[int, dict[tuple[str, ...], bool]] = {
            length: {ngram: False for text in self._whole for ngram in ngrams(text, length)} for length in LENGTHS
        }

    def add(self, conversation: Conversation) -> None:
        for message in conversation.messages:
            if message["role"] != "user":
                continue
            said = words(message["content"])
            if said in self._whole:
                self._whole[said] = True
            for length, seen in self._seen.items():
                for ngram in ngrams(said, length):
                    if ngram in seen:
                        seen[ngram] = True

    def report(self) -> Report:
        shares = {length: sum(seen.values()) / len(seen) for length, seen in self._seen.items()}
        return Report(sum(self._whole.values()), shares)
