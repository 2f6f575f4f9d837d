"""`offgrid ask`, `offgrid stop` and `offgrid engine` as somebody types them: real processes, real pipes, a real pty."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offgrid_tui.engine.launch import PACKAGE_PARENT
from offgrid_tui.foundation.text import clean
from offgrid_tui.system.paths import Paths
from tests.engine.conftest import LONG_TEXT, workers_of
from tests.support.models import RECITATION, reciter_model

OFFGRID = (sys.executable, "-m", "offgrid_tui")
KEYS = {
    "text",
    "thinking",
    "model",
    "architecture",
    "quantisation",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "ttft_ms",
    "prefill_tps",
    "decode_tps",
    "load_ms",
    "stop_reason",
}


def offgrid(*words: str | Path, input: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*OFFGRID, *map(str, words)],
        input=input,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=PACKAGE_PARENT,
    )


def test_the_answer_on_stdout_and_nothing_else(engine_home: Paths, reciter: Path) -> None:
    done = offgrid("ask", "Hello", "--model", reciter)
    assert (done.returncode, done.stdout) == (0, RECITATION + "\n")
    assert "loading" in done.stderr
    again = offgrid("ask", "Hello", "--model", reciter)
    assert (again.returncode, again.stdout) == (0, RECITATION + "\n")
    assert "loading" not in again.stderr, "the second question needs no load"
    assert offgrid("stop").stdout == "The engine has ended.\n"
    assert offgrid("stop").stdout == "No engine is running.\n"


def test_a_question_from_stdin(engine_home: Paths, reciter: Path) -> None:
    done = offgrid("ask", "-", "--model", reciter, input="What is\na noble gas?\n")
    assert (done.returncode, done.stdout) == (0, RECITATION + "\n")


def test_json_has_exactly_these_keys(engine_home: Paths, reciter: Path) -> None:
    first = json.loads(offgrid("ask", "Hello", "--model", reciter, "--json").stdout)
    second = json.loads(offgrid("ask", "Hello", "--model", reciter, "--json").stdout)
    assert set(first) == set(second) == KEYS
    assert first["text"] == RECITATION and first["model"] == str(reciter)
    assert first["architecture"] == "llama" and first["stop_reason"] == "end"
    assert first["load_ms"] > 0 and second["load_ms"] == 0
    assert second["cached_tokens"] > 0 and first["completion_tokens"] == second["completion_tokens"] > 20


def test_the_flags_reach_the_engine(engine_home: Paths, random_model: Path) -> None:
    def ask(*flags: str) -> dict[str, object]:
        done = offgrid("ask", "Tell me", "--model", random_model, "--json", "--max-tokens", "12", *flags)
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    greedy = ask("--temperature", "0")
    assert greedy["completion_tokens"] == 12 and greedy["stop_reason"] == "length"
    assert ask("--temperature", "0")["text"] == greedy["text"]
    assert ask("--temperature", "2", "--seed", "5")["text"] == ask("--temperature", "2", "--seed", "5")["text"]
    assert ask("--temperature", "0", "--system", "Be brief")["prompt_tokens"] != greedy["prompt_tokens"]
    assert ask("--context", "256")["load_ms"] != 0


def test_thinking_is_kept_apart(engine_home: Paths, tmp_path: Path) -> None:
    model = reciter_model(tmp_path, "Forty-two.", thinking="Let me see", name="thinker")
    done = offgrid("ask", "Hello", "--model", model)
    assert done.stdout == "Forty-two.\n"
    found = json.loads(offgrid("ask", "Hello", "--model", model, "--json").stdout)
    assert (found["text"], found["thinking"].strip()) == ("Forty-two.", "Let me see")


def test_without_a_model_the_last_one_answers_and_before_it_the_guide(engine_home: Paths, reciter: Path) -> None:
    first = offgrid("ask", "Hello")
    assert first.returncode == 0 and "Pocket, the guide, answers" in first.stderr and first.stdout.strip()
    assert offgrid("ask", "Hello", "--model", reciter).returncode == 0
    assert offgrid("ask", "Hello again").stdout == RECITATION + "\n"


def test_the_model_of_the_settings_answers(engine_home: Paths, reciter: Path) -> None:
    engine_home.settings_file.parent.mkdir(parents=True, exist_ok=True)
    engine_home.settings_file.write_text(f"[chat]\nmodel = {str(reciter)!r}\n")
    assert offgrid("ask", "Hello").stdout == RECITATION + "\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("ask", "Hello", "--model", "/nonexistent.gguf"), 3, "There is no file"),
        (("ask", "Hello", "--model", __file__), 7, "not a GGUF"),
        (("ask", "Hello", "--model", "/"), 3, "is a folder"),
        (("ask", "  ", "--model", "x"), 2, "no question"),
        (("ask",), 2, "question"),
        (("ask", "Hello", "--temperature", "hot"), 2, "temperature"),
        (("ask", "Hello", "--model", "x", "--temperature", "-3"), 2, ""),
        (("ask", "Hello", "--model", "x", "--context", "1"), 2, ""),
        (("engine", "log", "--host"), 3, "Nothing was logged"),
        (("engine", "build", "--backend", "abacus"), 2, "abacus"),
    ],
)
def test_errors_have_exit_codes_and_say_what_to_do(
    engine_home: Paths, words: tuple[str, ...], code: int, says: str
) -> None:
    done = offgrid(*words)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert says in done.stderr and "Traceback" not in done.stderr


def test_a_broken_engine_is_told_and_not_built_around(
    home: Paths, reciter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGRID_ENGINE_PYTHON", "/bin/false")
    done = offgrid("ask", "Hello", "--model", reciter)
    assert done.returncode == 5 and "engine.python" in done.stderr
    assert not home.engines.exists()
    offgrid("stop")


def test_ctrl_c_keeps_what_came(engine_home: Paths, long_reciter: Path) -> None:
    offgrid("ask", "Hello", "--model", long_reciter, "--max-tokens", "1")
    asking = subprocess.Popen(
        [*OFFGRID, "ask", "Hello", "--model", str(long_reciter)], stdout=-1, stderr=-1, cwd=PACKAGE_PARENT
    )
    assert asking.stdout is not None
    came = os.read(asking.stdout.fileno(), 100)
    asking.send_signal(signal.SIGINT)
    rest, complaints = asking.communicate(timeout=60)
    text = (came + rest).decode()
    assert asking.returncode == 130, complaints
    assert text.endswith("\n") and LONG_TEXT.startswith(text.rstrip("\n")) and text.rstrip("\n") != LONG_TEXT
    assert b"Traceback" not in complaints


def test_ctrl_c_in_json_prints_what_came(engine_home: Paths, long_reciter: Path) -> None:
    offgrid("ask", "Hello", "--model", long_reciter, "--max-tokens", "1")
    (worker,) = workers_of(engine_home)
    os.kill(worker, signal.SIGSTOP)  # so that the answer cannot be faster than the signal
    asking = subprocess.Popen(
        [*OFFGRID, "ask", "Hello", "--model", str(long_reciter), "--json"], stdout=-1, stderr=-1, cwd=PACKAGE_PARENT
    )
    wait_until(lambda: _running(engine_home))
    asking.send_signal(signal.SIGINT)
    output, _ = asking.communicate(timeout=60)
    os.kill(worker, signal.SIGCONT)
    assert asking.returncode == 130
    assert json.loads(output)["stop_reason"] == "cancelled"
    assert set(json.loads(output)) == KEYS


def _running(home: Paths) -> bool:
    report = json.loads(offgrid("engine", "info", "--json").stdout)["host"]
    return any(worker["running"] for worker in report["workers"])


def wait_until(fact: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_reader_that_leaves_ends_it_quietly(engine_home: Paths, long_reciter: Path) -> None:
    asking = subprocess.Popen(
        [*OFFGRID, "ask", "Hello", "--model", str(long_reciter)], stdout=-1, stderr=-1, cwd=PACKAGE_PARENT
    )
    assert asking.stdout is not None and asking.stderr is not None
    os.read(asking.stdout.fileno(), 10)
    asking.stdout.close()
    complaints = asking.stderr.read().decode()
    assert asking.wait(60) == 128 + signal.SIGPIPE
    assert "Traceback" not in complaints and "Broken" not in complaints


def test_ask_by_two_programs_at_once_shares_one_worker(engine_home: Paths, reciter: Path) -> None:
    asking = [
        subprocess.Popen(
            [*OFFGRID, "ask", "Hello", "--model", str(reciter)], stdout=-1, stderr=-1, text=True, cwd=PACKAGE_PARENT
        )
        for _ in range(3)
    ]
    assert [program.communicate(timeout=120)[0] for program in asking] == [RECITATION + "\n"] * 3
    assert len(workers_of(engine_home)) == 1


def test_engine_info_and_log(engine_home: Paths, reciter: Path) -> None:
    offgrid("ask", "Hello", "--model", reciter)
    found = json.loads(offgrid("engine", "info", "--json").stdout)
    assert found["engine"]["version"] == "0.3.36" and "CPU" in found["engine"]["system_info"]
    assert [worker["model"] for worker in found["host"]["workers"]] == [str(reciter)]
    text = offgrid("engine", "info").stdout
    assert "llama-cpp-python 0.3.36" in text and reciter.name in text
    assert "worker" in offgrid("engine", "log", "--host").stdout


# ── what strangers wrote ───────────────────────────────────────────────────────────────────────────────────────────

EVIL = (
    "a\x1b[31mb",
    "\x1b]52;c;ZXZpbA==\x07",
    "c\x9b31md",
    "\u202ee\u2066f",
    "\x00g\x08h\x7f",
    "\x1b]0;i\x1b\\j",
    "\x1b",
    "k",
)
CONTROLS = set(range(0x20)) - {0x09, 0x0A, 0x0D} | {0x7F}


def on_a_pty(*words: str | Path) -> bytes:
    """All bytes that reach the terminal of `offgrid WORDS`."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(PACKAGE_PARENT)
        os.execvp(OFFGRID[0], [*OFFGRID, *map(str, words)])
    came = b""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 1.0)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # EIO: the other side is closed
                break
            if not data:
                break
            came += data
    os.waitpid(pid, 0)
    os.close(terminal)
    return came


