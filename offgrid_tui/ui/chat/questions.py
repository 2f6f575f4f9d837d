"""What the chat screen asks before it changes something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from offgrid_tui.chat.model import Conversation
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.ui.overlays.picker import Item, Picked, Picker
from offgrid_tui.ui.overlays.questions import AskText, Confirm

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp


def pick_chat(
    app: OffGridApp, conversations: Sequence[Conversation], open_id: str | None, picked: Callable[[str], None]
) -> None:
    """Let the user choose a conversation, where the list has no place beside the chat."""

    def find(text: str) -> list[Item]:
        words = text.lower().split()
        return [
            Item(c.id, title_of(c), "open" if c.id == open_id else "")
            for c in conversations
            if all(word in c.title.lower() for word in words)
        ]

    def chosen(result: Picked | None) -> None:
        if result is not None and result.id is not None:
            picked(result.id)

    app.push_screen(Picker("Chats", find, hint="Filter"), chosen)


def ask_title(app: OffGridApp, conversation: Conversation) -> None:
    """Rename a conversation to what the user writes."""

    def named(title: str | None) -> None:
        if title:
            app.start(app.workstation.chat.rename(conversation.id, title))

    app.push_screen(AskText("Rename chat", title_of(conversation)), named)


def ask_delete(app: OffGridApp, conversation: Conversation) -> None:
    """Delete a conversation if the user says so."""

    def answered(yes: bool | None) -> None:
        if yes:
            app.start(app.workstation.chat.delete(conversation.id))

    question = f"Delete “{clean_line(title_of(conversation), 60)}”?"
    app.push_screen(Confirm(question, "Its messages go with it.", yes="Delete", no="Keep"), answered)


def title_of(conversation: Conversation | None) -> str:
    """The title, or what stands for one that is still to come."""
    return clean_line(conversation.title) if conversation and conversation.title else "New chat"
