"""Which conversations there are: the list, opening, renaming and deleting them, and what is taken out of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on
from textual.content import Content
from textual.widgets import OptionList

from offgrid_tui.chat.model import Conversation
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.ui import messages
from offgrid_tui.ui.chat.composer import Composer
from offgrid_tui.ui.chat.conversations import ConversationList
from offgrid_tui.ui.chat.copying import CopyAsked, WriteAsked
from offgrid_tui.ui.chat.figures import stem
from offgrid_tui.ui.chat.files import write_message
from offgrid_tui.ui.chat.heading import Heading
from offgrid_tui.ui.chat.questions import ask_delete, ask_title, pick_chat, title_of
from offgrid_tui.ui.errors import tells_errors
from offgrid_tui.ui.frame.screen import FrameScreen

if TYPE_CHECKING:
    from offgrid_tui.chat.service import ChatService


class KeepingScreen(FrameScreen):
    """The half of the chat screen that knows the conversations; the other half (screen.py) talks in one of them."""

    MODE = "chat"

    def __init__(self) -> None:
        super().__init__()
        self._conversation: Conversation | None = None  # the open one; None where it begins with the next message
        self._conversations: tuple[Conversation, ...] = ()

    async def open(self, conversation: Conversation | None) -> None:
        """Show a conversation; None is one that begins with the next message."""
        raise NotImplementedError

    @property
    def _composer(self) -> Composer:
        return self.query_one(Composer)

    @property
    def _chat(self) -> ChatService:
        return self.app.workstation.chat

    def _draw_heading(self) -> None:
        model = self.app.model
        right = [Content.styled(clean_line(stem(model), 40), "$muted")] if model else []
        self.query_one("#main > Heading", Heading).show(Content.styled(title_of(self._conversation), "bold"), right)

    async def _read_list(self) -> None:
        self._conversations = await self._chat.conversations()
        open_id = self._conversation.id if self._conversation else None
        self._conversation = next((c for c in self._conversations if c.id == open_id), self._conversation)
        self.query_one(ConversationList).show(self._conversations, open_id)
        self._draw_heading()

    @tells_errors
    async def on_conversations_changed(self, message: messages.ConversationsChanged) -> None:
        await self._read_list()
        if self._conversation and self._conversation.id in message.deleted:
            await self.open(None)

    def more_actions(self) -> tuple[tuple[str, str], ...]:
        return (("Rename this chat", "rename"), ("Delete this chat", "delete"))

    def action_chats(self) -> None:
        """The list where it stands beside the chat; over it where there is no room."""
        chats = self.query_one(ConversationList)
        if self.has_class("-wide"):
            (self._composer if chats.has_focus else chats).focus()
        else:
            open_id = self._conversation.id if self._conversation else None
            pick_chat(self.app, self._conversations, open_id, lambda id: self.app.start(self._open_id(id)))

    @on(OptionList.OptionSelected, "ConversationList")
    @tells_errors
    async def _chat_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            await self._open_id(event.option_id)

    async def _open_id(self, id: str) -> None:
        if (found := self._find(id)) is not None:
            await self.open(found)
            self._composer.focus()

    def _find(self, id: str) -> Conversation | None:
        return next((c for c in self._conversations if c.id == id), None)

    @on(ConversationList.RenameAsked)
    def _rename_asked(self, event: ConversationList.RenameAsked) -> None:
        if (found := self._find(event.conversation)) is not None:
            ask_title(self.app, found)

    @on(ConversationList.DeleteAsked)
    def _delete_asked(self, event: ConversationList.DeleteAsked) -> None:
        if (found := self._find(event.conversation)) is not None:
            ask_delete(self.app, found)

    def action_rename(self) -> None:
        if not self.refused("rename") and self._conversation:
            ask_title(self.app, self._conversation)

    def action_delete(self) -> None:
        if not self.refused("delete") and self._conversation:
            ask_delete(self.app, self._conversation)

    @on(CopyAsked)
    async def _copy_asked(self, event: CopyAsked) -> None:
        event.stop()
        await self.app.copy(event.text)

    @on(WriteAsked)
    async def _write_asked(self, event: WriteAsked) -> None:
        event.stop()
        try:
            path = await asyncio.to_thread(
                write_message, self.app.paths.data / "exports", title_of(self._conversation), event.text
            )
        except OSError as error:
            self.app.notify(f"The file can't be written: {error.strerror or error}", severity="error")
        else:
            self.app.notify(f"Written to {path}", timeout=10)
