"""Where the user writes: enter sends, ctrl+j makes a new line, a paste keeps its lines."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from offgrid_tui.foundation.text import clean


class Composer(TextArea):
    """A text area that grows with what is written, up to a third of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="composer.send", tooltip="Send the message"),
        Binding("ctrl+j,alt+enter", "newline", "Newline", id="composer.newline", tooltip="Begin a new line"),
        Binding("pageup", "page(-1)", "Page up", id="composer.page_up", tooltip="Scroll the chat up", show=False),
        Binding("pagedown", "page(1)", "Page down", id="composer.page_down", tooltip="Scroll it down", show=False),
        Binding("escape", "leave", "Keys", id="composer.leave", tooltip="Leave the input: single keys work then"),
    ]

    class Paged(Message):
        """The chat shall scroll by `by` pages: there is rarely more than a page in here."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Sent(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The user wants to use keys, not to write."""

    def __init__(self) -> None:
        super().__init__(
            placeholder="Message", soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True
        )
        self.cursor_blink = False  # a blinking cursor costs three times what an idle screen does

    def action_send(self) -> None:
        if text := self.text.strip():
            self.clear()  # here, not by who gets it: what is typed next is typed already when that happens
            self.post_message(self.Sent(text))

    def give_back(self, text: str) -> None:
        """What could not be sent stands here again, before what was typed since."""
        self.text = f"{text}\n{self.text}" if self.text else text
        self.move_cursor(self.document.end)

    def action_newline(self) -> None:
        start, end = self.selection
        self._replace_via_keyboard("\n", start, end)

    def action_page(self, by: int) -> None:
        self.post_message(self.Paged(by))

    def action_leave(self) -> None:
        self.post_message(self.Left())

    async def _on_key(self, event: events.Key) -> None:
        """Keys of ours act here and now, in the order in which they were typed: by way of the app, an enter could
        overtake the letters before it."""
        bound = self.screen.active_bindings.get(event.key)
        if bound is not None and bound.node is self and (bound.binding.id or "").startswith("composer."):
            event.stop()
            event.prevent_default()
            await self.run_action(bound.binding.action)
        else:
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        text = clean(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        start, end = self.selection
        if result := self._replace_via_keyboard(text, start, end):
            self.move_cursor(result.end_location)
