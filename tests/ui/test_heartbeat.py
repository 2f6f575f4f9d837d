"""The pulse: whose answer it shows, and what it knows while that answer comes."""

from __future__ import annotations

from offgrid_tui.chat.events import AnswerProgressed
from offgrid_tui.chat.model import Figures, Turn, TurnState
from offgrid_tui.ui.frame.heartbeat import Heartbeat
from offgrid_tui.ui.frame.pulse import Activity, Pulse
from offgrid_tui.ui.messages import AnswerAdvanced, AnswerFinished, TextArrived, TurnCame


def answer(id: str, state: TurnState = TurnState.RUNNING) -> Turn:
    error = "It broke" if state is TurnState.FAILED else None
    figures = Figures(prompt_tokens=40, completion_tokens=9)
    return Turn(id, "chat", None, "assistant", "", 1.0, state, figures=figures, error=error)


def reading(id: str, tokens: int = 40) -> AnswerAdvanced:
    return AnswerAdvanced(AnswerProgressed(id, "chat", "prompt", 0.5, 10.0, tokens=tokens, cached=0))


def text(id: str, tokens: int, elapsed_ms: float) -> TextArrived:
    return TextArrived(id, "chat", "", 0, "word ", 0, tokens, elapsed_ms)


def test_the_context_grows_with_the_answer() -> None:
    pulse = Pulse(model="m", context_size=100)
    heart = Heartbeat(pulse)
    heart.take(reading("a"))
    assert (pulse.activity, pulse.context_used) == (Activity.READING, 40)
    heart.take(text("a", 7, 100.0))
    assert (pulse.activity, pulse.context_used) == (Activity.ANSWERING, 47)
    heart.take(AnswerFinished(answer("a", TurnState.COMPLETE)))
    assert (pulse.activity, pulse.context_used) == (Activity.IDLE, 49)


def test_what_another_workstation_answers_is_not_ours() -> None:
    pulse = Pulse(model="m", activity=Activity.IDLE, rate=41.8)
    heart = Heartbeat(pulse)
    heart.take(TurnCame(answer("theirs")))
    heart.take(AnswerFinished(answer("theirs", TurnState.FAILED)))
    assert (pulse.activity, pulse.rate) == (Activity.IDLE, 41.8)


def test_the_answer_asked_for_last_is_shown_then_the_one_that_still_runs() -> None:
    pulse = Pulse(model="m")
    heart = Heartbeat(pulse)
    heart.take(text("first", 5, 100.0))
    heart.take(reading("second", tokens=70))
    heart.take(text("first", 50, 900.0))
    assert (pulse.activity, pulse.context_used) == (Activity.READING, 70)
    heart.take(AnswerFinished(answer("second", TurnState.STOPPED)))
    assert pulse.activity is Activity.WAITING
    heart.take(text("first", 60, 1000.0))
    assert pulse.activity is Activity.ANSWERING
    heart.take(AnswerFinished(answer("first", TurnState.COMPLETE)))
    assert pulse.activity is Activity.IDLE


def test_what_comes_late_does_not_begin_an_answer_again() -> None:
    pulse = Pulse(model="m")
    heart = Heartbeat(pulse)
    heart.take(reading("a"))
    heart.take(AnswerFinished(answer("a", TurnState.FAILED)))
    heart.take(text("a", 3, 50.0))
    assert pulse.activity is Activity.FAILED
