"""Clients that go away, that don't read, that send nonsense, that speak another version, or that are not ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.codec import decode, encode
from offgrid_tui.engine.contract import VERSION, Cancel, Done, ErrorCode, Hello, Loaded, Ping, Prefill, StopReason, Text
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.peer import peer_of
from offgrid_tui.engine.host.server import Host
from offgrid_tui.engine.host.start import connect, connect_or_start
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from tests.engine.asking import answer, question, words
from tests.engine.bench import Bench
from tests.engine.conftest import LONG_TEXT, eventually, new_client, processes_of, workers_of
from tests.support.models import RECITATION


async def running_jobs(client: EngineClient) -> int:
    report = await client.status()
    assert report is not None
    return sum(worker.running + worker.waiting for worker in report.workers)


async def until_text(client: EngineClient, model: Path) -> object:
    events = client.generate(question(model))
    async for event in events:
        if isinstance(event, Text):
            return events
    raise AssertionError("no text came")


@pytest.mark.parametrize("how", ["close the iterator", "cancel the task", "hang up"])
async def test_an_answer_nobody_waits_for_is_cancelled(
    client: EngineClient, engine_home: Paths, long_reciter: Path, how: str
) -> None:
    leaver = new_client(engine_home)
    if how == "cancel the task":
        begun = asyncio.Event()

        async def ask() -> None:
            async for event in leaver.generate(question(long_reciter)):
                if isinstance(event, Text):
                    begun.set()

        task = asyncio.create_task(ask())
        await begun.wait()
        assert await running_jobs(client) == 1
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    else:
        events = await until_text(leaver, long_reciter)
        assert await running_jobs(client) == 1
        if how == "hang up":
            await leaver.close()
        await events.aclose()  # type: ignore[attr-defined]
    deadline = asyncio.get_running_loop().time() + 30
    while await running_jobs(client):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    await leaver.close()
    assert words(await answer(client, question(long_reciter))) == LONG_TEXT


async def test_cancel_lets_the_figures_come(client: EngineClient, long_reciter: Path) -> None:
    request = question(long_reciter)
    came = []
    async for event in client.generate(request):
        came.append(event)
        if isinstance(event, Text):
            client.cancel(request.id)
    assert isinstance(came[-1], Done)
    assert came[-1].stop_reason is StopReason.CANCELLED
    assert came[-1].completion_tokens > 0
    assert LONG_TEXT.startswith(words(came)) and words(came) != LONG_TEXT


async def test_cancel_while_loading_ends_the_answer_and_the_load(client: EngineClient, long_reciter: Path) -> None:
    request = question(long_reciter)
    came = []
    async for event in client.generate(request):
        came.append(event)
        client.cancel(request.id)
    assert isinstance(came[-1], Done) and came[-1].stop_reason is StopReason.CANCELLED
    assert not words(came)
    assert words(await answer(client, question(long_reciter))) == LONG_TEXT


async def test_cancel_in_the_prompt(client: EngineClient, long_reciter: Path) -> None:
    await answer(client, question(long_reciter, max_tokens=1))
    request = question(long_reciter, "Long. " * 1000)
    came = []
    async for event in client.generate(request):
        came.append(event)
        if isinstance(event, Prefill):
            client.cancel(request.id)
    assert isinstance(came[-1], Done) and came[-1].stop_reason is StopReason.CANCELLED


async def test_cancels_at_random_moments_leave_nothing_behind(client: EngineClient, long_reciter: Path) -> None:
    chance = random.Random(7)
    await answer(client, question(long_reciter, max_tokens=1))

    async def ask_and_leave() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(chance.random() * 0.5):
                async for _ in client.generate(question(long_reciter)):
                    pass

    await asyncio.gather(*(ask_and_leave() for _ in range(50)))
    deadline = asyncio.get_running_loop().time() + 60
    while await running_jobs(client):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    assert words(await answer(client, question(long_reciter))) == LONG_TEXT


async def test_a_client_that_does_not_read_holds_up_nobody(
    client: EngineClient, engine_home: Paths, long_reciter: Path, reciter: Path
) -> None:
    line = await connect_or_start(engine_home)
    line.reader._transport.pause_reading()  # type: ignore[attr-defined]  # as a stopped program would
    for _ in range(8):
        line.writer.write(encode(question(long_reciter)))
    for _ in range(3):
        assert words(await answer(client, question(reciter))) == RECITATION
    line.reader._transport.resume_reading()  # type: ignore[attr-defined]
    text: dict[str, str] = {}
    done = 0
    while done < 8:
        event = decode(await line.reader.readuntil(b"\n"))
        if isinstance(event, Text):
            text[event.id] = text.get(event.id, "") + event.text
        done += isinstance(event, Done)
    assert set(text.values()) == {LONG_TEXT}, "what had to wait came whole"
    line.writer.close()


async def test_who_asks_without_end_and_never_reads_is_dropped(client: EngineClient, engine_home: Paths) -> None:
    line = await connect_or_start(engine_home)
    line.reader._transport.pause_reading()  # type: ignore[attr-defined]
    pings = b"".join(encode(Ping(str(number))) for number in range(10_000))
    with contextlib.suppress(OSError):
        for _ in range(50):
            line.writer.write(pings)
            await line.writer.drain()
    report = await client.status()
    assert report is not None
    deadline = asyncio.get_running_loop().time() + 60
    while (report := await client.status()) is None or report.clients > 1:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)
    line.writer.transport.abort()


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"\n",
        b"{}\n",
        b"[1, 2]\n",
        b"null\n",
        b"\xff\xfe\x00\n",
        b'{"v": 1, "type": "Generate", "id": 7}\n',
        b'{"v": 99, "type": "Ping", "id": "x"}\n',
        b'{"v": 1, "type": "Done"}\n',
        b'{"v": 1, "type": "Loaded", "id": "x"}\n',
        b'{"v": 1, "type": "Ping", "id": "x", "extra": 1}\n',
        b"[" * 100_000 + b"\n",
        b'{"v": 1, "type": "Load", "id": "x", "model": {"a": []}}\n',
        os.urandom(4096).replace(b"\n", b"") + b"\n",
    ],
    ids=lambda line: line[:24].decode("latin-1"),
)
async def test_nonsense_ends_that_line_only(client: EngineClient, engine_home: Paths, line: bytes) -> None:
    first = await connect_or_start(engine_home)
    await first.reader.readuntil(b"\n")
    first.writer.write(line)
    reply = decode(await first.reader.readuntil(b"\n"))
    assert getattr(reply, "code", None) is ErrorCode.PROTOCOL
    assert await first.reader.read() == b""
    first.writer.close()
    report = await client.status()
    assert report is not None and report.clients == 1


async def test_an_id_twice_ends_that_line_only(client: EngineClient, engine_home: Paths, long_reciter: Path) -> None:
    line = await connect_or_start(engine_home)
    request = question(long_reciter)
    line.writer.write(encode(request) + encode(request))
    events = [decode(each) for each in (await line.reader.read()).splitlines()]
    assert any(getattr(event, "code", None) is ErrorCode.PROTOCOL for event in events)
    line.writer.close()
    report = await client.status()
    assert report is not None and report.clients == 1


async def test_cancels_and_pings_for_nothing(client: EngineClient, engine_home: Paths) -> None:
    line = await connect_or_start(engine_home)
    assert isinstance(decode(await line.reader.readuntil(b"\n")), Hello)
    line.writer.write(encode(Cancel("nobody")) + encode(Ping("here?")))
    assert getattr(decode(await line.reader.readuntil(b"\n")), "id", None) == "here?"
    line.writer.close()


async def test_the_socket_is_the_users_alone(client: EngineClient, engine_home: Paths, reciter: Path) -> None:
    await answer(client, question(reciter))
    assert engine_home.socket.stat().st_mode & 0o777 == 0o600
    assert engine_home.runtime.stat().st_mode & 0o777 == 0o700


async def test_the_kernel_says_who_is_there() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_of(ours).uid == os.getuid()
        assert peer_of(ours).pid == os.getpid()


async def test_another_user_is_turned_away(engine_home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared is the kernel's word on the peer and our own user id; here we are somebody else."""
    line = await connect_or_start(engine_home)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        with pytest.raises(EngineError) as caught:
            await connect(engine_home)
    assert caught.value.code is ErrorCode.PROTOCOL
    assert str(engine_home.runtime) in caught.value.mend
    line.writer.close()


