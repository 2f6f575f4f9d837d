"""The composition root: what is opened is closed, whatever happens."""

from __future__ import annotations

import asyncio
import logging

import pytest

from offgrid_tui import workstation
from offgrid_tui.chat.events import AnswerEnded
from offgrid_tui.chat.model import TurnState
from offgrid_tui.database.errors import DatabaseDamaged
from offgrid_tui.engine.contract import Reasoning, Sampling
from offgrid_tui.providers.inference import TASK_NAME
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.workstation import Workstation
from tests.support.scripted import ScriptedProvider


def other_tasks() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def ask(station: Workstation, text: str = "Hello", model: str = "/models/m.gguf") -> str:
    """Ask in a new conversation and wait for the end of the answer; its text."""
    ended: list[AnswerEnded] = []
    heard = asyncio.Event()
    stop = station.bus.subscribe(AnswerEnded, lambda event: (ended.append(event), heard.set()))  # type: ignore[func-returns-value]
    conversation = await station.chat.create()
    await station.chat.ask(conversation.id, text, model=model, sampling=station.sampling(model))
    async with asyncio.timeout(30):
        await heard.wait()
    stop()
    return ended[0].turn.content


async def test_it_opens_answers_and_leaves_no_task_behind(home: Paths) -> None:
    provider = ScriptedProvider("Hello there.")
    station = await Workstation.open(home, load_settings(home), provider=provider)
    assert TASK_NAME in {task.get_name() for task in asyncio.all_tasks()}
    assert await ask(station) == "Hello there."
    await station.close()
    await station.close()
    assert other_tasks() == set()
    assert provider.closed


async def test_what_was_said_is_there_again(home: Paths) -> None:
    first = await Workstation.open(home, Settings(), provider=ScriptedProvider("Hello there."))
    await ask(first, "Are you there?")
    await first.close()
    again = await Workstation.open(home, Settings(), provider=ScriptedProvider(""))
    (conversation,) = await again.chat.conversations()
    assert [t.content for t in await again.chat.branch(conversation.id)] == ["Are you there?", "Hello there."]
    await again.close()


async def test_closing_in_mid_answer_saves_what_came(home: Paths) -> None:
    provider = ScriptedProvider("one two three four")
    gate = provider.hold("answer")
    station = await Workstation.open(home, Settings(), provider=provider)
    conversation = await station.chat.create()
    await station.chat.ask(conversation.id, "Go", model="/models/m.gguf")
    await gate.reached()
    await station.close()
    assert other_tasks() == set()

    again = await Workstation.open(home, Settings(), provider=provider)
    turn = (await again.chat.branch(conversation.id))[-1]
    assert (turn.state, turn.content) == (TurnState.STOPPED, "one two ")
    await again.close()


async def test_it_remembers_the_models_that_were_loaded(home: Paths) -> None:
    station = await Workstation.open(home, Settings(), provider=ScriptedProvider("Hi"))
    assert await station.recent.last() is None
    for model in ("/models/a.gguf", "/models/b.gguf", "/models/a.gguf"):
        await ask(station, model=model)
    await station.close()
    again = await Workstation.open(home, Settings(), provider=ScriptedProvider("Hi"))
    assert await again.recent.list() == ("/models/a.gguf", "/models/b.gguf")
    assert await again.recent.last() == "/models/a.gguf"
    await again.close()


async def test_what_can_not_be_opened_leaves_nothing_open(home: Paths) -> None:
    home.data.mkdir(parents=True)
    home.database.write_bytes(b"no database at all" * 1000)
    provider = ScriptedProvider("Hi")
    with pytest.raises(DatabaseDamaged):
        await Workstation.open(home, Settings(), provider=provider)
    assert other_tasks() == set()
    assert home.database.read_bytes().startswith(b"no database")


async def test_a_failure_half_way_closes_what_was_opened(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        raise OSError("half way")

    monkeypatch.setattr("offgrid_tui.chat.service.ChatService.start", fail)
    provider = ScriptedProvider("Hi")
    with pytest.raises(OSError, match="half way"):
        await Workstation.open(home, Settings(), provider=provider)
    assert provider.closed
    assert other_tasks() == set()


async def test_a_part_that_does_not_close_does_not_keep_the_others(
    home: Paths, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workstation, "DEADLINE", 0.05)

    class Hanging(ScriptedProvider):
        async def close(self) -> None:
            await asyncio.Event().wait()

    station = await Workstation.open(home, Settings(), provider=Hanging("Hi"))
    with caplog.at_level(logging.ERROR):
        await station.close()
    assert "provider did not close" in caplog.text
    assert other_tasks() == set()
    again = await Workstation.open(home, Settings(), provider=ScriptedProvider("Hi"))  # the database was closed
    await again.close()


async def test_sampling_follows_the_settings(home: Paths) -> None:
    home.config.mkdir(parents=True, exist_ok=True)
    home.settings_file.write_text(
        '[chat]\ntemperature = 0.1\ntop_k = 7\nseed = 3\nmax_tokens = 5\nstop = ["END"]\nreasoning = "off"\n'
    )
    station = await Workstation.open(home, load_settings(home), provider=ScriptedProvider("Hi"))
    assert station.sampling("m.gguf") == Sampling(temperature=0.1, top_k=7, seed=3, max_tokens=5, stop=("END",))
    assert station.reasoning == Reasoning(mode="off")
    await station.close()


def test_the_settings_and_the_contract_agree_on_how_words_are_chosen() -> None:
    chat = Settings().chat
    names = [name for name in Sampling.__dataclass_fields__ if name != "logit_bias"]
    assert [getattr(chat, name) for name in names] == [getattr(Sampling(), name) for name in names]
