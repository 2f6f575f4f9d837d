"""Two small questions: yes or no, and one line of text."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from offgrid_tui.foundation.text import clean


class Confirm(ModalScreen[bool]):
    """Asks before something that can't be taken back. `y` or enter does it, `n` or esc doesn't."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no"),
    ]

    def __init__(self, question: str, detail: str = "", *, yes: str = "Yes", no: str = "No") -> None:
        super().__init__()
        self._question, self._detail, self._yes, self._no = question, detail, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay question"):
            yield Static(Content.styled(clean(self._question), "bold"), markup=False)
            if self._detail:
                yield Static(Content.styled(clean(self._detail), "$muted"), markup=False)
            choices = Content.assemble(("y", "$accent"), f" {self._yes}    ", ("n", "$accent"), f" {self._no}")
            yield Static(choices, classes="choices", markup=False)

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class AskText(ModalScreen[str | None]):
    """Asks for one line, with what it is now to be changed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", id="overlay.close")]
    AUTO_FOCUS = "Input"

    def __init__(self, title: str, text: str = "") -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay question"):
            yield Static(Content.styled(self._title, "bold"), classes="overlay-title", markup=False)
            field = Input(self._text, compact=True)
            field.cursor_blink = False
            yield field

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)

    def action_close(self) -> None:
        self.dismiss(None)
