"""The chat screen, by its keys: ask, read, stop, again, come back."""

from __future__ import annotations

import pytest

from offgrid_tui.chat.model import TurnState
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.chat.conversations import ConversationList
from offgrid_tui.ui.frame.pulse import Activity
from offgrid_tui.ui.overlays.picker import Picker
from offgrid_tui.ui.overlays.questions import AskText, Confirm
from tests.support.scripted import Script, crashed
from tests.ui.desk import open_desk


async def test_ask_and_read_the_answer_with_its_figures(home: Paths) -> None:
    script = Script("It has **two** parts.", thinking="Parts of what?", name="Scripted 1B")
    async with open_desk(home, script, size=(130, 30)) as desk:
        turn = await desk.ask("What is it made of?")
        assert turn.state is TurnState.COMPLETE
        assert desk.shows("What is it made of?")
        assert desk.shows("It has two parts.")  # the stars are gone: it is Markdown
        assert desk.shows("Scripted 1B  Q4_K_M")
        assert desk.shows("▸ thought for")
        assert not desk.shows("Parts of what?")
        assert desk.shows("prompt 24 tok")
        await desk.until(lambda: desk.shows("31/4.1k"), "the context of the loaded model")


async def test_thinking_unfolds_and_folds(home: Paths) -> None:
    async with open_desk(home, Script("Yes.", thinking="Parts of what?")) as desk:
        await desk.ask()
        await desk.pilot.press("escape", "t")
        await desk.until(lambda: desk.shows("Parts of what?"), "what the model thought")
        await desk.pilot.press("t")
        await desk.until(lambda: not desk.shows("Parts of what?"), "folded again")


async def test_text_streams_while_it_comes(home: Paths) -> None:
    async with open_desk(home, Script("one two three four five six seven eight", delay=0.01)) as desk:
        gate = desk.provider.hold("answer")
        await desk.write("Count.")
        await gate.reached()
        await desk.until(lambda: desk.shows("one two three"), "the first half")
        assert not desk.shows("eight")
        assert desk.app.pulse.activity is Activity.ANSWERING
        gate.release()
        await desk.until(lambda: desk.shows("seven eight"), "the rest")
        await desk.until(lambda: desk.app.pulse.activity is Activity.IDLE, "the end")


@pytest.mark.parametrize("stage", ["queued", "loading", "prompt", "thinking", "answer"])
async def test_ctrl_c_stops_at_every_stage_and_keeps_what_came(home: Paths, stage: str) -> None:
    script = Script("one two three four five six", thinking="hm hm hm hm", delay=0.005)
    async with open_desk(home, script) as desk:
        gate = desk.provider.hold(stage)  # type: ignore[arg-type]
        await desk.write("Count.")
        await gate.reached()
        await desk.until(lambda: desk.screen.running is not None, "a running answer")
        await desk.pilot.press("ctrl+c")
        await desk.until(lambda: desk.screen.running is None, "the end of it")
        turn = desk.answers[-1]
        assert turn.state is TurnState.STOPPED
        assert desk.provider.cancelled == [turn.id]
        assert turn.content == ("one two three " if stage == "answer" else "")
        await desk.until(lambda: desk.shows("stopped"), "that it was stopped")
        assert (await desk.app.workstation.chat.branch(turn.conversation))[-1] == turn


async def test_a_failed_answer_says_what_to_do(home: Paths) -> None:
    async with open_desk(home, Script("one two three four", fails=crashed(), fails_after=2)) as desk:
        turn = await desk.ask()
        assert turn.state is TurnState.FAILED
        assert desk.shows("The engine stopped in mid-answer")
        assert desk.shows("Ask again: the model is loaded anew.")
        assert desk.shows("one two")
        assert desk.app.pulse.activity is Activity.FAILED


