"""Keys: changed by the user, explained by the help, found by the palette, kept in the order they were typed."""

from __future__ import annotations

import dataclasses

from textual import events

from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.frame.keybar import hints
from offgrid_tui.ui.keys import action_ids, unknown_actions
from offgrid_tui.ui.overlays.help import Help
from offgrid_tui.ui.overlays.picker import Picker
from offgrid_tui.ui.overlays.questions import Confirm
from tests.ui.desk import open_desk


def with_keys(**keys: str) -> Settings:
    return dataclasses.replace(Settings(), keys={name.replace("__", "."): value for name, value in keys.items()})


async def test_a_key_can_be_changed(home: Paths) -> None:
    settings = with_keys(chat__new="f9", composer__send="ctrl+d", composer__newline="enter")
    async with open_desk(home, settings=settings) as desk:
        desk.composer.focus()
        await desk.pilot.press("a", "enter", "b")
        assert desk.composer.text == "a\nb"
        await desk.pilot.press("ctrl+d")
        await desk.until(lambda: desk.answers, "the answer")
        await desk.pilot.press("f9")
        await desk.until(lambda: not desk.transcript.turns, "a new chat")
        await desk.pilot.press("f1")
        await desk.until(lambda: desk.shows("f9  Begin a new chat"), "the key in the help")


async def test_an_action_that_does_not_exist_is_named(home: Paths) -> None:
    async with open_desk(home, settings=with_keys(chat__nwe="f9")) as desk:
        await desk.until(lambda: desk.toasts(), "a toast")
        assert "keys.chat.nwe is no action; the nearest is chat.new" in desk.toasts()[0]


def test_every_action_of_ours_has_a_name_of_its_own() -> None:
    assert {"app.quit", "app.palette", "chat.new", "composer.send", "turn.copy"} <= action_ids()
    assert unknown_actions(dict.fromkeys(action_ids(), "f9")) == []


async def test_help_lists_every_key_that_works(home: Paths) -> None:
    async with open_desk(home, size=(100, 90)) as desk:
        shown = [hint for _, hint in hints(desk.screen)]
        assert len(shown) > 30
        await desk.pilot.press("f1")
        await desk.until(lambda: isinstance(desk.app.screen, Help), "the help")
        for hint in shown:
            assert desk.shows(hint.tooltip or hint.description), hint
        assert desk.shows("Let the model answer once more: there is no answer yet")
        await desk.pilot.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen, "the chat")


async def test_the_palette_finds_and_does(home: Paths) -> None:
    async with open_desk(home) as desk:
        await desk.ask("First question")
        await desk.pilot.press("ctrl+p")
        await desk.until(lambda: isinstance(desk.app.screen, Picker), "the palette")
        await desk.pilot.press(*"theme light")
        await desk.until(lambda: desk.shows("Theme: light"), "the theme")
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.app.theme == "light", "the theme in use")
        assert 'theme = "light"' in home.settings_file.read_text()
        await desk.pilot.press("ctrl+p", *"delete this", "enter")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm), "the question")


async def test_the_palette_greys_what_cannot_be_done(home: Paths) -> None:
    async with open_desk(home) as desk:
        await desk.pilot.press("ctrl+p", *"answer once more")
        await desk.until(lambda: desk.shows("there is no answer yet"), "the reason")
        await desk.pilot.press("enter")
        await desk.pilot.pause()
        assert isinstance(desk.app.screen, Picker)


async def test_single_keys_work_after_escape_only(home: Paths) -> None:
    async with open_desk(home) as desk:
        desk.composer.focus()
        await desk.pilot.press("3", "y", "question_mark")
        assert desk.composer.text == "3y?"
        await desk.pilot.press("escape", "3", "question_mark")
        await desk.until(lambda: isinstance(desk.app.screen, Help), "the help")
        await desk.pilot.press("escape", "i", "x")
        assert desk.composer.text == "3y?x"


async def test_ctrl_c_twice_asks_before_it_quits(home: Paths) -> None:
    async with open_desk(home) as desk:
        await desk.pilot.press("ctrl+c")
        assert desk.toasts() == ["Press ctrl+c again to quit"]
        await desk.pilot.press("ctrl+c")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm), "the question")
        await desk.pilot.press("escape")
        assert desk.app.is_running and desk.app.return_code is None


async def test_ctrl_c_copies_what_is_selected(home: Paths) -> None:
    async with open_desk(home) as desk:
        desk.composer.text = "some words"
        desk.composer.focus()
        desk.composer.select_all()
        await desk.pilot.press("ctrl+c")
        await desk.until(lambda: desk.toasts(), "a toast")
        assert "10 characters" in desk.toasts()[0]


async def test_quit_asks_only_while_an_answer_runs(home: Paths) -> None:
    async with open_desk(home, "one two three four") as desk:
        gate = desk.provider.hold("answer")
        await desk.write("Go.")
        await gate.reached()
        await desk.until(lambda: desk.screen.running is not None, "a running answer")
        await desk.pilot.press("ctrl+q")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm), "the question")
        await desk.pilot.press("n")
        gate.release()
        await desk.until(lambda: desk.screen.running is None, "the end")
        await desk.pilot.press("ctrl+q")
        await desk.until(lambda: desk.app.return_code == 0, "the end of the app")


async def test_a_paste_keeps_its_lines_and_loses_its_escapes(home: Paths) -> None:
    async with open_desk(home) as desk:
        desk.composer.focus()
        desk.composer.post_message(events.Paste("one\r\ntwo\rthree\x1b[31m\n\tfour"))
        await desk.until(lambda: desk.composer.text, "the paste")
        assert desk.composer.text == "one\ntwo\nthree[31m\n\tfour"
        assert desk.composer.size.height == 4
        assert desk.transcript.turns == []


async def test_the_input_grows_to_a_third_of_the_screen(home: Paths) -> None:
    async with open_desk(home) as desk:
        desk.composer.focus()
        await desk.pilot.press(*(["x", "ctrl+j"] * 20))
        assert desk.composer.size.height == 8
        assert desk.transcript.size.height >= 8


async def test_typing_while_a_message_is_sent_loses_nothing(home: Paths) -> None:
    async with open_desk(home) as desk:
        desk.composer.focus()
        for key in [*"first", "enter", *"second"]:  # all of them before any is handled
            desk.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await desk.until(lambda: desk.composer.text == "second" and desk.answers, "both messages")
        assert desk.transcript.turns[0].content == "first"
