"""The models that the other tests lean on say what they promise, cut into pieces or not."""

from __future__ import annotations

import pytest

from tools.models.reciter import cut_up


@pytest.mark.parametrize(
    "text",
    [
        "the the the the the",
        "a" * 50 + "!",
        "😀😀😀😀 end",
        "line\nline\nline\n",
        "<think>\nhm\n</think>\n\nhm",
        "x",
        "ab ab ab",
    ],
)
def test_cut_up_gives_different_pieces_that_make_the_text(text: str) -> None:
    pieces = cut_up(text.encode())
    assert b"".join(pieces) == text.encode()
    assert len(set(pieces)) == len(pieces)
    assert b"\n" not in pieces
