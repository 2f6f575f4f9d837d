"""Short words for what the tests of the engine do all the time."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import Event, Generate, LoadOptions, Message, Sampling, Text

_numbers = itertools.count(1)


_ANY = LoadOptions()


def question(model: Path | str, text: str = "Hello", *, options: LoadOptions = _ANY, **sampling: Any) -> Generate:
    return Generate(
        f"q{next(_numbers)}",
        str(model),
        (Message("user", text),),
        options,
        Sampling(**{"temperature": 0.0, **sampling}),
    )


async def answer(client: EngineClient, request: Generate) -> list[Event]:
    async with contextlib.aclosing(client.generate(request)) as events:
        return [event async for event in events]


def words(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))
