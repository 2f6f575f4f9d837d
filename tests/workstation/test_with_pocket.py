"""Conversations whose words mean something, with the model that ships."""

from __future__ import annotations

import re
from pathlib import Path

from offgrid_tui.chat.guide import guide
from offgrid_tui.chat.model import TurnState
from offgrid_tui.workstation import Workstation
from tests.workstation.test_with_engine import Ear


async def ask(station: Workstation, ear: Ear, conversation: str, text: str) -> str:
    model = guide()
    assert model is not None
    _, answer = await station.chat.ask(conversation, text, model=model, sampling=station.sampling(model))
    ended = await ear.ended(answer)
    assert ended.state is TurnState.COMPLETE and ended.figures.stop_reason == "end"
    assert ended.model_name == "Pocket" and ended.quantisation == "Q8_0"
    return ended.content


async def test_it_answers_from_the_help_and_the_prefix_is_kept(station: Workstation) -> None:
    ear = Ear(station)
    conversation = (await station.chat.create()).id
    assert re.search(r"ctrl\+c", await ask(station, ear, conversation, "How do I stop an answer?"))
    assert re.search(r"ctrl\+p", await ask(station, ear, conversation, "Which key opens the palette?"))
    last = (await station.chat.branch(conversation))[-1]
    assert (last.figures.cached_tokens or 0) > 0, "the first question was read once"


async def test_the_same_question_has_the_same_answer(station: Workstation) -> None:
    ear = Ear(station)
    answers = set()
    for _ in range(2):
        answers.add(await ask(station, ear, (await station.chat.create()).id, "What is off-grid mode?"))
    assert len(answers) == 1 and Path(guide() or "").name == "pocket.gguf"
