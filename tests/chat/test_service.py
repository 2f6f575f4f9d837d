"""Asking, stopping, regenerating, looking: over a real database, with a scripted provider."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest

from offgrid_tui.chat.events import (
    AnswerEnded,
    AnswerGrew,
    AnswerProgressed,
    ConversationChanged,
    ConversationDeleted,
    ModelLoaded,
    TurnAdded,
)
from offgrid_tui.chat.model import TurnState
from offgrid_tui.engine.contract import ErrorCode, LoadOptions, Message, Sampling, StopReason
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.errors import BusyError, NotFoundError, UsageError
from offgrid_tui.providers.events import GenerationStarted
from tests.chat.conftest import OpenDesk
from tests.chat.desk import MODEL, Desk
from tests.support.scripted import Script, ScriptedProvider


async def state_on_disk(desk: Desk, turn_id: str) -> tuple[str, str, str, str | None]:
    row = await desk.database.read(
        lambda conn: conn.execute(
            "SELECT state, content, thinking, error FROM turns WHERE id = ?", (turn_id,)
        ).fetchone()
    )
    return row


# ── an answer ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_is_told_as_it_comes_and_saved_whole(open_desk: OpenDesk) -> None:
    desk = await open_desk(Script("It never ends, since\nthe test reads the old value.", thinking="Let me look."))
    conversation = await desk.chat.create()
    user, answer = await desk.chat.ask(conversation.id, "Why?\nIt hangs.", model=MODEL, sampling=Sampling(seed=7))
    assert (user.role, user.content, user.state) == ("user", "Why?\nIt hangs.", TurnState.COMPLETE)
    assert (answer.parent, answer.state, answer.content) == (user.id, TurnState.RUNNING, "")

    ended = await desk.ended(answer.id)
    assert ended.state is TurnState.COMPLETE
    assert ended.content == desk.text(answer.id) == "It never ends, since\nthe test reads the old value."
    assert ended.thinking == desk.text(answer.id, "thinking") == "Let me look."
    assert (ended.model, ended.model_name, ended.quantisation) == (MODEL, "Scripted 1B", "Q4_K_M")
    assert ended.provider == "scripted"
    assert ended.parameters is not None and ended.parameters["seed"] == 7
    figures = ended.figures
    assert (figures.prompt_tokens, figures.completion_tokens, figures.thinking_tokens) == (24, 13, 3)
    assert (figures.stop_reason, figures.seed, figures.context, figures.layers) == ("end", 7, 4096, 16)
    assert figures.thinking_ms is not None and figures.thinking_ms > 0
    assert figures.decode_tps is not None

    assert await desk.chat.branch(conversation.id) == (user, ended)
    assert await state_on_disk(desk, answer.id) == ("complete", ended.content, ended.thinking, None)


async def test_what_is_told_comes_in_order(open_desk: OpenDesk) -> None:
    desk = await open_desk(Script("a b", thinking="c d"))
    conversation = await desk.chat.create()
    desk.told.clear()
    await desk.say(conversation.id)
    chat = [e for e in desk.told if type(e).__module__ == "offgrid_tui.chat.events"]
    kinds = [kind for kind, _ in itertools.groupby(type(e) for e in chat)]
    assert kinds == [
        TurnAdded,
        ConversationChanged,
        AnswerProgressed,
        ModelLoaded,
        AnswerProgressed,
        AnswerGrew,
        AnswerEnded,
    ]
    phases = [(e.phase, e.fraction) for e in desk.of(AnswerProgressed)]
    assert [phase for phase, _ in itertools.groupby(p for p, _ in phases)] == [
        "queued",
        "starting",
        "loading",
        "prompt",
    ]
    assert phases[-1] == ("prompt", 1.0)
    assert desk.of(AnswerProgressed)[-1].tokens == 24


async def test_both_turns_are_on_disk_before_the_provider_is_asked(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    conversation = await desk.chat.create()
    seen: list[int] = []

    def look(_: GenerationStarted) -> None:
        # Another connection sees only what was committed.
        import apsw

        other = apsw.Connection(str(desk.database.path))
        seen.append(other.execute("SELECT count(*) FROM turns").get)
        other.close()

    desk.bus.subscribe(GenerationStarted, look)
    await desk.say(conversation.id)
    assert seen == [2]


async def test_an_answer_that_grows_is_saved_while_it_runs(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two three four")
    gate = provider.hold("answer")
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    _, answer = await desk.chat.ask(conversation.id, "Go", model=MODEL)
    await gate.reached()
    async with asyncio.timeout(30):
        while (await state_on_disk(desk, answer.id))[:2] != ("running", "one two "):
            await asyncio.sleep(0.02)
    gate.release()
    await desk.ended(answer.id)


async def test_whoever_looks_in_mid_answer_sees_what_was_told(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two three four")
    gate = provider.hold("answer")
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    _, answer = await desk.chat.ask(conversation.id, "Go", model=MODEL)
    await gate.reached()
    await desk.until(lambda: desk.text(answer.id) == "one two ")
    before = (await desk.chat.branch(conversation.id))[-1]
    at = len(desk.text(answer.id))
    assert (before.content, before.state) == ("one two ", TurnState.RUNNING)
    assert desk.chat.running() == (before,)
    gate.release()
    ended = await desk.ended(answer.id)
    assert before.content + desk.text(answer.id)[at:] == ended.content
    assert desk.chat.running() == ()


async def test_control_characters_of_a_model_are_neither_told_nor_saved(open_desk: OpenDesk) -> None:
    evil = "safe \x1b]52;c;aGk=\x07 text \x9b31m \u202e end \U0001f600"
    desk = await open_desk(Script(evil, thinking="\x1b[2J thought", name="na\x1bme\n", quantisation="Q4\x9b"))
    conversation = await desk.chat.create()
    ended = await desk.say(conversation.id, "paste \x1b[0m of mine")
    assert ended.content == desk.text(ended.id) == "safe ]52;c;aGk= text 31m  end \U0001f600"
    assert ended.thinking == "[2J thought"
    assert (ended.model_name, ended.quantisation) == ("name", "Q4")
    assert (await desk.chat.branch(conversation.id))[0].content == "paste [0m of mine"


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (StopReason.END, TurnState.COMPLETE),
        (StopReason.LENGTH, TurnState.COMPLETE),
        (StopReason.CONTEXT, TurnState.COMPLETE),
        (StopReason.CANCELLED, TurnState.STOPPED),
    ],
)
async def test_the_stop_reason_decides_how_an_answer_ends(
    open_desk: OpenDesk, reason: StopReason, state: TurnState
) -> None:
    desk = await open_desk(Script(stop_reason=reason))
    ended = await desk.say((await desk.chat.create()).id)
    assert (ended.state, ended.figures.stop_reason) == (state, reason.value)


# ── stopping ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stage", "kept", "thought"),
    [
        ("queued", "", ""),
        ("loading", "", ""),
        ("prompt", "", ""),
        ("thinking", "", "hm let "),
        ("answer", "one two ", "hm let me see"),
        ("done", "one two three four", "hm let me see"),
    ],
)
async def test_stop_at_any_stage_keeps_what_came(open_desk: OpenDesk, stage: str, kept: str, thought: str) -> None:
    provider = ScriptedProvider(Script("one two three four", thinking="hm let me see"))
    gate = provider.hold(stage)  # type: ignore[arg-type]
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    user, answer = await desk.chat.ask(conversation.id, "Go", model=MODEL)
    await gate.reached()
    await desk.until(lambda: desk.text(answer.id) == kept and desk.text(answer.id, "thinking") == thought)

    assert desk.chat.stop(answer.id)
    ended = await desk.ended(answer.id)
    assert (ended.state, ended.content, ended.thinking, ended.error) == (TurnState.STOPPED, kept, thought, None)
    assert ended.figures.stop_reason == "cancelled"
    assert (ended.figures.completion_tokens or 0) == len((kept + " " + thought).split())
    assert ended.figures.prompt_tokens == (None if stage in ("queued", "loading") else 24)
    assert not desk.chat.stop(answer.id)
    assert await desk.chat.branch(conversation.id) == (user, ended)
    await desk.until(lambda: provider.cancelled == [answer.id])


async def test_stop_reaches_the_provider_while_the_disk_hangs(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two three four")
    gate = provider.hold("answer")
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    _, answer = await desk.chat.ask(conversation.id, "Go", model=MODEL)
    await gate.reached()
    disk = threading.Event()
    hanging = asyncio.create_task(desk.database.read(lambda _: disk.wait(30)))
    await asyncio.sleep(0.01)  # the database's one thread is busy now
    desk.chat.stop(answer.id)
    await desk.until(lambda: provider.cancelled == [answer.id])
    told = len(desk.of(AnswerGrew))
    assert desk.of(AnswerEnded) == []  # nothing is told to have ended before it is saved
    disk.set()
    await hanging
    assert (await desk.ended(answer.id)).content == "one two "
    assert len(desk.of(AnswerGrew)) == told


async def test_stop_in_the_moment_in_which_the_turn_is_told(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    conversation = await desk.chat.create()
    stopped: list[bool] = []
    desk.bus.subscribe(
        TurnAdded, lambda e: stopped.append(desk.chat.stop(e.turn.id)) if e.turn.role == "assistant" else None
    )
    _, answer = await desk.chat.ask(conversation.id, "Go", model=MODEL)
    assert stopped == [True]
    ended = await desk.ended(answer.id)
    assert (ended.state, ended.content) == (TurnState.STOPPED, "")
    assert desk.provider.requests == []


async def test_cancelling_the_call_stops_the_answer_and_keeps_the_question(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    conversation = await desk.chat.create()
    asking = asyncio.create_task(desk.chat.ask(conversation.id, "Go", model=MODEL))
    await asyncio.sleep(0)  # the transaction was handed over
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await desk.until(lambda: desk.of(AnswerEnded))
    user, answer = await desk.chat.branch(conversation.id)
    assert (user.content, answer.state, answer.content) == ("Go", TurnState.STOPPED, "")


async def test_closing_ends_running_answers_as_stopped(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two three four")
    gate = provider.hold("answer")
    desk = await open_desk(provider)
    conversations = [await desk.chat.create() for _ in range(3)]
    answers = [(await desk.chat.ask(c.id, "Go", model=MODEL))[1] for c in conversations]
    await gate.reached()
    await desk.until(lambda: all(desk.text(a.id) == "one two " for a in answers))
    await desk.chat.close()
    for answer in answers:
        assert await state_on_disk(desk, answer.id) == ("stopped", "one two ", "", None)
    with pytest.raises(BusyError):
        await desk.chat.ask(conversations[0].id, "More", model=MODEL)


# ── failing ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_crash_keeps_what_came_and_the_next_question_goes_on(open_desk: OpenDesk) -> None:
    desk = await open_desk([Script("one two three four", thinking="hm", fails_after=2), Script("fine")])
    conversation = await desk.chat.create()
    failed = await desk.say(conversation.id, "First")
    assert (failed.state, failed.content, failed.thinking) == (TurnState.FAILED, "one two ", "hm")
    assert failed.error is not None
    assert failed.error.splitlines() == [
        "The engine stopped in mid-answer",
        "llama.cpp ended by signal 11 (SIGSEGV).",
        "Ask again: the model is loaded anew.",
    ]
    assert failed.figures.completion_tokens == 3

    fine = await desk.say(conversation.id, "Second")
    assert (fine.state, fine.content) == (TurnState.COMPLETE, "fine")
    assert desk.provider.requests[-1].messages == (
        Message("user", "First"),
        Message("assistant", "one two "),
        Message("user", "Second"),
    )


@pytest.mark.parametrize("stage", ["queued", "loading", "prompt"])
async def test_a_failure_before_the_first_word_is_kept_as_a_turn(open_desk: OpenDesk, stage: str) -> None:
    overflow = EngineError(
        ErrorCode.CONTEXT_OVERFLOW, "The prompt has 9120 tokens, the context 8192", mend="Start a new conversation."
    )
    desk = await open_desk(Script(fails=overflow, fails_at=stage))  # type: ignore[arg-type]
    conversation = await desk.chat.create()
    failed = await desk.say(conversation.id)
    assert (failed.state, failed.content) == (TurnState.FAILED, "")
    assert failed.error == str(overflow)
    assert (await desk.chat.branch(conversation.id))[-1] == failed


async def test_a_provider_that_just_ends_or_breaks_fails_that_answer_alone(open_desk: OpenDesk) -> None:
    desk = await open_desk([Script("a b", breaks_off=True), Script(fails=KeyError("x"), fails_at="answer"), "fine"])
    conversation = await desk.chat.create()
    assert (await desk.say(conversation.id)).state is TurnState.FAILED
    assert (await desk.say(conversation.id)).state is TurnState.FAILED
    assert (await desk.say(conversation.id)).state is TurnState.COMPLETE


# ── what can't be asked ────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_cannot_be_asked_is_refused_before_anything_is_written(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    conversation = await desk.chat.create()
    with pytest.raises(UsageError):
        await desk.chat.ask(conversation.id, " \n\t\x1b ", model=MODEL)
    with pytest.raises(UsageError, match="No model"):
        await desk.chat.ask(conversation.id, "Hello")
    with pytest.raises(UsageError):
        await desk.chat.regenerate(conversation.id, model=MODEL)
    with pytest.raises(NotFoundError):
        await desk.chat.ask("no such", "Hello", model=MODEL)
    with pytest.raises(UsageError):
        await desk.chat.rename(conversation.id, " \n ")
    assert await desk.chat.branch(conversation.id) == ()
    assert desk.provider.requests == []


async def test_a_conversation_answers_one_question_at_a_time(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two")
    gate = provider.hold("answer")
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    _, answer = await desk.chat.ask(conversation.id, "First", model=MODEL)
    await gate.reached()
    with pytest.raises(BusyError):
        await desk.chat.ask(conversation.id, "Second", model=MODEL)
    with pytest.raises(BusyError):
        await desk.chat.regenerate(conversation.id)
    assert len(await desk.chat.branch(conversation.id)) == 2
    gate.release()
    await desk.ended(answer.id)
    await desk.say(conversation.id, "Second")


async def test_several_conversations_answer_at_once(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider(lambda request: Script(f"echo of {request.messages[-1].content}", delay=0.001))
    gate = provider.hold("loading")
    desk = await open_desk(provider)
    conversations = [await desk.chat.create() for _ in range(8)]
    pairs = await asyncio.gather(
        *(desk.chat.ask(c.id, f"question {i}", model=MODEL) for i, c in enumerate(conversations))
    )
    await gate.reached()
    assert len(desk.chat.running()) == 8
    gate.release()
    for i, (_, answer) in enumerate(pairs):
        ended = await desk.ended(answer.id)
        assert ended.content == desk.text(answer.id) == f"echo of question {i}"
    assert {r.cache_key for r in provider.requests} == {c.id for c in conversations}


# ── conversations and branches ─────────────────────────────────────────────────────────────────────────────────────


async def test_regenerating_makes_a_sibling_and_shows_it(open_desk: OpenDesk) -> None:
    desk = await open_desk(["first answer", "second answer", "on the second", "third answer"])
    conversation = await desk.chat.create()
    first = await desk.say(conversation.id, "Question")
    again = await desk.chat.regenerate(conversation.id, model="/models/other.gguf", options=LoadOptions(context=512))
    second = await desk.ended(again.id)
    assert (second.parent, second.content, second.model) == (first.parent, "second answer", "/models/other.gguf")
    assert desk.provider.requests[1].messages == (Message("user", "Question"),)
    assert desk.provider.requests[1].options.context == 512
    assert await desk.chat.siblings(first.id) == (first, second) == await desk.chat.siblings(second.id)

    follow = await desk.say(conversation.id, "More")
    assert [t.content for t in await desk.chat.branch(conversation.id)] == [
        "Question",
        "second answer",
        "More",
        "on the second",
    ]
    await desk.chat.show(first.id)
    assert [t.content for t in await desk.chat.branch(conversation.id)] == ["Question", "first answer"]
    await desk.chat.show(second.id)
    assert (await desk.chat.branch(conversation.id))[-1] == follow
    with pytest.raises(NotFoundError):
        await desk.chat.show("no such")


async def test_first_turns_are_siblings_too_but_not_those_of_other_conversations(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    one, other = await desk.chat.create(), await desk.chat.create()
    await desk.say(one.id)
    await desk.say(other.id)
    first = (await desk.chat.branch(one.id))[0]
    assert await desk.chat.siblings(first.id) == (first,)


async def test_the_list_has_titles_and_the_newest_first(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    one = await desk.chat.create(system="Be brief.")
    two = await desk.chat.create(MODEL)
    assert [c.title for c in await desk.chat.conversations()] == ["", ""]
    await desk.say(two.id, "Two\x1b[0m things")
    await desk.say(one.id, "\n\n  One question \nand its second line")
    await desk.say(one.id, "Another question")
    found = await desk.chat.conversations()
    assert [(c.id, c.title) for c in found] == [(one.id, "One question"), (two.id, "Two[0m things")]
    assert found[0].model == MODEL
    assert desk.provider.requests[-1].messages[0] == Message("system", "Be brief.")

    await desk.chat.rename(two.id, "  New\nname ")
    assert (await desk.chat.conversation(two.id)).title == "New name"
    await desk.say(two.id, "Still the new name?")
    assert [c.title for c in await desk.chat.conversations()] == ["New name", "One question"]


async def test_a_long_title_is_cut(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    conversation = await desk.chat.create()
    await desk.say(conversation.id, "word " * 100)
    title = (await desk.chat.conversation(conversation.id)).title
    assert len(title) == 60 and title.endswith("…")


async def test_deleting_stops_hides_and_can_be_taken_back(open_desk: OpenDesk) -> None:
    provider = ScriptedProvider("one two")
    gate = provider.hold("answer")
    desk = await open_desk(provider)
    conversation = await desk.chat.create()
    _, answer = await desk.chat.ask(conversation.id, "Go", model=MODEL)
    await gate.reached()
    await desk.chat.delete(conversation.id)
    assert desk.of(ConversationDeleted) == [ConversationDeleted(conversation.id)]
    assert (await desk.ended(answer.id)).state is TurnState.STOPPED
    assert await desk.chat.conversations() == ()
    with pytest.raises(NotFoundError):
        await desk.chat.branch(conversation.id)
    await desk.chat.delete(conversation.id)
    assert len(desk.of(ConversationDeleted)) == 1

    await desk.chat.restore(conversation.id)
    assert [t.content for t in await desk.chat.branch(conversation.id)] == ["Go", "one "]
