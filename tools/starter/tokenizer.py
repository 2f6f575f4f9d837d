"""A byte-level BPE tokenizer, as GPT-2's, cut as Qwen2's: every digit is a token of its own.

llama.cpp knows this cut as the pre-tokenizer "qwen2", so the GGUF holds only the tokens and merges made here; `export`
checks that both encode alike. Needs the package `regex`, for the classes of Unicode.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path

import regex

PRE_TOKENIZER = "qwen2"
_CUT = regex.compile(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Control tokens can't be written in a text from outside; the others are ordinary text that is one token.
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
WHOLE = ("<tool_call>", "</tool_call>", "<tools>", "</tools>")
_SPECIAL = regex.compile("(" + "|".join(map(regex.escape, (*CONTROL, *WHOLE))) + ")")
_SPECIAL_NO_CONTROL = regex.compile("(" + "|".join(map(regex.escape, WHOLE)) + ")")

Pair = tuple[str, str]


@cache
def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte: itself where it is printable, else one from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    letters = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        letters.setdefault(byte, chr(256 + len(letters) - len(printable)))
    return letters


class Tokenizer:
    """Tokens are numbered: control, whole, the 256 bytes, then one for each merge."""

    def __init__(self, merges: list[Pair]) -> None:
        self.merges = merges
        letters = byte_letters()
        bytes_ = [letters[byte] for byte in range(256)]
        self.tokens = [*CONTROL, *WHOLE, *bytes_, *("".join(pair) for pair in merges)]
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._letters = letters
        self._bytes = {letter: byte for byte, letter in letters.items()}
        self._cache: dict[str, list[int]] = {}
        self.end = self._ids["<|im_end|>"]
        self.pad = self._ids["<|endoftext|>"]

    def encode(self, text: str, *, control: bool = True) -> list[int]:
        """`text` as token ids. Without `control`, the names of control tokens in it are ordinary text."""
        ids: list[int] = []
        for part in (_SPECIAL if control else _SPECIAL_NO_CONTROL).split(text):
            if part in WHOLE or (control and part in CONTROL):
                ids.append(self._ids[part])
            else:
                for word in _CUT.findall(part):
                    ids += self._word(word)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text; control tokens are left out, broken UTF-8 becomes U+FFFD."""
        found = bytearray()
        for index in ids:
            token = self.tokens[index]
            if token in CONTROL:
                continue
            found += token.encode() if token in WHOLE else bytes(self._bytes[letter] for letter in token)
        return found.decode("utf-8", "replace")

    def _word(self, word: str) -> list[int]:
        if word not in self._cache:
            parts = [self._letters[byte] for byte in word.encode()]
            while len(parts) > 1:
                rank, at = min((self._ranks.get(pair, len(self._ranks)), at) for at, pair in enumerate(pairwise(parts)))
                if rank == len(self._ranks):
                    break
                parts[at : at + 2] = [parts[at] + parts[at + 1]]
            self._cache[word] = [self._ids[part] for part in parts]
        return self._cache[word]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"merges": self.merges}, ensure_ascii=False) + "\n", "utf-8")

    @staticmethod
    def load(path: Path) -> Tokenizer:
        return Tokenizer([(first, second) for first, second in json.loads(path.read_text("utf-8"))["merges"]])


def train(texts: Iterable[str], size: int) -> Tokenizer:
    """The tokenizer of `size` tokens that merges the commonest pairs first; ties go to the pair that sorts first."""
    letters = byte_letters()
    counted: Counter[str] = Counter()
    for text in texts:
        for part in _SPECIAL.split(text):
            if part not in CONTROL and part not in WHOLE:
                counted.update(_CUT.findall(part))
    words = [([letters[byte] for byte in word.encode()], count) for word, count in sorted(counted.items())]
    pairs: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, (parts, count) in enumerate(words):
        for pair in pairwise(parts):
            pairs[pair] += count
            places[pair].add(index)
    # The heap may hold old counts: what it gives is only taken when it is still true.
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapify(heap)
    merges: list[Pair] = []
    wanted = size - len(CONTROL) - len(WHOLE) - 256
    while heap and len(merges) < wanted:
        found, best = heappop(heap)
        count = pairs[best]
        if count != -found:
            if count > 1:
                heappush(heap, (-count, best))
            continue
        merges.append(best)
        grown: set[Pair] = set()
        for index in places.pop(best):
            parts, count = words[index]
            for pair in pairwise(parts):
                pairs[pair] -= count
                places[pair].discard(index)
            at = 0
            while at < len(parts) - 1:
                if (parts[at], parts[at + 1]) == best:
                    parts[at : at + 2] = [parts[at] + parts[at + 1]]
                at += 1
            for pair in pairwise(parts):
                pairs[pair] += count
                places[pair].add(index)
                grown.add(pair)
        del pairs[best]
        grown.discard(best)
        for pair in grown:
            heappush(heap, (-pairs[pair], pair))
    return Tokenizer(merges)
