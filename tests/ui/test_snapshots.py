"""Two pictures of the whole screen; `pytest --snapshot-update` takes them anew, to be looked at before a commit."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from offgrid_tui.chat import store
from offgrid_tui.chat.model import Conversation, Figures, Turn
from offgrid_tui.database.database import Database
from offgrid_tui.foundation.events import Bus
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.app import OffGridApp
from offgrid_tui.ui.memory import MemorySampler
from offgrid_tui.workstation import Workstation
from tests.support.scripted import ScriptedProvider

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="pictures are compared on one Python")

NOON = 1_750_000_000.0
ANSWER = """The condition reads the *old* value: `node` is never moved on.

```python
while node is not None:
    total += node.value
    node = node.next  # this line was missing
```

| check | finds |
| --- | --- |
| a set of ids | every cycle |
| two pointers | every cycle, later |
"""
FIGURES = Figures(
    prompt_tokens=312,
    cached_tokens=96,
    completion_tokens=184,
    thinking_tokens=61,
    thinking_ms=1480.0,
    ttft_ms=180.0,
    prefill_tps=311.6,
    decode_tps=41.8,
    stop_reason="end",
    context=8192,
)


@pytest.fixture
def app_with(home: Paths, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], OffGridApp]:
    """An app on a home where three chats are, with a clock and a memory that stand still."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    async def sample(self: MemorySampler) -> tuple[int, int]:
        return int(5.9 * 2**30), int(14.4 * 2**30)

    monkeypatch.setattr(MemorySampler, "sample", sample)
    database = Database.open(home.database)
    chats = [
        ("a", "Refactoring the parser"),
        ("b", "Boat engine notes"),
        ("c", "A title that is far too long for the list"),
    ]
    model = "/models/qwen3-4b-q4_k_m.gguf"
    question = Turn("a1", "a", None, "user", "Why does this loop never end?", NOON)
    answer = Turn(
        "a2", "a", "a1", "assistant", ANSWER, NOON + 1, thinking="Where is node moved on?", model=model,
        model_name="Qwen3 4B", quantisation="Q4_K_M", figures=FIGURES,
    )  # fmt: skip

    def fill(connection: Any) -> None:
        for i, (id, title) in enumerate(chats):
            store.add_conversation(connection, Conversation(id, title, NOON, NOON - i, model=model))
        store.add_turn(connection, question, "local")
        store.add_turn(connection, answer, "local")
        opened = store.conversation(connection, "a")
        assert opened is not None
        store.update_conversation(connection, dataclasses.replace(opened, leaf="a2"))

    database.write_now(fill)
    database.close_now()

    def make(theme: str) -> OffGridApp:
        settings = dataclasses.replace(Settings(), ui=dataclasses.replace(Settings().ui, theme=theme))

        async def opener(bus: Bus) -> Workstation:
            return await Workstation.open(home, settings, provider=ScriptedProvider("unused"), bus=bus)

        return OffGridApp(home, settings, None, opener=opener)

    return make


async def settled(pilot: Pilot[None]) -> None:
    """Opened, with every figure in its place."""
    app = pilot.app
    assert isinstance(app, OffGridApp)
    await app.opened.wait()
    while app.pulse.memory_used is None:
        await pilot.pause(0.02)
    app.chat_screen.tick()
    await pilot.pause()


@pytest.mark.parametrize(("theme", "size"), [("dark", (80, 24)), ("light", (140, 40))], ids=["dark-80", "light-140"])
def test_the_chat_screen(
    snap_compare: Callable[..., bool], app_with: Callable[[str], OffGridApp], theme: str, size: tuple[int, int]
) -> None:
    assert snap_compare(app_with(theme), terminal_size=size, run_before=settled)
