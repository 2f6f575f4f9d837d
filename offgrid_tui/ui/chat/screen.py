"""The chat screen: conversations at the left, the open one at the right, the input below it."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from offgrid_tui.chat.guide import guide, here
from offgrid_tui.chat.model import Conversation, Turn
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.ui import messages
from offgrid_tui.ui.chat.composer import Composer
from offgrid_tui.ui.chat.conversations import ConversationList
from offgrid_tui.ui.chat.empty import Empty
from offgrid_tui.ui.chat.heading import Heading
from offgrid_tui.ui.chat.keeping import KeepingScreen
from offgrid_tui.ui.chat.transcript import Transcript
from offgrid_tui.ui.chat.turns import TurnView
from offgrid_tui.ui.errors import tells_errors

WIDE = 100  # columns from which the list has a place of its own


class ChatScreen(KeepingScreen):
    """Ask, read, stop, and ask again."""

    CSS_PATH = "chat.tcss"
    TITLE_IN_HELP = "Chat"
    AUTO_FOCUS = "Composer"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it so
        (0, "-narrow"),
        (WIDE, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i,enter", "write", "Write", id="chat.write", tooltip="Write a message", key_display="i"),
        Binding("ctrl+n", "new", "New", id="chat.new", tooltip="Begin a new chat"),
        Binding("ctrl+r", "regenerate", "Again", id="chat.regenerate", tooltip="Let the model answer once more"),
        Binding("ctrl+g", "chats", "Chats", id="chat.list", tooltip="Go to the list of chats"),
        Binding("j", "step(1)", "Next", id="chat.next", tooltip="Go to the next message or code block", show=False),
        Binding("k", "step(-1)", "Previous", id="chat.previous", tooltip="Go to the one before it", show=False),
        Binding("end,G", "tail", "End", id="chat.tail", tooltip="Go to the end and follow it", show=False),
        Binding("ctrl+end", "tail", "End", id="chat.tail_typing", tooltip="Go to the end and follow it", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._asking = False

    # ── drawing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="side"):
                yield Heading(Content.styled("Chats", "$muted"))
                yield ConversationList()
            with Vertical(id="main"):
                yield Heading(Content(""))
                yield Transcript()
                yield Composer()

    @property
    def _transcript(self) -> Transcript:
        return self.query_one(Transcript)

    # ── opening ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def workstation_opened(self) -> None:
        """The house stands: show what was there. Called once by the app."""
        await self._read_list()
        newest = self._conversations[0] if self._conversations else None
        await self.open(newest)

    async def open(self, conversation: Conversation | None) -> None:
        """Show a conversation; None is one that begins with the next message."""
        self._conversation = conversation
        turns = await self._chat.branch(conversation.id) if conversation else ()
        if conversation and conversation.model and not self.app.model_was_asked_for:
            self.app.choose_model(here(conversation.model))
        await self._transcript.show(turns, Empty(self.app.model, self.app.paths.models))
        self.app.heart.show(self._transcript.last_answer)
        open_id = conversation.id if conversation else None
        self.query_one(ConversationList).show(self._conversations, open_id)
        self._draw_heading()
        self.refresh_bindings()

    async def model_changed(self) -> None:
        self._draw_heading()
        if not self._transcript.turns:
            await self._transcript.show((), Empty(self.app.model, self.app.paths.models))

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def untouched(self) -> bool:
        """Nothing was said here, and nothing stands in the input."""
        return not self._composer.text and not self._transcript.turns and not self._asking

    @property
    def running(self) -> Turn | None:
        """The answer that is being written in the open conversation."""
        return self._transcript.running if self.is_mounted else None

    @on(Composer.Sent)
    async def _sent(self, event: Composer.Sent) -> None:
        event.stop()
        reason = ""
        if self.app.model is None:
            reason = "Open a model first: ctrl+o"
        elif self.running or self._asking:
            reason = "This chat is being answered: ctrl+c stops the answer"
        if reason:
            self._composer.give_back(event.text)
            self.app.notify(reason)
            return
        self._asking = True
        self.app.start(self._ask(event.text))

    async def _ask(self, text: str) -> None:
        """Save first, show second: the turns come back as messages once they are on disk."""
        try:
            await self.app.opened.wait()
            if self._conversation is None:
                self._conversation = await self._chat.create(self.app.model, system=self.app.settings.chat.system)
            await self._chat.ask(self._conversation.id, text, **self.app.wishes())
        except OffGridError as error:
            self.app.notify_error(error)
            self._composer.give_back(text)  # nothing that was written is lost
        finally:
            self._asking = False

    def stop_answer(self) -> bool:
        """Stop the running answer, whatever stage it is in. False where there is none."""
        turn = self.running
        if turn is None:
            return False
        self.app.bridge.hush(turn.id)
        self._chat.stop(turn.id)
        return True

    # ── what came over the bridge ──────────────────────────────────────────────────────────────────────────────────

    @tells_errors
    async def on_turn_came(self, message: messages.TurnCame) -> None:
        turn = message.turn
        if self._conversation is None or turn.conversation != self._conversation.id:
            return
        known = next((t for t in self._transcript.turns if t.id == turn.id), None)
        if known is None:
            before = self._transcript.turns[-1].id if self._transcript.turns else None
            if turn.parent == before:
                await self._transcript.add(turn)
            else:  # another branch: a second answer to the same message
                await self._transcript.show(await self._chat.branch(self._conversation.id))
        else:
            self._transcript.take(message)
        self.refresh_bindings()

    @on(messages.AnswerAdvanced)
    @on(messages.ModelReady)
    @on(messages.TextArrived)
    @on(messages.AnswerFinished)
    def _answer_moved(self, message: messages.BusMessage) -> None:
        self._transcript.take(message)
        if isinstance(message, messages.AnswerFinished):
            self.refresh_bindings()

    # ── actions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def why_not(self, action: str) -> str:
        if action == "regenerate":
            if self.running:
                return "this chat is being answered"
            if self.is_mounted and self._transcript.last_answer is None:
                return "there is no answer yet"
        if action in ("rename", "delete") and self._conversation is None:
            return "this chat is not begun yet"
        return ""

    def action_write(self) -> None:
        self._composer.focus()

    @on(Composer.Left)
    def _left(self) -> None:
        self._transcript.focus()

    @tells_errors
    async def action_new(self) -> None:
        self.app.choose_model(self.app.usual or self.app.model)  # what the guide was asked is not asked of it again
        await self.open(None)
        self._composer.focus()

    @tells_errors
    async def ask_guide(self) -> None:
        """A new chat with the guide."""
        self.app.choose_model(guide())
        await self.open(None)
        self._composer.focus()

    def action_regenerate(self) -> None:
        if not self.refused("regenerate") and self._conversation is not None:
            self.app.start(self._regenerate(self._conversation.id))

    async def _regenerate(self, conversation: str) -> None:
        await self._chat.regenerate(conversation, **self.app.wishes())

    def action_step(self, by: int) -> None:
        """From message to code block to message; the first step goes to the last message."""
        views = list(self._transcript.query(TurnView))
        if not views:
            return
        if not isinstance(self.focused, TurnView):
            views[-1].enter(1)
        elif not self.focused.step(by):
            at = views.index(self.focused) + by
            views[min(max(at, 0), len(views) - 1)].enter(by if 0 <= at < len(views) else 1)

    @on(Composer.Paged)
    def _paged(self, event: Composer.Paged) -> None:
        event.stop()
        self._transcript.scroll_relative(y=event.by * max(self._transcript.size.height - 2, 1), animate=False)

    async def action_tail(self) -> None:
        await self._transcript.action_scroll_end()

    def on_click(self, event: events.Click) -> None:
        if event.widget is self._transcript:
            self._transcript.focus()
