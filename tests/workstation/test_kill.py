"""kill -9 in mid-answer, at random moments: what was said is there again, but for the last second."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

from offgrid_tui.chat.model import TurnState
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.workstation import Workstation
from tests.support.scripted import ScriptedProvider

ROOT = Path(__file__).resolve().parent.parent.parent
AT_ONCE = 4
ROUNDS = 6
LOST = 1.0  # seconds of what was told that may be missing afterwards


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.workstation.talker",
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )


Told = dict[str, list[tuple[float, str, str]]]  # answer -> when, channel, text


async def talk_and_die(seconds: float, *arguments: str) -> tuple[list[list[str]], Told, float]:
    """Run a talker, and kill it `seconds` after its first words. What it asked, what it told, when it was killed."""
    child = await start(*arguments)
    assert child.stdout is not None
    lines: list[bytes] = []
    while not any(b'"grew"' in line for line in lines):
        line = await asyncio.wait_for(child.stdout.readline(), 60)
        assert line, "the talker ended by itself"
        lines.append(line)

    async def drain() -> None:
        assert child.stdout is not None
        while line := await child.stdout.readline():
            lines.append(line)

    draining = asyncio.create_task(drain())
    await asyncio.sleep(seconds)
    killed = time.monotonic()
    child.send_signal(signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    await draining

    asked: list[list[str]] = []
    told: Told = defaultdict(list)
    for line in lines:
        if not line.endswith(b"\n"):
            continue
        kind, *words = json.loads(line)
        if kind == "asked":
            asked.append(words)
        else:
            turn, when, channel, text = words
            told[turn].append((when, channel, text))
    return asked, told, killed


async def test_nothing_older_than_a_second_is_lost(home: Paths) -> None:
    chance = random.Random(20)
    deaths = 0
    for _ in range(ROUNDS):
        ends = await asyncio.gather(*(talk_and_die(chance.uniform(0, 3)) for _ in range(AT_ONCE)))
        station = await Workstation.open(home, Settings(), provider=ScriptedProvider("on we go"))
        for asked, told, killed in ends:
            deaths += 1
            for conversation, user, answer in asked:
                turns = await station.chat.branch(conversation)
                assert [turn.id for turn in turns] == [user, answer]
                assert turns[0].content == "Say a lot"
                assert turns[1].state is TurnState.STOPPED
                for channel, saved in (("answer", turns[1].content), ("thinking", turns[1].thinking)):
                    pieces = [(when, text) for when, told_on, text in told[answer] if told_on == channel]
                    assert "".join(text for _, text in pieces).startswith(saved)
                    old = "".join(text for when, text in pieces if when < killed - LOST)
                    assert saved.startswith(old), f"lost {len(old) - len(saved)} characters older than {LOST} s"
        conversation, _, answer = ends[0][0][0]
        user, _ = await station.chat.ask(conversation, "And now?", model="/models/scripted.gguf")
        assert user.parent == answer
        await station.close()
    assert deaths == AT_ONCE * ROUNDS
