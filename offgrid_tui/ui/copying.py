"""Copying, whoever asks for it: a key, a widget of Textual's, a message."""

from __future__ import annotations

from textual.widgets import Input, TextArea

from offgrid_tui.ui import clipboard
from offgrid_tui.ui.looks import LookingApp


class CopyingApp(LookingApp):
    """An app that copies by every way there is, and opens nothing."""

    def selected(self) -> str:
        focused = self.focused
        if isinstance(focused, TextArea | Input) and focused.selected_text:
            return focused.selected_text
        return self.screen.get_selected_text() or ""

    async def copy(self, text: str) -> None:
        """Copy, and tell what is known about it."""
        self.notify(await clipboard.copy(text, self._write_raw))

    def _write_raw(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

    def copy_to_clipboard(self, text: str) -> None:
        """Textual's own widgets copy through here."""
        self._clipboard = text
        self.start(self.copy(text))

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Nothing on screen opens a browser: over SSH there is none, and a model chooses what a link says."""