async def test_regenerate_takes_the_old_answers_place(home: Paths) -> None:
    async with open_desk(home, ["First answer.", "Second answer."]) as desk:
        await desk.ask()
        first = desk.answers[-1]
        await desk.pilot.press("ctrl+r")
        await desk.until(lambda: desk.shows("Second answer."), "the second answer")
        await desk.until(lambda: desk.screen.running is None, "its end")
        assert not desk.shows("First answer.")
        assert len(desk.answers) == 1 and desk.answers[0].parent == first.parent


async def test_regenerate_says_why_it_cannot(home: Paths) -> None:
    async with open_desk(home) as desk:
        await desk.pilot.press("ctrl+r")
        assert desk.toasts() == ["There is no answer yet"]
        assert desk.provider.requests == []


async def test_a_message_that_cannot_be_sent_stays(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offgrid_tui.chat.guide.STARTER_MODEL", home.data / "none.gguf")  # a copy without the guide
    async with open_desk(home, model=None) as desk:
        assert desk.shows("No model yet") and desk.shows("^o")
        await desk.write("Are you there?")
        await desk.until(lambda: desk.toasts(), "a reason")
        assert desk.composer.text == "Are you there?"


async def test_a_second_message_waits_for_the_answer(home: Paths) -> None:
    async with open_desk(home, Script("one two three four")) as desk:
        gate = desk.provider.hold("answer")
        await desk.write("First.")
        await gate.reached()
        await desk.until(lambda: desk.screen.running is not None, "a running answer")
        await desk.write("Second.")
        await desk.until(lambda: desk.toasts(), "a reason")
        assert desk.composer.text == "Second."
        gate.release()
        await desk.until(lambda: desk.screen.running is None, "the end")


async def test_everything_is_there_after_coming_back(home: Paths) -> None:
    async with open_desk(home, "The answer.", size=(120, 30)) as desk:
        await desk.ask("First question")
        await desk.pilot.press("ctrl+n")
        await desk.ask("Second question")
    async with open_desk(home, "unused", size=(120, 30)) as desk:
        assert desk.shows("▸ Second question") and desk.shows("  First question")
        await desk.until(lambda: desk.shows("The answer."), "the open conversation")
        await desk.pilot.press("ctrl+g", "down", "enter")
        await desk.until(lambda: desk.shows("▸ First question"), "the other conversation")


async def test_the_list_opens_over_the_chat_where_it_is_narrow(home: Paths) -> None:
    async with open_desk(home) as desk:
        await desk.ask("First question")
        await desk.pilot.press("ctrl+n")
        await desk.ask("Second question")
        assert not desk.screen.query_one(ConversationList).region
        await desk.pilot.press("ctrl+g")
        await desk.until(lambda: isinstance(desk.app.screen, Picker), "the picker")
        await desk.pilot.press(*"first")
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.shows("First question") and desk.app.screen is desk.screen, "the chat")
        assert desk.transcript.turns[0].content == "First question"


async def test_rename_and_delete_ask_first(home: Paths) -> None:
    async with open_desk(home, size=(120, 30)) as desk:
        await desk.ask("First question")
        await desk.pilot.press("ctrl+g", "r")
        await desk.until(lambda: isinstance(desk.app.screen, AskText), "the question")
        await desk.pilot.press("ctrl+u", *"Boat", "enter")
        await desk.until(lambda: desk.shows("▸ Boat"), "the new title")
        await desk.pilot.press("x")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm), "the question")
        await desk.pilot.press("n")
        await desk.until(lambda: desk.app.screen is desk.screen, "the chat")
        assert desk.shows("▸ Boat")
        await desk.pilot.press("x", "y")
        await desk.until(lambda: not desk.shows("Boat"), "that it is gone")
        assert desk.transcript.turns == []