def harmless(came: bytes) -> None:
    text = came.decode()
    assert not CONTROLS & set(came), f"control characters in {came!r}"
    assert clean(text.replace("\r", "")) == text.replace("\r", "")


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["text", "json"])
def test_escapes_from_a_model_never_reach_a_terminal(
    engine_home: Paths, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    model = reciter_model(tmp_path, "".join(EVIL), name="evil", pieces=EVIL)
    came = on_a_pty("ask", "Hello", "--model", model, *flags)
    harmless(came)
    shown = clean("".join(EVIL))
    assert (shown if not flags else json.dumps(shown, ensure_ascii=False)) in came.decode()


def test_escapes_from_a_file_name_never_reach_a_terminal(engine_home: Paths, tmp_path: Path, reciter: Path) -> None:
    folder = tmp_path / "x\x1b]52;c;ZXZpbA==\x07\u202e"
    folder.mkdir()
    model = folder / "y\x1b[2J\x9b.gguf"
    model.symlink_to(reciter)
    for words in (("ask", "Hello", "--model", model), ("ask", "Hello", "--model", model, "--json"), ("engine", "info")):
        came = on_a_pty(*words)
        harmless(came)
        assert came
    harmless(on_a_pty("ask", "Hello", "--model", folder / "z\x1b[2J.gguf"))
    harmless(on_a_pty("engine", "log", "--host"))


def test_escapes_from_a_template_never_reach_a_terminal(engine_home: Paths, tmp_path: Path) -> None:
    template = "{{ raise_exception('\x1b]52;c;ZXZpbA==\x07 no\u202e') }}"
    model = reciter_model(tmp_path, "Hello.", template=template, name="template")
    came = on_a_pty("ask", "Hello", "--model", model)
    harmless(came)
    assert came
