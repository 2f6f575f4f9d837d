"""The process and its pipes: the protocol alone on stdout, an end with the input, an answer at any load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from offgrid_tui.engine.codec import encode
from offgrid_tui.engine.contract import (
    Error,
    ErrorCode,
    Generate,
    Hello,
    Load,
    LoadOptions,
    Message,
    Ok,
    Ping,
    Prefill,
    Shutdown,
    Unload,
)
from tests.support import models
from tests.support.engine import engine_python
from tests.support.worker import DEADLINE, GREEDY, OPTIONS, worker

ROOT = Path(__file__).parents[2]


def test_hello_comes_first_and_says_who_speaks() -> None:
    with worker() as process:
        hello = process.events[0]
        assert isinstance(hello, Hello)
        assert hello.process == "worker"
        assert hello.pid == process.process.pid
        assert hello.engine.startswith("llama-cpp-python ")
        assert "CPU" in hello.backends


def test_what_a_library_prints_does_not_reach_the_protocol(random_model: Path, tmp_path: Path) -> None:
    """From the import of llama_cpp on, a thread prints to descriptor 1 and reads descriptor 0."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys, threading\n"
        "def noise():\n"
        "    while True:\n"
        "        os.write(1, b'noise from C\\n'); print('noise from Python', flush=True); os.read(0, 100)\n"
        "        threading.Event().wait(0.01)\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'llama_cpp':\n"
        "            threading.Thread(target=noise, daemon=True).start()\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    with worker(random_model, PYTHONPATH=str(tmp_path)) as process:
        answers = [process.generate(f"Hello {i}") for i in range(5)]
        assert all(answer.done.completion_tokens == 32 for answer in answers)
        assert process.bad_lines == []
        process.close_input()
        process.wait_end()
        assert b"noise from C" in process.printed
        assert b"noise from Python" in process.printed


def test_the_end_of_the_input_is_the_end_at_once(random_model: Path) -> None:
    with worker(random_model) as process:
        id = process.ask("Go on", replace(GREEDY, max_tokens=1900))
        process.first_text(id)
        process.close_input()
        assert process.wait_end() == 0


def test_shutdown_is_answered(random_model: Path) -> None:
    with worker(random_model) as process:
        process.send(Shutdown("bye"))
        assert process.wait_end() == 0
        assert process.events[-1] == Ok("bye")


def test_nobody_reads_any_more(random_model: Path) -> None:
    endless = Generate("g", "m", (Message("user", "Go on"),), sampling=replace(GREEDY, max_tokens=1900))
    command = [engine_python(), "-m", "offgrid_tui.engine.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(encode(Load("load", str(random_model), OPTIONS)) + encode(endless))
        process.stdin.flush()
        while b'"Text"' not in process.stdout.readline():
            pass
        process.stdout.close()
        assert process.wait(DEADLINE) == 0


def test_what_is_no_request_is_answered_and_survived() -> None:
    with worker() as process:
        bad = [
            b"\n",
            b"{}\n",
            b"\xff\xfe\n",
            b'{"v":1,"type":"Hello"}\n',
            b'{"v":9,"type":"Ping","id":"x"}\n',
            b"[1]\n",
        ]
        bad += [b"[" * 100_000 + b"\n", encode(Ok("x"))]
        for line in bad:
            process.send_raw(line)
        process.send(Unload("unload"), Ping("alive"))
        process.wait_event(Ok, "alive")
        errors = [event for event in process.events if isinstance(event, Error)]
        assert [error.code for error in errors[:-1]] == [ErrorCode.PROTOCOL] * len(bad)
        assert (errors[-1].id, errors[-1].code) == ("unload", ErrorCode.UNSUPPORTED)


def test_an_id_is_used_once_at_a_time(random_model: Path) -> None:
    with worker(random_model) as process:
        id = process.ask("Go on", replace(GREEDY, max_tokens=1000))
        first = process.first_text(id)
        process.send(Generate(id, "model", (Message("user", "Again"),)))
        assert process.wait_event(Error).code is ErrorCode.PROTOCOL
        process.cancel(id)
        assert process.answer(id).done.completion_tokens >= first.tokens


def test_a_ping_is_answered_in_mid_prompt(tmp_path: Path) -> None:
    model = models.reciter_model(tmp_path, "Slowly.", layers=6, width=1024)
    with worker(model, replace(OPTIONS, batch=1024)) as process:
        id = process.ask("Read this. " * 90)
        process.in_prompt(id)
        process.send(Ping("still there?"))
        process.wait_event(Ok, "still there?")
        read = max(event.done for event in process.events if isinstance(event, Prefill) and event.id == id)
        assert read == 0
        process.cancel(id)
        process.answer(id)


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise ImportError('libllama.so: cannot open shared object file')\n")
    result = subprocess.run(
        [sys.executable, "-m", "offgrid_tui.engine.worker"],
        input=b"",
        capture_output=True,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
        timeout=DEADLINE,
        check=False,
    )
    assert result.returncode == 1
    assert b'"engine_missing"' in result.stdout
    assert b"libllama.so" in result.stdout


def test_threads_are_chosen_from_what_there_is(random_model: Path) -> None:
    with worker() as process:
        loaded = process.load(random_model, LoadOptions(context=256))
        assert 1 <= loaded.threads <= loaded.threads_batch
