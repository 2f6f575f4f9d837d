"""Handlers whose errors are told to the user instead of ending the app."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from offgrid_tui.foundation.errors import OffGridError

P = ParamSpec("P")
S = TypeVar("S", bound=Any)


def tells_errors(
    method: Callable[Concatenate[S, P], Awaitable[None]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, None]]:
    """Show what a service could not do as a toast; everything else is a defect and goes on up."""

    async def told(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await method(self, *args, **kwargs)
        except OffGridError as error:
            self.app.notify_error(error)

    functools.update_wrapper(told, method)
    return told
