"""The bridge: text joined, nothing twice, nothing lost, nothing after a stop."""

from __future__ import annotations

import asyncio
import threading
from typing import TypeVar

import pytest

from offgrid_tui.chat.events import AnswerEnded, AnswerGrew, AnswerProgressed, ConversationChanged, ConversationDeleted
from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.foundation.events import Bus
from offgrid_tui.ui import messages
from offgrid_tui.ui.bridge import Bridge, write_rate
from offgrid_tui.ui.messages import BusMessage

T = TypeVar("T", bound=BusMessage)


class Ear:
    """Hears what the bridge tells."""

    def __init__(self) -> None:
        self.heard: list[BusMessage] = []
        self._came = asyncio.Event()

    def __call__(self, message: BusMessage) -> None:
        self.heard.append(message)
        self._came.set()

    def of(self, kind: type[T]) -> list[T]:
        return [message for message in self.heard if isinstance(message, kind)]

    async def until(self, kind: type[T], count: int = 1) -> list[T]:
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                self._came.clear()
                await self._came.wait()
        return self.of(kind)


def grew(text: str, tokens: int = 1, channel: str = "answer") -> AnswerGrew:
    return AnswerGrew("a", "c", text, channel, tokens, 10.0 * tokens)  # type: ignore[arg-type]


def ended(content: str = "") -> AnswerEnded:
    return AnswerEnded(Turn("a", "c", "q", "assistant", content, 0.0, TurnState.COMPLETE))


@pytest.fixture
def bus() -> Bus:
    return Bus()


async def test_the_first_piece_goes_out_at_once_and_the_rest_is_joined(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=5)
    bridge.add(ear)
    for i in range(100):
        bus.publish(grew(f"{i} ", i + 1))
    assert [m.answer for m in ear.of(messages.TextArrived)] == ["0 "]
    joined = await ear.until(messages.TextArrived, 2)
    assert len(joined) == 2 and joined[1].tokens == 100
    assert "".join(m.answer for m in joined) == "".join(f"{i} " for i in range(100))
    assert joined[1].answer_at == len(joined[0].answer)
    bridge.close()


async def test_writes_stay_under_their_rate(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=10)
    bridge.add(ear)
    loop = asyncio.get_running_loop()
    start = loop.time()
    while loop.time() - start < 0.5:
        bus.publish(grew("x"))
        await asyncio.sleep(0.001)
    elapsed = loop.time() - start
    assert len(ear.of(messages.TextArrived)) <= elapsed * 10 + 2
    bridge.close()


async def test_the_end_comes_after_all_text(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=1)
    bridge.add(ear)
    for piece in ("one ", "two ", "three"):
        bus.publish(grew(piece))
    bus.publish(ended("one two three"))
    assert [type(m) for m in ear.heard] == [messages.TextArrived, messages.TextArrived, messages.AnswerFinished]
    assert "".join(m.answer for m in ear.of(messages.TextArrived)) == "one two three"
    bridge.close()


async def test_nothing_is_told_of_a_hushed_answer_but_its_end(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=100)
    bridge.add(ear)
    bus.publish(grew("one "))
    bridge.hush("a")
    for _ in range(20):
        bus.publish(grew("more "))
        await asyncio.sleep(0.005)
    assert [m.answer for m in ear.of(messages.TextArrived)] == ["one "]
    bus.publish(ended("one more"))
    assert len(ear.of(messages.AnswerFinished)) == 1
    bridge.close()


async def test_text_is_cleaned(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=15)
    bridge.add(ear)
    bus.publish(grew("a\x1b]52;c;aGk=\x07b\u202ec\x9b31m", channel="thinking"))
    assert ear.of(messages.TextArrived)[0].thinking == "a]52;c;aGk=bc31m"
    bridge.close()


async def test_events_of_other_threads_arrive_in_the_loop(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=15)
    bridge.add(ear)
    thread = threading.Thread(target=lambda: bus.publish(grew("from afar")))
    thread.start()
    assert (await ear.until(messages.TextArrived))[0].answer == "from afar"
    thread.join()
    bridge.close()


async def test_only_the_newest_progress_is_told(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=50)
    bridge.add(ear)
    for percent in range(101):
        bus.publish(AnswerProgressed("a", "c", "loading", percent / 100, 10.0 * percent))
    told = await ear.until(messages.AnswerAdvanced)
    assert [m.progress.fraction for m in told] == [1.0]
    bridge.close()


async def test_changes_of_the_list_are_told_together(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=50)
    bridge.add(ear)
    for i in range(50):
        bus.publish(ConversationChanged(str(i)))
    bus.publish(ConversationDeleted("7"))
    told = await ear.until(messages.ConversationsChanged)
    assert [m.deleted for m in told] == [frozenset({"7"})]
    bridge.close()


async def test_a_closed_bridge_is_silent(bus: Bus) -> None:
    ear, bridge = Ear(), Bridge(bus, rate=50)
    bridge.add(ear)
    bus.publish(ConversationChanged("1"))
    bridge.close()
    bus.publish(grew("late"))
    await asyncio.sleep(0.1)
    assert ear.heard == []


def test_ssh_gets_fewer_writes() -> None:
    assert write_rate({}) == 15
    assert write_rate({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}) == 10
