"""From tokens to text: a token is bytes, and a character may need several tokens."""

from __future__ import annotations

import codecs


class Utf8Joiner:
    """Turns bytes into whole characters; what is no UTF-8 becomes U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, piece: bytes) -> str:
        """The characters completed by `piece`."""
        return self._decoder.decode(piece)

    def end(self) -> str:
        """What is left of a character that was never completed."""
        return self._decoder.decode(b"", final=True)
