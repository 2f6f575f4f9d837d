"""What went wrong with one request, on its way to becoming an Error event."""

from __future__ import annotations

from typing import Any

from offgrid_tui.engine.contract import Error, ErrorCode


class Problem(Exception):
    """A request that cannot be fulfilled; ends that request alone."""

    def __init__(
        self, code: ErrorCode, title: str, detail: str = "", mend: str = "", data: dict[str, Any] | None = None
    ) -> None:
        super().__init__(title)
        self.code, self.title, self.detail, self.mend = code, title, detail, mend
        self.data = data or {}

    def to_event(self, id: str | None, log_tail: tuple[str, ...] = ()) -> Error:
        return Error(id, self.code, self.title, self.detail, self.mend, self.data, log_tail)
