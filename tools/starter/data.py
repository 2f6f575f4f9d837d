"""The corpus as tokens, and in steps for training: conversations of like length side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.starter.corpus.conversation import Conversation
from tools.starter.template import render
from tools.starter.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Packed:
    """Whole conversations back to back: `tokens` [all] uint16; `spoken` [all], whether the assistant says the token;
    `starts`, where each conversation begins."""

    tokens: npt.NDArray[np.uint16]
    spoken: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, tokens=self.tokens, spoken=self.spoken, starts=self.starts)

    @staticmethod
    def load(path: Path) -> Packed:
        with np.load(path) as arrays:
            return Packed(arrays["tokens"], arrays["spoken"], arrays["starts"])


def texts(path: Path, limit: int) -> Iterator[str]:
    """The first `limit` conversations of a corpus as the model sees them."""
    for conversation in _conversations(path, limit):
        yield "".join(text for text, _ in render(conversation.messages, conversation.tools))


def pack(path: Path, tokenizer: Tokenizer, limit: int | None = None) -> Packed:
    """The corpus in `path` as tokens."""
    tokens: list[npt.NDArray[np.uint16]] = []
    spoken: list[npt.NDArray[np.bool_]] = []
    starts, total = [], 0
    for conversation in _conversations(path, limit):
        ids: list[int] = []
        says: list[bool] = []
        for text, by_assistant in render(conversation.messages, conversation.tools):
            piece = tokenizer.encode(text)
            ids += piece
            says += [by_assistant] * len(piece)
        tokens.append(np.array(ids, np.uint16))
        spoken.append(np.array(says, np.bool_))
        starts.append(total)
        total += len(ids)
    return Packed(np.concatenate(tokens), np.concatenate(spoken), np.array(starts, np.int64))


Part = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def steps(packed: Packed, budget: int, part: int, epoch: int, seed: int, longest: int) -> Iterator[list[Part]]:
    """One epoch in steps of about `budget` tokens, in an order that `epoch` and `seed` settle.

    A step is a list of parts, each of at most `part` tokens with padding (or of one conversation): `(tokens, says)`
    [rows, columns], where `says` is 1 for what the assistant says, 0 for the rest and -1 for padding. Conversations of
    like length share a part, so that little is padding and attention costs what a short text costs. Of a conversation
    only the first `longest` tokens are taken.
    """
    order = np.random.default_rng((seed, epoch)).permutation(len(packed.starts))
    ends = np.append(packed.starts[1:], len(packed.tokens))
    lengths = np.minimum(ends - packed.starts, longest)
    chosen: list[int] = []
    total = 0
    for index in order:
        chosen.append(int(index))
        total += int(lengths[index])
        if total >= budget:
            yield _parts(packed, chosen, lengths, part)
            chosen, total = [], 0
    if chosen:
        yield _parts(packed, chosen, lengths, part)


def _parts(packed: Packed, chosen: list[int], lengths: npt.NDArray[np.int64], part: int) -> list[Part]:
    chosen.sort(key=lambda index: int(lengths[index]), reverse=True)
    parts: list[Part] = []
    while chosen:
        columns = int(lengths[chosen[0]])
        rows, chosen = chosen[: max(1, part // columns)], chosen[max(1, part // columns) :]
        tokens = np.zeros((len(rows), columns), np.int64)
        says = np.full((len(rows), columns), -1, np.int64)
        for row, index in enumerate(rows):
            span = slice(int(packed.starts[index]), int(packed.starts[index] + lengths[index]))
            tokens[row, : lengths[index]] = packed.tokens[span]
            says[row, : lengths[index]] = packed.spoken[span]
        parts.append((tokens, says))
    return parts


def _conversations(path: Path, limit: int | None) -> Iterator[Conversation]:
    with path.open(encoding="utf-8") as file:
        for count, line in enumerate(file):
            if limit is not None and count >= limit:
                return
            yield Conversation.from_json(line)


def describe(packed: Packed) -> str:
    return json.dumps(
        {
            "conversations": len(packed.starts),
            "tokens": len(packed.tokens),
            "spoken": int(packed.spoken.sum()),
            "longest": int(np.diff(np.append(packed.starts, len(packed.tokens))).max()),
        }
    )
