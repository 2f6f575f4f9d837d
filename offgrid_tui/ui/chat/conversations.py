"""The list of conversations, at the left where there is room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from offgrid_tui.chat.model import Conversation
from offgrid_tui.foundation.text import clean_line


class ConversationList(OptionList):
    """Newest first. The one that is open is marked; the row under the cursor is only lighter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="chats.open", tooltip="Open this chat"),
        Binding("r", "rename", "Rename", id="chats.rename", tooltip="Rename this chat"),
        Binding("x,delete", "delete", "Delete", id="chats.delete", tooltip="Delete this chat"),
        Binding("escape", "screen.write", "Back", id="chats.back", tooltip="Go back to writing"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    class RenameAsked(Message):
        def __init__(self, conversation: str) -> None:
            super().__init__()
            self.conversation = conversation

    class DeleteAsked(Message):
        def __init__(self, conversation: str) -> None:
            super().__init__()
            self.conversation = conversation

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self._shown: list[tuple[str, str]] = []
        self._open: str | None = None

    def show(self, conversations: Iterable[Conversation], open_id: str | None) -> None:
        """Show `conversations` in their order. While it has the focus, the cursor stays on its chat."""
        shown = [(c.id, clean_line(c.title, 200) or "New chat") for c in conversations]
        if shown == self._shown and open_id == self._open:
            return
        at = self.highlighted_id if self.has_focus else open_id
        self._shown, self._open = shown, open_id
        self.clear_options()
        self.add_options([Option(self._row(id, title), id=id) for id, title in shown])
        ids = [id for id, _ in shown]
        self.highlighted = ids.index(at) if at in ids else (0 if ids else None)

    def _row(self, id: str, title: str) -> Content:
        mark = "▸ " if id == self._open else "  "
        style = "$foreground" if id == self._open else "$muted"
        return Content.assemble((mark, "bold"), (title, style))

    @property
    def highlighted_id(self) -> str | None:
        index = self.highlighted
        return self._shown[index][0] if index is not None and index < len(self._shown) else None

    def action_rename(self) -> None:
        if self.highlighted_id:
            self.post_message(self.RenameAsked(self.highlighted_id))

    def action_delete(self) -> None:
        if self.highlighted_id:
            self.post_message(self.DeleteAsked(self.highlighted_id))
