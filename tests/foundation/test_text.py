"""Text that we did not write cannot speak to the terminal."""

from __future__ import annotations

import random
import unicodedata

import pytest

from offgrid_tui.foundation.text import clean, clean_line


def _is_safe(text: str) -> bool:
    """Judged by Unicode's own tables, not by the ones under test."""
    return all(
        char in "\t\n"
        or (
            unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
            and unicodedata.bidirectional(char) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
            and char not in "\u200e\u200f\u061c"
        )
        for char in text
    )


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("a\r\nb", "a\nb"),
        ("\x1b]52;c;aGk=\x07clip", "]52;c;aGk=clip"),
        ("\x1b[2Jgone", "[2Jgone"),
        ("\x9b2J\x9d0;t\x9c", "2J0;t"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("\ud800lone", "lone"),
        ("grüße 漢字 👩‍👩‍👧 שלום", "grüße 漢字 👩‍👩‍👧 שלום"),
        ("a\x00b\x7fc\x08d", "abcd"),
    ],
)
def test_what_is_taken_out_and_what_stays(text: str, safe: str) -> None:
    assert clean(text) == safe


def test_every_character_there_is() -> None:
    everything = "".join(map(chr, range(0x110000)))
    cleaned = clean(everything)
    assert _is_safe(cleaned)
    assert clean(cleaned) == cleaned
    kept = set(cleaned)
    for char in "".join(map(chr, range(0x20, 0x7F))) + "äß漢👍\u200d\ufe0f":
        assert char in kept


def test_a_cleaned_stream_is_the_cleaned_whole() -> None:
    """Pieces of an answer are cleaned one by one, so no sequence may come together from two of them."""
    rng = random.Random(1)
    alphabet = "\x1b]52;c\x07\x9b[m\u202e\u2069ab \n\té漢"
    for _ in range(200):
        text = "".join(rng.choices(alphabet, k=60))
        cut = rng.randrange(61)
        assert clean(text[:cut]) + clean(text[cut:]) == clean(text)
        assert _is_safe(clean(text))


def test_one_line() -> None:
    assert clean_line("  a\nb\tc\x1b[0m ") == "a b c[0m"
    assert clean_line("x" * 500, 10) == "x" * 9 + "…"
    assert clean_line("x" * 10, 10) == "x" * 10
    assert clean_line("\x00" * 10**6 + "x") == ""  # bounded: only so much of a hostile name is looked at
    assert "\n" not in clean_line("a\u2028b\u2029c\x85d\x0be")
    assert len(clean_line("a\u2028b\u2029c\x85d\x0be").splitlines()) == 1
