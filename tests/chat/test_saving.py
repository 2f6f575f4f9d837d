"""When the disk does not take it: the answer goes on being shown, the error is told, nothing is lost that need not."""

from __future__ import annotations

import pytest

from offgrid_tui.chat import saver
from offgrid_tui.chat.events import AnswerEnded, AnswerNotSaved, AnswerSaved
from offgrid_tui.chat.model import TurnState
from offgrid_tui.database.errors import DatabaseFull, DatabaseReadOnly
from offgrid_tui.foundation.errors import OffGridError
from tests.chat.conftest import OpenDesk
from tests.chat.desk import MODEL, Desk
from tests.support.scripted import Script, ScriptedProvider


async def pragma(desk: Desk, name: str, value: int) -> int:
    """Set a pragma on the desk's own connection; what it then is."""

    def set_it(conn: object) -> int:
        return int(conn.pragma(name, value))  # type: ignore[attr-defined]

    return await desk.database.read(set_it)


async def fill(desk: Desk) -> None:
    """Let the database grow no further: SQLite then answers as it does on a full disk."""
    used = await desk.database.read(lambda conn: int(conn.pragma("page_count")))
    await pragma(desk, "max_page_count", used)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver, "RETRY", 0.05)
    monkeypatch.setattr(saver, "INTERVAL", 0.05)


async def test_a_full_disk_in_mid_answer_is_told_once_and_made_good_later(open_desk: OpenDesk) -> None:
    text = ("x" * 499 + " ") * 300  # more than fits into what the file has left
    provider = ScriptedProvider([Script(text), "short"])
    gate = provider.hold("prompt")
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    _, answer = await desk.chat.ask(conversation.id, "Go", model=MODEL)
    await gate.reached()
    await fill(desk)
    gate.release()

    ended = await desk.ended(answer.id)
    assert (ended.state, ended.content) == (TurnState.COMPLETE, text)
    await desk.until(lambda: desk.of(AnswerNotSaved))
    (told,) = desk.of(AnswerNotSaved)
    assert isinstance(told.error, DatabaseFull)
    assert (told.turn_id, told.conversation) == (answer.id, conversation.id)
    assert (await desk.chat.branch(conversation.id))[-1] == ended  # from memory
    with pytest.raises(OffGridError):
        await desk.chat.ask(conversation.id, "x" * 100_000, model=MODEL)

    await pragma(desk, "max_page_count", 1_000_000)
    await desk.until(lambda: desk.of(AnswerSaved))
    assert len(desk.of(AnswerNotSaved)) == 1 and len(desk.of(AnswerEnded)) == 1
    there = await open_desk()
    assert (await there.chat.branch(conversation.id))[-1] == ended
    await desk.say(conversation.id, "On we go")


async def test_a_database_that_turns_read_only_loses_at_most_the_running_answer(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider(["before", "one two three four"])
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    before = await desk.say(conversation.id, "First")
    gate = provider.hold("answer")
    _, answer = await desk.chat.ask(conversation.id, "Second", model=MODEL)
    await gate.reached()

    real = desk.database.write

    async def refuse(fn: object) -> None:
        raise DatabaseReadOnly("the database cannot be written", mend="Correct the permissions.")

    desk.database.write = refuse  # type: ignore[method-assign, assignment]  # as after `mount -o remount,ro`
    gate.release()
    ended = await desk.ended(answer.id)
    assert ended.content == desk.text(answer.id) == "one two three four"
    assert [type(e.error) for e in desk.of(AnswerNotSaved)] == [DatabaseReadOnly]
    await desk.chat.close()  # says in the log what could not be saved, and ends

    desk.database.write = real  # type: ignore[method-assign]
    there = await open_desk()
    turns = await there.chat.branch(conversation.id)
    assert turns[1] == before
    assert [t.content for t in turns[:3]] == ["First", "before", "Second"]


async def test_a_question_that_cannot_be_saved_is_not_asked(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    conversation = await desk.chat.create()
    await fill(desk)
    with pytest.raises(DatabaseFull):
        await desk.chat.ask(conversation.id, "x" * 100_000, model=MODEL)
    assert desk.provider.requests == []
    assert await desk.chat.branch(conversation.id) == ()
    assert desk.chat.running() == ()
