"""One turn of a conversation on screen: who, what, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from offgrid_tui.chat.guide import LABEL, is_guide
from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.foundation.units import tokens
from offgrid_tui.ui.chat import figures
from offgrid_tui.ui.chat.copying import CopyAsked, WriteAsked
from offgrid_tui.ui.chat.heading import heading
from offgrid_tui.ui.chat.progress import progress_line
from offgrid_tui.ui.markdown.layout import EMPTY, Line, wrap
from offgrid_tui.ui.messages import TextArrived
from offgrid_tui.ui.widgets.lines import Lines

if TYPE_CHECKING:
    from offgrid_tui.chat.events import AnswerProgressed
    from offgrid_tui.engine.contract import Loaded
    from offgrid_tui.ui.app import OffGridApp
    from offgrid_tui.ui.markdown.document import Document


GUIDE_LABEL = ((f"  {LABEL}", "$warn"), ("  get a real model: ^o", "$muted"))


class TurnView(Lines, can_focus=True):
    """What both kinds of turn share: they can be focused, stepped through and copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", id="turn.copy", tooltip="Copy this message, or the marked code block"),
        Binding("w", "write", "To file", id="turn.write", tooltip="Write it to a file"),
    ]

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.turn = turn
        self._code: int | None = None  # the code block that is marked

    @property
    def text(self) -> str:
        """All of the message, as it was written."""
        return clean(self.turn.content)

    @property
    def codes(self) -> list[str]:
        """The code blocks in it."""
        return []

    def step(self, by: int) -> bool:
        """Mark the next code block, or the one before it. False where there is none any more."""
        at = (-1 if self._code is None else self._code) + by
        if at < -1 or at >= len(self.codes):
            self._mark(None)
            return False
        self._mark(None if at < 0 else at)
        return True

    def enter(self, by: int) -> None:
        """The cursor comes from above (1): the message is marked; or from below (-1): its last code block is."""
        self.focus(scroll_visible=False)
        self._mark(len(self.codes) - 1 if by < 0 and self.codes else None)

    def _mark(self, code: int | None) -> None:
        self._code = code
        self.changed()
        lines = self.lines(self.size.width)
        marked = [y for y, line in enumerate(lines) if line.code == code] if code is not None else [0]
        if isinstance(self.parent, Widget) and isinstance(self.parent.parent, Widget) and marked:
            top = self.virtual_region.y + marked[0]
            region = Region(0, max(top - 1, 0), 1, len(marked) + 2)
            self.parent.parent.scroll_to_region(region, animate=False, force=True)

    def on_blur(self) -> None:
        if self._code is not None:
            self._code = None
            self.changed()

    def decorate(self, line: Line, y: int) -> Content:
        if line.code is None or line.code != self._code:
            return line.content
        at = line.content.plain.index("▌")
        return Content.assemble(line.content[:at], ("▌", "$accent on $surface"), line.content[at + 1 :])

    def action_copy(self) -> None:
        self.post_message(CopyAsked(self.text if self._code is None else self.codes[self._code]))

    def action_write(self) -> None:
        self.post_message(WriteAsked(self.text if self._code is None else self.codes[self._code]))


class UserTurn(TurnView):
    """What the user said: plain text, exactly as it was sent."""

    def build(self, width: int) -> list[Line]:
        who = "System" if self.turn.role == "system" else "You"
        at = time.strftime("%H:%M", time.localtime(self.turn.created))
        head = heading(Content.styled(who, "bold"), [Content.styled(at, "$muted")], width)
        return [Line(head), *wrap(Content(self.text.expandtabs(4)), width)]


