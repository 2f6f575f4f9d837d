"""Several workstations on one home: they see one another, and clean up after one that died."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from offgrid_tui.chat import follower
from offgrid_tui.chat.events import (
    AnswerEnded,
    ConversationChanged,
    ConversationDeleted,
    TurnAdded,
    TurnChanged,
)
from offgrid_tui.chat.model import TurnState
from offgrid_tui.foundation.errors import BusyError
from offgrid_tui.system.identity import name_process
from tests.chat.conftest import OpenDesk
from tests.chat.desk import MODEL, Desk
from tests.support.scripted import ScriptedProvider


async def disown(desk: Desk, turn_id: str, writer: str | None) -> None:
    """Make it so that `writer` was writing the turn, and has not said how it ended."""
    await desk.database.write(
        lambda conn: conn.execute(
            "UPDATE turns SET writer = ?, state = 'running' WHERE id = ?", (writer, turn_id)
        ).fetchall()
    )


def dead_process() -> str:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = str(name_process(child.pid))
    child.kill()
    child.communicate()
    return name


async def test_the_other_one_sees_turns_growth_and_the_end(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two three four")
    gate = provider.hold("answer")
    here, there = await open_desk(provider), await open_desk()
    conversation = await here.chat.create()
    user, answer = await here.chat.ask(conversation.id, "Question", model=MODEL)
    await there.until(lambda: ConversationChanged(conversation.id) in there.told)
    await there.until(lambda: {e.turn.id for e in there.of(TurnAdded)} == {user.id, answer.id})
    assert (await there.chat.branch(conversation.id))[0] == user
    await gate.reached()

    # Where one look finds both the turn and its first words, TurnAdded brings them.
    await there.until(lambda: any(e.turn.content == "one two " for e in (*there.of(TurnAdded), *there.of(TurnChanged))))
    gate.release()
    ended = await here.ended(answer.id)
    await there.until(lambda: AnswerEnded(ended) in there.told)

    await here.chat.rename(conversation.id, "Another name")
    there.told.clear()
    await there.until(lambda: ConversationChanged(conversation.id) in there.told)
    await here.chat.delete(conversation.id)
    await there.until(lambda: ConversationDeleted(conversation.id) in there.told)


async def test_a_desk_does_not_hear_itself_twice(open_desk: OpenDesk) -> None:
    here, there = await open_desk("one"), await open_desk()
    conversation = await here.chat.create()
    ended = await here.say(conversation.id)
    await there.until(lambda: any(e.turn.id == ended.id for e in there.of(TurnAdded)))
    await there.chat.rename(conversation.id, "Seen")  # a change of the other: it has looked at the log since
    count = len(here.of(ConversationChanged))
    await here.until(lambda: len(here.of(ConversationChanged)) > count)
    assert len(here.of(TurnAdded)) == 2 and len(here.of(AnswerEnded)) == 1 and not here.of(TurnChanged)


async def test_running_answers_of_a_living_one_are_left_alone(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two")
    gate = provider.hold("answer")
    here = await open_desk(provider)
    conversation = await here.chat.create()
    _, answer = await here.chat.ask(conversation.id, "Question", model=MODEL)
    await gate.reached()

    there = await open_desk()
    turns = await there.chat.branch(conversation.id)
    assert turns[-1].state is TurnState.RUNNING
    assert not there.chat.stop(answer.id)
    with pytest.raises(BusyError):
        await there.chat.ask(conversation.id, "Me too", model=MODEL)
    gate.release()
    ended = await here.ended(answer.id)
    assert (ended.state, ended.content) == (TurnState.COMPLETE, "one two")
    await there.until(lambda: AnswerEnded(ended) in there.told)
    await there.say(conversation.id, "Now me")


@pytest.mark.parametrize("writer", [None, "", "another-boot/1/1", "dead"])
async def test_what_a_dead_one_left_is_stopped_at_the_start(open_desk: OpenDesk, writer: str | None) -> None:
    here = await open_desk("what came")
    conversation = await here.chat.create()
    ended = await here.say(conversation.id)
    await disown(here, ended.id, dead_process() if writer == "dead" else writer)
    await here.chat.close()

    there = await open_desk()
    turn = (await there.chat.branch(conversation.id))[-1]
    assert (turn.state, turn.content) == (TurnState.STOPPED, "what came")
    assert (await there.say(conversation.id, "On")).state is TurnState.COMPLETE


async def test_what_one_left_that_died_while_we_look_is_stopped(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "SWEEP", 0.05)
    here, there = await open_desk("what came"), await open_desk()
    conversation = await here.chat.create()
    ended = await here.say(conversation.id)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    await disown(here, ended.id, str(name_process(child.pid)))
    assert (await there.chat.branch(conversation.id))[-1].state is TurnState.RUNNING
    with pytest.raises(BusyError):
        await there.chat.ask(conversation.id, "Busy?", model=MODEL)
    there.told.clear()
    child.kill()
    child.communicate()
    stopped = await there.ended(ended.id)
    assert (stopped.state, stopped.content) == (TurnState.STOPPED, "what came")


async def test_asking_needs_no_sweep_after_a_death(open_desk: OpenDesk) -> None:
    here = await open_desk("what came")
    conversation = await here.chat.create()
    ended = await here.say(conversation.id)
    await disown(here, ended.id, dead_process())
    again = await here.chat.regenerate(conversation.id)
    await here.ended(again.id)
    states = [t.state for t in await here.chat.siblings(again.id)]
    assert states == [TurnState.STOPPED, TurnState.COMPLETE]


async def test_who_writes_an_answer_knows_best_how_it_ended(open_desk: OpenDesk) -> None:
    """Another container can't see our process, and takes our answer for left behind."""
    provider = ScriptedProvider("one two three")
    gate = provider.hold("answer")
    here = await open_desk(provider)
    conversation = await here.chat.create()
    _, answer = await here.chat.ask(conversation.id, "Question", model=MODEL)
    await gate.reached()
    await here.database.write(
        lambda conn: conn.execute("UPDATE turns SET state = 'stopped' WHERE id = ?", (answer.id,)).fetchall()
    )
    gate.release()
    ended = await here.ended(answer.id)
    assert (await here.chat.branch(conversation.id))[-1] == ended
    assert (ended.state, ended.content) == (TurnState.COMPLETE, "one two three")


async def test_two_that_talk_at_once_lose_nothing(open_desk: OpenDesk) -> None:
    desks = [await open_desk(f"answer of desk {i}") for i in range(3)]

    async def talk(desk: Desk) -> str:
        conversation = await desk.chat.create()
        for i in range(5):
            await desk.say(conversation.id, f"Question {i}")
        return conversation.id

    ids = await asyncio.gather(*(talk(desk) for desk in desks))
    for i, id in enumerate(ids):
        for desk in desks:
            turns = await desk.chat.branch(id)
            assert [t.content for t in turns] == [
                text for n in range(5) for text in (f"Question {n}", f"answer of desk {i}")
            ]
