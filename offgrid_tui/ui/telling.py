"""What the app tells the user in passing, and who may make it tell something."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.notifications import SeverityLevel
from textual.worker import Worker, WorkerState

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.ui import messages

log = logging.getLogger(__name__)


class TellingApp(App[None]):
    """An app whose toasts are text: cleaned, never markup."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """As Textual's, but markup stays off whoever asks, and the text is cleaned."""
        super().notify(clean(message), title=clean_line(title), severity=severity, timeout=timeout or 5, markup=False)

    def notify_error(self, error: OffGridError) -> None:
        """Title, why, and what to do next."""
        text = "\n".join(part for part in (error.detail, error.mend) if part)
        self.notify(text or error.title, title=error.title if text else "", severity="error", timeout=10)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside everything else. What goes wrong in it is told, and logged; the screen stays."""
        self.run_worker(work, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The boundary of what runs beside: an error that nobody expected."""
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        log.error("%s failed", event.worker.name, exc_info=error)
        if isinstance(error, OffGridError):
            self.notify_error(error)
        else:
            self.notify(f"{type(error).__name__}: {error}", title="A defect in OffGrid", severity="error", timeout=20)

    def on_engine_moved(self, message: messages.EngineMoved) -> None:
        if message.problem:
            self.notify(message.detail, title=message.problem, severity="error", timeout=30)

    def on_saving_troubled(self, message: messages.SavingTroubled) -> None:
        if message.problem:
            self.notify(message.problem, title="The answer can't be saved", severity="error", timeout=20)
        else:
            self.notify("The answer is saved after all")

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """A key of the user's own takes the place of one of ours: he is told which, once."""
        names = ", ".join(sorted(binding.description for binding in clashed_bindings if binding.description))
        sentence = f"A key in config.toml was taken from: {names}"
        if names and all(toast.message != sentence for toast in self._notifications):
            self.notify(sentence, severity="warning", timeout=12)
