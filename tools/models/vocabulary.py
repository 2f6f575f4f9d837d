"""Byte-level vocabularies of the GPT-2 kind, which any text can be written in.

Every byte has a character that stands for it, so that tokens are printable text in the file. Printable Latin-1 bytes
stand for themselves; the 68 others take the characters from U+0100 upward, in order (Radford et al., GPT-2, 2019).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

IM_START, IM_END = "<|im_start|>", "<|im_end|>"

NORMAL, CONTROL = 1, 3  # llama.cpp's token types

CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)

_WORDS = """
the of and to in that is was for it with as his on be at by had not are but from or have an they which one
you were her all she there would their we him been has when who will more no if out so said what up its about into than
them can only other new some could time these two may then do first any my now such like our over man me even most made
after also did many before must through back years where much your way well down should because each just those people
mr how too little state good very make world still own see men work long get here between both life being under never
day same another know while last might us great old year off come since against go came right used take three
system user assistant hello count from one ten write story about please answer question tell
"""


def byte_characters() -> list[str]:
    """The character that stands for each of the 256 bytes."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (chr(0x100 + i) for i in range(256))
    return [chr(byte) if byte in printable else next(others) for byte in range(256)]


_CHARACTERS = byte_characters()


def written(piece: bytes) -> str:
    """How the token that stands for `piece` is written in the file."""
    return "".join(_CHARACTERS[byte] for byte in piece)


@dataclass
class Vocabulary:
    """Tokens by id: the 256 bytes first, then what was added. Token texts are unique, as llama.cpp requires."""

    tokens: list[str] = field(default_factory=lambda: list(_CHARACTERS))
    types: list[int] = field(default_factory=lambda: [NORMAL] * 256)
    merges: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.im_start = self.add(IM_START, CONTROL)
        self.im_end = self.add(IM_END, CONTROL)

    def add(self, token: str, kind: int = NORMAL) -> int:
        """Append a token; returns its id. Raises ValueError where it is there already."""
        if token in self.ids:
            raise ValueError(f"token {token!r} is in the vocabulary already")
        self.ids[token] = len(self.tokens)
        self.tokens.append(token)
        self.types.append(kind)
        return self.ids[token]

    def learn(self, words: Iterable[str]) -> None:
        """Add merges, and their tokens, by which each word becomes one token."""
        known = set(self.merges)
        for word in words:
            characters = written(word.encode())
            left = characters[0]
            for right in characters[1:]:
                merge = f"{left} {right}"
                left += right
                if merge not in known:
                    known.add(merge)
                    self.merges.append(merge)
                    if left not in self.ids:
                        self.add(left)

    def fill(self, size: int) -> None:
        """Add made-up words until there are `size` tokens."""
        letters = "abcdefghijklmnopqrstuvwxyz"
        number = 0
        while len(self.tokens) < size:
            number += 1
            rest, word = number, ""
            while rest:
                rest, letter = divmod(rest, 26)
                word += letters[letter]
            if (token := written(b" " + word.encode() + b"q")) not in self.ids:
                self.add(token)

    def __len__(self) -> int:
        return len(self.tokens)


def common_words() -> list[str]:
    """Words for `Vocabulary.learn`, each with and without a space before it."""
    words = list(dict.fromkeys(_WORDS.split()))
    return words + [f" {word}" for word in words]
