"""Drives a real worker process over its pipes, as the host does."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from offgrid_tui.engine.codec import decode, encode
from offgrid_tui.engine.contract import (
    Cancel,
    Done,
    Error,
    Event,
    Generate,
    Hello,
    Load,
    Loaded,
    LoadOptions,
    Message,
    Prefill,
    Request,
    Sampling,
    Text,
)
from tests.support.engine import engine_python

DEADLINE = 90.0  # seconds; for a fact that must come, on the slowest machine
# One thread: the machine that tests may have others to run, and threads that wait for a core spin.
OPTIONS = LoadOptions(context=2048, slots=8, threads=1, threads_batch=1)
GREEDY = Sampling(temperature=0.0, max_tokens=32)

T = TypeVar("T")


@dataclass
class Answer:
    """All that came for one request."""

    events: list[Event]

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Text) and e.channel == "answer")

    @property
    def thinking(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Text) and e.channel == "thinking")

    @property
    def done(self) -> Done:
        assert isinstance(self.events[-1], Done), self.events[-1]
        return self.events[-1]

    @property
    def error(self) -> Error:
        assert isinstance(self.events[-1], Error), self.events[-1]
        return self.events[-1]


class WorkerProcess:
    """One worker. Everything it says is in `events`, in order."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        root = Path(__file__).parents[2]
        path = os.pathsep.join(filter(None, [(env or {}).get("PYTHONPATH"), str(root)]))
        self.process = subprocess.Popen(
            [engine_python(), "-m", "offgrid_tui.engine.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {}), "PYTHONPATH": path},
        )
        self.events: list[Event] = []
        self.bad_lines: list[bytes] = []
        self.printed = b""
        self._changed = threading.Condition()
        self._ended = False
        self._ids = count()
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def send(self, *requests: Request) -> None:
        self.send_raw(b"".join(encode(request) for request in requests))

    def send_raw(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for(self, fact: Callable[[list[Event]], T | None]) -> T:
        """Wait until `fact` of all events so far gives something."""
        with self._changed:
            result: list[T | None] = [None]

            def holds() -> bool:
                result[0] = fact(self.events)
                return result[0] is not None or self._ended

            if not self._changed.wait_for(holds, DEADLINE) or result[0] is None:
                raise AssertionError(f"it never came; last events: {self.events[-8:]}\n{self.printed.decode()[-3000:]}")
            return result[0]

    def wait_event(self, kind: type[T], id: str | None = None, after: int = 0) -> T:
        def fact(events: list[Event]) -> T | None:
            for event in events[after:]:
                if isinstance(event, kind) and (id is None or getattr(event, "id", None) == id):
                    return event
            return None

        return self.wait_for(fact)

    def load(self, model: Path | str, options: LoadOptions = OPTIONS) -> Loaded:
        self.send(Load("load", str(model), options))

        def fact(events: list[Event]) -> Loaded | Error | None:
            return next((e for e in events if isinstance(e, Loaded | Error)), None)

        event = self.wait_for(fact)
        assert isinstance(event, Loaded), event
        return event

    def load_error(self, model: Path | str, options: LoadOptions = OPTIONS) -> Error:
        self.send(Load("load", str(model), options))
        return self.wait_event(Error, "load")

    def ask(self, text: str | Generate, sampling: Sampling = GREEDY, **fields: Any) -> str:
        """Send a question; returns the request's id."""
        if isinstance(text, Generate):
            self.send(text)
            return text.id
        id = f"g{next(self._ids)}"
        self.send(Generate(id, "model", (Message("user", text),), sampling=sampling, **fields))
        return id

    def answer(self, id: str) -> Answer:
        """Wait for the end of a request."""

        def fact(events: list[Event]) -> Answer | None:
            own = [e for e in events if getattr(e, "id", None) == id]
            return Answer(own) if own and isinstance(own[-1], Done | Error) else None

        return self.wait_for(fact)

    def generate(self, text: str | Generate, sampling: Sampling = GREEDY, **fields: Any) -> Answer:
        return self.answer(self.ask(text, sampling, **fields))

    def cancel(self, id: str) -> None:
        self.send(Cancel(id))

    def first_text(self, id: str) -> Text:
        return self.wait_event(Text, id)

    def in_prompt(self, id: str) -> Prefill:
        """Wait until the prompt of a request is being read."""
        return self.wait_event(Prefill, id)

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait_end(self) -> int:
        code = self.process.wait(DEADLINE)
        for thread in self._threads:
            thread.join(DEADLINE)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait_end()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                try:
                    event = decode(line)
                except ValueError:
                    self.bad_lines.append(line)
                else:
                    self.events.append(event)  # type: ignore[arg-type]
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.printed += line


@contextmanager
def worker(model: Path | None = None, options: LoadOptions = OPTIONS, **env: str) -> Iterator[WorkerProcess]:
    """A worker that said hello, with `model` loaded if one is given."""
    process = WorkerProcess(env)
    try:
        process.wait_event(Hello)
        if model is not None:
            process.load(model, options)
        yield process
        assert not process.bad_lines, process.bad_lines
    finally:
        process.close()
