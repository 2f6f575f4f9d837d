"""Stops a process of a test at a step of its work, so that the test can kill it there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def hold(module: Any, name: str, after: int) -> None:
    """Let `module.name` work `after` times; then say so and wait for ever."""
    real: Callable[..., Any] = getattr(module, name)
    count = 0

    def held(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count > after:
            print("held", flush=True)
            time.sleep(600)
        return real(*arguments, **named)

    setattr(module, name, held)
