"""What a message or a code block asks of the screen: to be copied, or to be written to a file."""

from __future__ import annotations

from textual.message import Message


class CopyAsked(Message):
    """The user wants `text` where he can paste it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class WriteAsked(Message):
    """The user wants `text` in a file."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
