"""Calls that may hang, and who has to wait for them."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from offgrid_tui.foundation.errors import BusyError
from offgrid_tui.network.calls import Calls


class Late(Exception):
    pass


async def test_what_the_call_returns_or_raises() -> None:
    calls = Calls()
    assert await calls.run(lambda: 42, 10, Late) == 42

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await calls.run(fail, 10, Late)

    def time_out() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await calls.run(time_out, 10, Late)
    assert calls.running == 0


async def test_the_deadline_holds_and_what_comes_later_is_thrown_away() -> None:
    calls, go = Calls(), threading.Event()
    with pytest.raises(Late):
        await calls.run(go.wait, 0.05, Late)
    assert calls.running == 1
    go.set()
    while calls.running:
        await asyncio.sleep(0.01)
    assert await calls.run(lambda: "on it goes", 10, Late) == "on it goes"


async def test_not_without_end() -> None:
    calls, go = Calls(most=2), threading.Event()
    for _ in range(2):
        with pytest.raises(Late):
            await calls.run(go.wait, 0.01, Late)
    with pytest.raises(BusyError):
        await calls.run(lambda: None, 10, Late)
    go.set()


async def test_the_context_goes_along() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="none")
    variable.set("ours")
    assert await Calls().run(variable.get, 10, Late) == "ours"


async def test_who_is_cancelled_does_not_wait() -> None:
    calls, go = Calls(), threading.Event()
    task = asyncio.create_task(calls.run(go.wait, 100, Late))
    while not calls.running:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
