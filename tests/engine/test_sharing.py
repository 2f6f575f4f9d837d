"""One host for each home, one worker for each model, shared by everybody."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import Count, Done, ErrorCode, Load, Loaded, LoadOptions, LoadProgress, Message
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.launch import PACKAGE_PARENT
from offgrid_tui.system.paths import Paths
from tests.engine.asking import answer, question, words
from tests.engine.conftest import eventually, new_client, processes_of, workers_of
from tests.support.models import RECITATION


async def test_two_clients_share_one_worker(client: EngineClient, engine_home: Paths, reciter: Path) -> None:
    other = new_client(engine_home)
    first, second = await asyncio.gather(answer(client, question(reciter)), answer(other, question(reciter)))
    assert words(first) == words(second) == RECITATION
    report = await client.status()
    assert report is not None
    assert report.clients == 2
    assert [worker.state for worker in report.workers] == ["ready"]
    assert len(workers_of(engine_home)) == 1
    await other.close()


async def test_a_second_question_needs_no_load(client: EngineClient, reciter: Path) -> None:
    first = await answer(client, question(reciter))
    second = await answer(client, question(reciter))
    assert any(isinstance(event, LoadProgress) for event in first)
    assert not any(isinstance(event, LoadProgress) for event in second)
    loads = [event for event in (*first, *second) if isinstance(event, Loaded)]
    assert [event.reused for event in loads] == [False, True]
    done = [event for event in (*first, *second) if isinstance(event, Done)]
    assert done[0].load_ms > 0
    assert done[1].load_ms == 0
    assert done[0].ttft_ms is not None and done[0].ttft_ms >= done[0].load_ms


async def test_events_come_in_order_and_name_the_request(client: EngineClient, reciter: Path) -> None:
    request = question(reciter)
    events = await answer(client, request)
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("Loaded") < kinds.index("Text") < kinds.index("Done") == len(kinds) - 1
    assert {getattr(event, "id", None) for event in events} == {request.id}


async def test_five_programs_that_start_at_once_get_one_host(engine_home: Paths) -> None:
    program = (
        "import asyncio\n"
        "from offgrid_tui.engine.client import EngineClient\n"
        "from offgrid_tui.engine.host.start import connect_or_start\n"
        "from offgrid_tui.system.paths import Paths\n"
        "async def main():\n"
        "    line = await connect_or_start(Paths.from_environment())\n"
        "    print(line.peer.pid, flush=True)\n"
        "    await asyncio.to_thread(input)\n"
        "asyncio.run(main())\n"
    )
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=-1, stdout=-1, env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)}
        )
        for _ in range(5)
    ]
    pids = {(await child.stdout.readline()).strip() for child in children if child.stdout}
    assert len(pids) == 1 and pids != {b""}
    for child in children:
        await child.communicate(b"\n")
    await eventually(lambda: len(processes_of(engine_home)) == 1)


async def test_three_models_at_once_and_each_answers(client: EngineClient, reciter: Path, random_model: Path) -> None:
    requests = [question(reciter), question(random_model, max_tokens=8), question(reciter)]
    answers = await asyncio.gather(*(answer(client, request) for request in requests))
    assert words(answers[0]) == words(answers[2]) == RECITATION
    report = await client.status()
    assert report is not None and len(report.workers) == 2


async def test_two_names_of_a_file_are_one_model(client: EngineClient, reciter: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(reciter)
    await answer(client, question(reciter))
    events = await answer(client, question(link))
    loaded = next(event for event in events if isinstance(event, Loaded))
    assert loaded.reused
    assert loaded.model == str(link), "a client gets the name that it asked for"


async def test_other_options_reload_an_idle_model(client: EngineClient, reciter: Path) -> None:
    for context in (512, 1024):
        events = await answer(client, question(reciter, options=LoadOptions(context=context)))
        assert next(event for event in events if isinstance(event, Loaded)).context == context
    unasked = await answer(client, question(reciter))
    loaded = next(event for event in unasked if isinstance(event, Loaded))
    assert loaded.reused and loaded.context == 1024, "who asks for nothing takes what is there"


async def test_other_options_for_a_model_at_work_are_refused(
    client: EngineClient, engine_home: Paths, long_reciter: Path
) -> None:
    running = client.generate(question(long_reciter))
    async for event in running:
        if isinstance(event, Loaded):
            break
    other = new_client(engine_home)
    with pytest.raises(EngineError) as caught:
        await answer(other, question(long_reciter, options=LoadOptions(context=512)))
    assert caught.value.code is ErrorCode.BUSY
    assert "context" in caught.value.detail and "512" in caught.value.detail
    assert f"process {os.getpid()}" in caught.value.detail
    await running.aclose()
    await other.close()


async def test_a_replaced_file_is_loaded_anew(client: EngineClient, tmp_path: Path, reciter: Path) -> None:
    from tests.support.models import reciter_model

    path = tmp_path / "model.gguf"
    path.write_bytes(reciter.read_bytes())
    assert words(await answer(client, question(path))) == RECITATION
    reciter_model(tmp_path, "Another text.", name="other").replace(path)
    assert words(await answer(client, question(path))) == "Another text."


async def test_load_and_count_and_unload(client: EngineClient, engine_home: Paths, reciter: Path) -> None:
    events = [event async for event in client.load(Load("load", str(reciter)))]
    assert isinstance(events[-1], Loaded) and not events[-1].reused
    count = await client.count(Count("count", str(reciter), (Message("user", "Hello"),)))
    longer = await client.count(Count("count", str(reciter), (Message("user", "Hello and good morning"),)))
    assert 0 < count < longer
    await client.unload(str(reciter))
    report = await client.status()
    assert report is not None and report.workers == ()
    assert not workers_of(engine_home)


async def test_the_second_load_says_how_long_the_first_took(client: EngineClient, reciter: Path) -> None:
    await answer(client, question(reciter))
    await client.unload()
    events = await answer(client, question(reciter))
    progress = next(event for event in events if isinstance(event, LoadProgress))
    assert progress.expected_ms is not None and progress.expected_ms > 0


async def test_status_starts_nothing(engine_home: Paths) -> None:
    client = new_client(engine_home)
    assert await client.status() is None
    assert not await client.stop_host()
    assert not processes_of(engine_home)
    await client.close()