class AnswerTurn(TurnView):
    """What a model said, while it says it and afterwards."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "thinking", "Thinking", id="turn.thinking", tooltip="Show or fold what the model thought"),
    ]

    app: OffGridApp

    def __init__(self, turn: Turn) -> None:
        # markdown-it and pygments: 80 ms of import that the first frame does not wait for.
        from offgrid_tui.ui.markdown.document import Document

        super().__init__(turn)
        self._document: Document = Document(clean(turn.content))
        self._thought = clean(turn.thinking)
        self._unfolded = False
        self._progress: AnswerProgressed | None = None
        self._loaded: Loaded | None = None
        self._tokens = 0

    # ── drawing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def build(self, width: int) -> list[Line]:
        lines = [Line(heading(self._who(), self._figures(), width))]
        if self._thought:
            lines.append(Line(Content.styled(self._fold_mark(), "$muted")))
            if self._unfolded:
                lines += [Line(Content.assemble("  ", line.content), line.soft) for line in self._thoughts(width - 2)]
                lines.append(EMPTY)
        running = self.turn.state is TurnState.RUNNING
        if running and self._progress is not None and not self._thought and not self._document.text:
            lines.append(Line(progress_line(self._progress, self.app.drawing).truncate(width, ellipsis=True)))
        lines += self._document.lines(width)
        return lines if running else [*lines, *self._after(width)]

    def _who(self) -> Content:
        name = self._loaded.name if self._loaded else self.turn.model_name or figures.stem(self.turn.model)
        if is_guide(self.turn.model):
            return Content.assemble((clean_line(name, 60), "bold $accent"), *GUIDE_LABEL)
        quantisation = self._loaded.quantisation if self._loaded else self.turn.quantisation
        return Content.assemble(
            (clean_line(name, 60), "bold $accent"),
            (f"  {clean_line(quantisation, 20)}" if quantisation else "", "$muted"),
        )

    def _figures(self) -> list[Content]:
        texts: Iterable[str] = figures.headline(self.turn.figures)
        if self.turn.state is TurnState.RUNNING:
            texts = [f"{tokens(self._tokens)} tok"] if self._tokens else []
        return [Content.styled(text, "$muted") for text in texts]

    def _fold_mark(self) -> str:
        mark = "▾" if self._unfolded else "▸"
        if self.turn.state is TurnState.RUNNING:
            thinking = not self._document.text
            return f"{mark} thinking, {tokens(self._tokens)} tokens" if thinking else f"{mark} thought"
        return f"{mark} {figures.thought(self.turn)}"

    def _thoughts(self, width: int) -> list[Line]:
        return wrap(Content.styled(self._thought.strip().expandtabs(4), "$muted italic"), width)

    def _after(self, width: int) -> list[Line]:
        """What is said below an answer that has ended."""
        note = figures.note(self.turn)
        details = figures.details(self.turn)
        lines = wrap(note, width) if note is not None else []
        lines += wrap(Content.styled(details, "$muted"), width) if details else []
        return [EMPTY, *lines] if lines and self._document.text else lines

    # ── while it runs ──────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, progress: AnswerProgressed) -> None:
        """Before the first word: what is done, and how far it is."""
        self._progress = progress
        self.changed()

    def loaded(self, loaded: Loaded) -> None:
        """The model that answers, as it calls itself."""
        self._loaded = loaded
        self.changed()

    def grow(self, more: TextArrived) -> None:
        """More came: of the thinking, of the answer, or of both. What is shown already is not shown twice."""
        self._thought += more.thinking[max(0, len(self._thought) - more.thinking_at) :]
        self._document.append(more.answer[max(0, len(self._document.text) - more.answer_at) :])
        self._tokens = more.tokens
        self.changed()

    def finish(self, turn: Turn) -> None:
        """The answer ended, or another workstation saved more of it; `turn` is all that was saved."""
        from offgrid_tui.ui.markdown.document import Document

        self.turn = turn
        final, shown = clean(turn.content), self._document.text
        if final.startswith(shown):
            self._document.append(final[len(shown) :])
        else:
            self._document = Document(final)
        self._thought = clean(turn.thinking)
        self.changed()

    # ── what the user does ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def text(self) -> str:
        return self._document.text

    @property
    def codes(self) -> list[str]:
        return [block.code for block in self._document.codes]

    def action_thinking(self) -> None:
        if self._thought:
            self._unfolded = not self._unfolded
            self.changed()
            if self._unfolded:  # it is read from where it begins, not from somewhere in its middle
                self._mark(None)

    def on_click(self, event: events.Click) -> None:
        if href := event.style.meta.get("href"):
            self.post_message(CopyAsked(href))  # nothing is opened: what a link leads to, its writer chose
        elif self._thought and event.y == 1:
            self.action_thinking()