async def test_the_host_turns_another_user_away(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.socket(socket.AF_UNIX)
    address = Path(tempfile.mkdtemp(prefix="og-")) / "s"
    listener.bind(str(address))
    listener.listen()
    host = Host(bench.pool, bench.around)
    serving = asyncio.create_task(host.serve(listener))
    reader, writer = await asyncio.open_unix_connection(address)
    assert isinstance(decode(await reader.readuntil(b"\n")), Hello)
    writer.close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        reader, writer = await asyncio.open_unix_connection(address)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
    host.end()
    await serving
    shutil.rmtree(address.parent)


@pytest.mark.parametrize("keep_alive", ["0", "0.5"])
async def test_an_idle_host_ends_after_keep_alive(
    engine_home: Paths, reciter: Path, monkeypatch: pytest.MonkeyPatch, keep_alive: str
) -> None:
    monkeypatch.setenv("OFFGRID_ENGINE_KEEP_ALIVE", keep_alive)
    client = new_client(engine_home)
    assert words(await answer(client, question(reciter))) == RECITATION
    assert processes_of(engine_home)
    await client.close()
    await eventually(lambda: not processes_of(engine_home))
    assert not engine_home.socket.exists()


async def test_an_idle_model_is_unloaded_while_a_client_stays(
    engine_home: Paths, reciter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGRID_ENGINE_KEEP_ALIVE", "0.5")
    client = new_client(engine_home)
    await answer(client, question(reciter))
    await eventually(lambda: not workers_of(engine_home))
    while (report := await client.status()) is not None and report.workers:
        await asyncio.sleep(0.02)
    assert report is not None, "the host stays"
    assert words(await answer(client, question(reciter))) == RECITATION
    await client.close()


async def test_keep_alive_can_be_changed_while_the_host_runs(engine_home: Paths, reciter: Path) -> None:
    client = new_client(engine_home)
    await answer(client, question(reciter))
    engine_home.settings_file.parent.mkdir(parents=True, exist_ok=True)
    engine_home.settings_file.write_text("[engine]\nkeep_alive = 0.2\n")
    await client.close()
    await eventually(lambda: not processes_of(engine_home))


async def test_sigterm_ends_the_host_and_its_workers(client: EngineClient, engine_home: Paths, reciter: Path) -> None:
    await answer(client, question(reciter))
    report = await client.status()
    assert report is not None
    os.kill(report.pid, signal.SIGTERM)
    await eventually(lambda: not processes_of(engine_home))


async def test_a_host_that_hangs_is_ended_by_stop(engine_home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offgrid_tui.engine.client.HELLO_DEADLINE", 1.0)
    monkeypatch.setattr("offgrid_tui.engine.host.outside.HELLO_DEADLINE", 1.0)
    monkeypatch.setattr("offgrid_tui.engine.host.outside.END_DEADLINE", 1.0)
    line = await connect_or_start(engine_home)
    assert line.peer.pid is not None
    os.kill(line.peer.pid, signal.SIGSTOP)
    line.writer.close()
    client = EngineClient(engine_home, load_settings(engine_home))
    assert await client.stop_host()
    await eventually(lambda: not processes_of(engine_home))
    await client.close()


class OldHost:
    """What a host of another protocol version would say, on the real socket."""

    def __init__(self, paths: Paths, running: int) -> None:
        self.paths = paths
        self.running = running
        self.shut_down = asyncio.Event()

    async def __aenter__(self) -> OldHost:
        self.paths.runtime.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.server = await asyncio.start_unix_server(self.talk, self.paths.socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.paths.socket.unlink(missing_ok=True)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(**fields: object) -> None:
            writer.write(json.dumps({"v": VERSION + 1, **fields}).encode() + b"\n")

        say(type="Hello", process="host", pid=os.getpid(), news="something later")
        while line := await reader.readline():
            request = json.loads(line)
            assert request.pop("v") == VERSION + 1, "it is spoken to in its own version"
            if request["type"] == "Status":
                workers = [{"running": self.running, "waiting": 0, "later": 1}]
                say(type="StatusReport", id=request["id"], clients=1, workers=workers)
            elif request["type"] == "Shutdown":
                self.server.close()
                self.paths.socket.unlink()
                say(type="Ok", id=request["id"])
                self.shut_down.set()
                break
        writer.close()


async def test_an_idle_host_of_another_version_is_replaced(engine_home: Paths, reciter: Path) -> None:
    async with OldHost(engine_home, running=0) as old:
        client = new_client(engine_home)
        assert words(await answer(client, question(reciter))) == RECITATION
        assert old.shut_down.is_set()
        await client.stop_host()
        await client.close()


async def test_a_busy_host_of_another_version_is_left_alone(engine_home: Paths, reciter: Path) -> None:
    async with OldHost(engine_home, running=1) as old:
        client = new_client(engine_home)
        with pytest.raises(EngineError) as caught:
            await answer(client, question(reciter))
        assert caught.value.code is ErrorCode.PROTOCOL
        assert not old.shut_down.is_set()
        await client.close()


async def test_loaded_is_told_to_everybody(client: EngineClient, engine_home: Paths, long_reciter: Path) -> None:
    """Clients that wait for one load all get its progress and its end."""
    others = [new_client(engine_home) for _ in range(3)]
    answers = await asyncio.gather(*(answer(each, question(long_reciter)) for each in (client, *others)))
    assert all(words(each) == LONG_TEXT for each in answers)
    assert all(any(isinstance(event, Loaded) for event in each) for each in answers)
    assert len(workers_of(engine_home)) == 1
    for other in others:
        await other.close()