async def test_five_thousand_turns_open_from_their_end(home: Paths) -> None:
    async with open_desk(home) as desk:
        chat, database = desk.app.workstation.chat, desk.app.workstation.database
        conversation = await chat.create("/models/scripted-1b.gguf")
        ids = [f"t{i:04}" for i in range(5000)]
        rows = [
            (id, conversation.id, ids[i - 1] if i else None, ("user", "assistant")[i % 2], f"Turn {i}.", float(i))
            for i, id in enumerate(ids)
        ]
        columns = "id, conversation, parent, role, content, created, state"
        sql = f"INSERT INTO turns ({columns}) VALUES (?, ?, ?, ?, ?, ?, 'complete')"
        await database.write(lambda conn: conn.executemany(sql, rows) and None)
        await chat.show(ids[-1])
        await desk.screen._read_list()
        await desk.screen._open_id(conversation.id)
        await desk.until(lambda: desk.shows("Turn 4999."), "the last turn")
        assert len(desk.transcript._views) < 100
        desk.transcript.focus()
        seen = 4999
        for _ in range(40):
            await desk.pilot.press("pageup")
            await desk.pilot.pause()
        assert len(desk.transcript._views) < 100
        tops = [int(line.split("Turn ")[1].split(".")[0]) for line in desk.lines() if "Turn " in line]
        assert tops and max(tops) < seen - 50
        await desk.pilot.press("end")
        await desk.until(lambda: desk.shows("Turn 4999."), "the last turn again")


async def test_scrolling_up_lets_go_of_the_tail_and_end_takes_it_again(home: Paths) -> None:
    async with open_desk(home, Script("line\n\n" * 60, delay=0.001)) as desk:
        gate = desk.provider.hold("answer")
        await desk.write("Go.")
        await gate.reached()
        await desk.until(lambda: desk.transcript.max_scroll_y > 20, "more than a page")
        assert desk.transcript.scroll_y == desk.transcript.max_scroll_y
        await desk.pilot.press("pageup")
        await desk.pilot.pause()
        here = desk.transcript.scroll_y
        before = desk.transcript.max_scroll_y
        assert here < before
        gate.release()
        await desk.until(lambda: desk.screen.running is None, "the end")
        await desk.until(lambda: desk.transcript.max_scroll_y > before, "more text")
        assert desk.transcript.scroll_y == here
        await desk.pilot.press("escape", "end")
        await desk.until(lambda: desk.transcript.scroll_y == desk.transcript.max_scroll_y, "the tail")


async def test_ascii_mode_draws_with_ascii_alone(home: Paths) -> None:
    script = [
        Script("> quoted\n\n- item\n\n```\ncode\n```\n\n| a |\n| - |\n| 1 |", thinking="Hm."),
        Script("x", fails=crashed()),
    ]
    async with open_desk(home, script, size=(120, 40), ascii=True) as desk:
        await desk.ask()
        await desk.pilot.press("escape", "t", "ctrl+g")
        for keys in (["ctrl+p"], ["escape", "f1"], ["escape", "ctrl+o"]):
            await desk.pilot.press(*keys)
            await desk.pilot.pause()
            for line in desk.lines():
                assert line.isascii(), line
        await desk.pilot.press("escape")
        await desk.until(lambda: desk.shows("[") and desk.shows("> Why?"), "gauges and marks")


async def test_no_color_leaves_no_colour(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with open_desk(home, "```python\nx = 1  # note\n```") as desk:
        await desk.ask()
        for strip in desk.app.screen._compositor.render_strips():
            for segment in strip:
                for color in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    if color is not None and not color.is_default:
                        red, green, blue = color.get_truecolor()
                        assert red == green == blue, segment


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (20, 5), (39, 8), (300, 100)])
async def test_any_size_of_terminal(home: Paths, size: tuple[int, int]) -> None:
    async with open_desk(home, Script("# Title\n\n| a | b |\n| - | - |\n| 1 | 2 |", thinking="Hm."), size=size) as desk:
        await desk.ask()
        await desk.pilot.press("escape", "t", "k", "ctrl+p", "escape", "f1", "escape")
        assert len(desk.lines()) <= size[1]
