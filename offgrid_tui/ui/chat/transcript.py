"""The turns of one conversation, as many as are near what is read: 5,000 turns open as fast as five."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.ui import messages
from offgrid_tui.ui.chat.turns import AnswerTurn, TurnView, UserTurn
from offgrid_tui.ui.messages import BusMessage

PAGE = 12  # turns mounted at once
KEEP = 60  # turns mounted at most; those farthest from the reader go first


class Turns(Vertical):
    """At least as high as the view: Textual hangs an anchored view that is not full from its bottom."""


class Transcript(VerticalScroll):
    """Follows the tail until the user scrolls up; `end` takes the tail again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_last", "Copy", id="transcript.copy", tooltip="Copy the last answer"),
        Binding("t", "think_last", "Thinking", id="transcript.thinking", tooltip="Show or fold what the model thought"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._turns: list[Turn] = []
        self._first = 0  # index of the first mounted turn; mounted are _first … _last - 1
        self._last = 0
        self._views: dict[str, TurnView] = {}
        self._lock = asyncio.Lock()
        self._turning = False

    def compose(self) -> ComposeResult:
        yield Turns()

    @property
    def _box(self) -> Turns:
        return self.query_one(Turns)

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────────────

    async def show(self, turns: Sequence[Turn], empty: Widget | None = None) -> None:
        """Show another conversation from its end, or `empty` where it has no turns."""
        async with self._lock:
            self._turns = list(turns)
            await self._mount_tail(empty)

    async def _mount_tail(self, empty: Widget | None = None) -> None:
        self._last = len(self._turns)
        self._first = max(0, self._last - PAGE)
        with self.app.batch_update():
            await self._box.remove_children()
            self._views.clear()
            views = [self._make(turn) for turn in self._turns[self._first :]]
            if views:
                await self._box.mount_all(views)
            elif empty is not None:
                await self._box.mount(empty)
        self.anchor()

    async def add(self, turn: Turn) -> None:
        """A new turn at the end; one that is there already is left as it is."""
        async with self._lock:
            if any(t.id == turn.id for t in self._turns):
                return
            if not self._turns:
                await self._box.remove_children()  # what stood there while it was empty
            self._turns.append(turn)
            if self._last != len(self._turns) - 1:
                await self._mount_tail()  # the reader was far up; a message of his own brings him down
                return
            self._last += 1
            await self._box.mount(self._make(turn))
            await self._trim(from_top=True)
            self.anchor()

    def _make(self, turn: Turn) -> TurnView:
        view = AnswerTurn(turn) if turn.role == "assistant" else UserTurn(turn)
        self._views[turn.id] = view
        return view

    def take(self, message: BusMessage) -> None:
        """What came over the bridge about one of the answers here."""
        match message:
            case messages.AnswerAdvanced(progress):
                if (view := self.answer(progress.turn_id)) is not None:
                    view.advance(progress)
            case messages.ModelReady(loaded, turn_id):
                if (view := self.answer(turn_id)) is not None:
                    view.loaded(loaded)
            case messages.TextArrived(turn_id):
                if (view := self.answer(turn_id)) is not None:
                    view.grow(message)
            case messages.AnswerFinished(turn) | messages.TurnCame(turn):
                self._turns = [turn if t.id == turn.id else t for t in self._turns]
                if (view := self.answer(turn.id)) is not None:
                    view.finish(turn)
            case _:
                pass

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def turns(self) -> Sequence[Turn]:
        return self._turns

    def answer(self, turn_id: str) -> AnswerTurn | None:
        view = self._views.get(turn_id)
        return view if isinstance(view, AnswerTurn) else None

    @property
    def last_answer(self) -> Turn | None:
        return next((t for t in reversed(self._turns) if t.role == "assistant"), None)

    @property
    def running(self) -> Turn | None:
        return next((t for t in reversed(self._turns) if t.state is TurnState.RUNNING), None)

    # ── turning pages ──────────────────────────────────────────────────────────────────────────────────────────────

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._turning or not self._turns:
            return
        if new_value < old_value and new_value <= self.size.height and self._first > 0:
            self._turning = True
            self.call_later(self._older)
        elif new_value > old_value and self._last < len(self._turns) and new_value >= self.max_scroll_y - 2:
            self._turning = True
            self.call_later(self._newer)

    async def _older(self) -> None:
        async with self._lock:
            first = max(0, self._first - PAGE)
            views = [self._make(turn) for turn in self._turns[first : self._first]]
            self._first = first
            height = self.virtual_size.height
            if views:
                with self.app.batch_update():
                    await self._box.mount_all(views, before=0)
                    await self._trim(from_top=False)
        self.call_after_refresh(self._settle, height)

    def _settle(self, height: int) -> None:
        """What was read stays where it was: what came above it moves the view down by as much."""
        self.scroll_to(y=self.scroll_y + self.virtual_size.height - height, animate=False, force=True)
        self._turning = False

    async def _newer(self) -> None:
        async with self._lock:
            last = min(len(self._turns), self._last + PAGE)
            views = [self._make(turn) for turn in self._turns[self._last : last]]
            self._last = last
            if views:
                await self._box.mount_all(views)
        self._turning = False

    async def _trim(self, *, from_top: bool) -> None:
        """Unmount what is farthest from the reader; never an answer that is being written."""
        while self._last - self._first > KEEP:
            turn = self._turns[self._first if from_top else self._last - 1]
            if turn.state is TurnState.RUNNING:
                return
            if from_top:
                self._first += 1
            else:
                self._last -= 1
            if (view := self._views.pop(turn.id, None)) is not None:
                await view.remove()

    def action_copy_last(self) -> None:
        if self.last_answer is not None and (view := self.answer(self.last_answer.id)) is not None:
            view.action_copy()

    def action_think_last(self) -> None:
        if self.last_answer is not None and (view := self.answer(self.last_answer.id)) is not None:
            view.action_thinking()

    async def action_scroll_end(self) -> None:  # type: ignore[override]
        if self._last < len(self._turns):
            async with self._lock:
                await self._mount_tail()
        else:
            self.scroll_end(animate=False)
