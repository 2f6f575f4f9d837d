"""One turn of a conversation on screen: who, what, and what it cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.foundation.units import duration, tokens
from offgrid_tui.ui.chat import figures
from offgrid_tui.ui.chat.copying import CopyAsked, WriteAsked
from offgrid_tui.ui.messages import TextArrived
from offgrid_tui.ui.widgets.gauge import Drawing, gauge

if TYPE_CHECKING:
    from textual.widgets._markdown import MarkdownStream

    from offgrid_tui.chat.events import AnswerProgressed
    from offgrid_tui.engine.contract import Loaded
    from offgrid_tui.ui.chat.prose import Prose


class Heading(Widget):
    """Who speaks, at the left, and figures at the right; the figures give way, last first, where both don't fit."""

    DEFAULT_CSS = "Heading { height: 1; width: 1fr; }"

    def __init__(self, left: Content, right: list[Content] | None = None) -> None:
        super().__init__()
        self._left, self._right = left, right or []

    def show(self, left: Content | None = None, right: list[Content] | None = None) -> None:
        self._left = self._left if left is None else left
        self._right = self._right if right is None else right
        self.refresh()

    def render(self) -> Content:
        width, parts = self.size.width, list(self._right)
        left = self._left.truncate(max(width, 1), ellipsis=True)
        while parts:
            right = Content.styled(" · ", "$faint").join(parts)
            if left.cell_length + 2 + right.cell_length <= width:
                return Content.assemble(left, " " * (width - left.cell_length - right.cell_length), right)
            parts.pop()
        return left


