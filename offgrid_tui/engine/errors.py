"""The engine's failures as errors of the house."""

from __future__ import annotations

from typing import Any

from offgrid_tui.engine.contract import Error, ErrorCode
from offgrid_tui.foundation.errors import ExitCode, OffGridError

_EXIT = {
    ErrorCode.BAD_REQUEST: ExitCode.USAGE,
    ErrorCode.UNSUPPORTED: ExitCode.USAGE,
    ErrorCode.NOT_FOUND: ExitCode.NOT_FOUND,
    ErrorCode.TOO_LARGE: ExitCode.REFUSED,
    ErrorCode.NOT_GGUF: ExitCode.DAMAGED,
    ErrorCode.TRUNCATED: ExitCode.DAMAGED,
    ErrorCode.DAMAGED: ExitCode.DAMAGED,
    ErrorCode.BUSY: ExitCode.BUSY,
    ErrorCode.CANCELLED: ExitCode.INTERRUPTED,
}


class EngineError(OffGridError):
    """A request that the engine could not fulfil; `code` says why, `log_tail` holds the worker's last lines."""

    def __init__(
        self,
        code: ErrorCode,
        title: str,
        *,
        detail: str = "",
        mend: str = "",
        data: dict[str, Any] | None = None,
        log_tail: tuple[str, ...] = (),
    ) -> None:
        super().__init__(title, detail=detail, mend=mend)
        self.code = code
        self.data = data or {}
        self.log_tail = log_tail
        self.exit_code = _EXIT.get(code, ExitCode.ENGINE)

    @classmethod
    def from_event(cls, event: Error) -> EngineError:
        return cls(
            event.code,
            event.title,
            detail=event.detail,
            mend=event.mend,
            data=event.data,
            log_tail=event.log_tail,
        )

    def to_event(self, id: str | None) -> Error:
        return Error(id, self.code, self.title, self.detail, self.mend, self.data, self.log_tail)
