"""A workstation that answers until it is killed, and says on stdout what it told and when.

    python -m tests.workstation.talker [MODEL]

Without MODEL the answers are scripted. Each line of stdout is a JSON list: ["asked", conversation, user, answer] once
both turns are on disk, then ["grew", answer, time, text] for each piece, at the moment in which the bus was told.
Times are seconds of the clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from offgrid_tui.chat.events import AnswerEnded, AnswerGrew
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.workstation import Workstation
from tests.support.scripted import Script, ScriptedProvider


def say(*words: object) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")  # at once, whole: the process may not live to flush


async def main(model: str | None) -> None:
    paths = Paths.from_environment()
    script = Script(" ".join(f"word{i}" for i in range(20_000)), thinking="hm " * 40, delay=0.004)
    provider = None if model else ScriptedProvider(script)
    station = await Workstation.open(paths, load_settings(paths), provider=provider)
    station.bus.subscribe(AnswerGrew, lambda e: say("grew", e.turn_id, time.monotonic(), e.channel, e.text))
    ended = asyncio.Event()
    station.bus.subscribe(AnswerEnded, lambda _: ended.set())
    while True:
        conversation = await station.chat.create()
        user, answer = await station.chat.ask(conversation.id, "Say a lot", model=model or "/models/scripted.gguf")
        say("asked", conversation.id, user.id, answer.id)
        await ended.wait()
        ended.clear()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:], *[None] * (2 - len(sys.argv))))