class TurnView(Vertical, can_focus=True):
    """What both kinds of turn share: they can be focused and copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", id="turn.copy", tooltip="Copy this message"),
        Binding("w", "write", "Write to file", id="turn.write", tooltip="Write this message to a file", show=False),
    ]

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.turn = turn

    @property
    def text(self) -> str:
        return clean(self.turn.content)

    def action_copy(self) -> None:
        self.post_message(CopyAsked(self.text))

    def action_write(self) -> None:
        self.post_message(WriteAsked(self.text))


class UserTurn(TurnView):
    """What the user said: plain text, exactly as it was sent."""

    def compose(self) -> ComposeResult:
        who = "System" if self.turn.role == "system" else "You"
        at = time.strftime("%H:%M", time.localtime(self.turn.created))
        yield Heading(Content.styled(who, "bold"), [Content.styled(at, "$muted")])
        yield Static(Content(clean(self.turn.content)), classes="said", markup=False)


class AnswerTurn(TurnView):
    """What a model said, while it says it and afterwards."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "thinking", "Thinking", id="turn.thinking", tooltip="Show or fold what the model thought"),
    ]

    def __init__(self, turn: Turn, drawing: Drawing) -> None:
        super().__init__(turn)
        self._drawing = drawing
        self._prose: Prose | None = None
        self._stream: MarkdownStream | None = None
        self._shown = ""  # of the answer, as fed to the stream
        self._thought = clean(turn.thinking)
        self._unfolded = False
        self._loaded: Loaded | None = None
        self._tokens = 0

    # ── drawing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        yield Heading(self._who(), self._figures())
        yield Static(classes="thinking", markup=False)
        yield Static(classes="thought", markup=False)
        yield Static(classes="progress", markup=False)
        yield Vertical(classes="prose")
        yield Static(classes="note", markup=False)
        yield Static(classes="details", markup=False)

    async def on_mount(self) -> None:
        # 80 ms of import (markdown-it, pygments) that the first frame does not wait for.
        from offgrid_tui.ui.chat.prose import Prose

        self._shown = clean(self.turn.content)
        self._prose = Prose(self._shown)
        await self.query_one(".prose").mount(self._prose)
        self._draw_rest()

    async def on_unmount(self) -> None:
        if self._stream is not None:
            await self._stream.stop()

    def _who(self) -> Content:
        name = self._loaded.name if self._loaded else self.turn.model_name or figures.stem(self.turn.model)
        quantisation = self._loaded.quantisation if self._loaded else self.turn.quantisation
        parts: list[Content | tuple[str, str]] = [(clean_line(name, 60), "bold $accent")]
        if quantisation:
            parts.append((f"  {clean_line(quantisation, 20)}", "$muted"))
        return Content.assemble(*parts)

    def _figures(self) -> list[Content]:
        if self.turn.state is TurnState.RUNNING:
            return [Content.styled(f"{tokens(self._tokens)} tok", "$muted")] if self._tokens else []
        return [Content.styled(text, "$muted") for text in figures.headline(self.turn.figures)]

    def _draw_rest(self) -> None:
        """Everything but the answer's own text."""
        self.query_one(Heading).show(self._who(), self._figures())
        thought = self._thought
        mark = "▾" if self._unfolded else "▸"
        if self._drawing is Drawing.ASCII:
            mark = "v" if self._unfolded else ">"
        self._put(".thinking", Content(f"{mark} {figures.thought(self.turn)}") if thought else None)
        self._put(".thought", Content(thought.strip()) if thought and self._unfolded else None)
        running = self.turn.state is TurnState.RUNNING
        if not running:
            self._put(".progress", None)
        self._put(".note", None if running else figures.note(self.turn, ascii_only=self._drawing is Drawing.ASCII))
        details = None if running else figures.details(self.turn)
        self._put(".details", Content(details) if details else None)
        self.query_one(".prose").display = bool(self._shown)
        self.set_class(running, "-running")

    def _put(self, selector: str, content: Content | None) -> None:
        widget = self.query_one(selector, Static)
        widget.display = content is not None
        if content is not None:
            widget.update(content)

    # ── while it runs ──────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, progress: AnswerProgressed) -> None:
        """Before the first word: what is done, and how far it is."""
        if self._shown or self._thought or self.turn.state is not TurnState.RUNNING:
            return
        self._put(".progress", _progress_line(progress, self._drawing))

    def loaded(self, loaded: Loaded) -> None:
        self._loaded = loaded
        if self.is_mounted:
            self.query_one(Heading).show(self._who())

    async def grow(self, more: TextArrived) -> None:
        """More came: of the thinking, of the answer, or of both. What is shown already is not shown twice."""
        thinking = more.thinking[max(0, len(self._thought) - more.thinking_at) :]
        answer = more.answer[max(0, len(self._shown) - more.answer_at) :]
        self._put(".progress", None)
        self._tokens = more.tokens
        if thinking:
            self._thought += thinking
            label = Content(f"{'>' if self._drawing is Drawing.ASCII else '▸'} thinking, {tokens(more.tokens)} tokens")
            self._put(".thinking", label)
            if self._unfolded:
                self._put(".thought", Content(self._thought.strip()))
        if answer and self._prose is not None:
            if self._stream is None:
                self._stream = self._prose.get_stream(self._prose)
                self.query_one(".prose").display = True
                if self._thought:
                    self._put(".thinking", Content(f"{'>' if self._drawing is Drawing.ASCII else '▸'} thought"))
            self._shown += answer
            await self._stream.write(answer)
        self.query_one(Heading).show(right=self._figures())

    async def finish(self, turn: Turn) -> None:
        """The answer ended; `turn` is what was saved, all of it."""
        self.turn = turn
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        final = clean(turn.content)
        if self._prose is not None and final != self._shown:
            if final.startswith(self._shown):
                await self._prose.append(final[len(self._shown) :])
            else:
                await self._prose.update(final)
        self._shown, self._thought = final, clean(turn.thinking)
        if self.is_mounted:
            self._draw_rest()

    # ── what the user does ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def text(self) -> str:
        return self._shown

    def action_thinking(self) -> None:
        if self._thought:
            self._unfolded = not self._unfolded
            self._draw_rest()
            if self._unfolded:  # it is read from where it begins, not from somewhere in its middle
                self.query_ancestor(VerticalScroll).release_anchor()
                self.query_one(".thinking").scroll_visible(top=True, animate=False)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.has_class("thinking"):
            self.action_thinking()


def _progress_line(progress: AnswerProgressed, drawing: Drawing) -> Content:
    words = {
        "engine": "the engine is being built",
        "queued": "waiting for a place",
        "starting": "starting the engine",
        "loading": "loading the model",
        "prompt": "reading",
    }
    parts: list[Content | str | tuple[str, str]] = [(words[progress.phase], "$muted")]
    if progress.phase == "prompt" and progress.tokens is not None:
        parts.append((f" {tokens(progress.tokens)} tokens", "$muted"))
    if progress.fraction is not None:
        parts += ["  ", gauge(progress.fraction, 20, drawing), f" {progress.fraction:>4.0%}"]
    if progress.phase == "loading":
        parts.append((f"  {duration(progress.elapsed_ms / 1000)}", "$muted"))
        if progress.expected_ms:
            parts.append((f" of about {duration(progress.expected_ms / 1000)}", "$muted"))
    return Content.assemble(*parts)
