"""One llama.cpp process: started, spoken to by JSON lines over its pipes, watched, and ended with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from offgrid_tui.engine.codec import MAX_LINE, ContractError, decode, encode
from offgrid_tui.engine.contract import Event, Log, Ping, Request, Shutdown
from offgrid_tui.engine.host.oom import OomWatch
from offgrid_tui.engine.host.ring import LogRing
from offgrid_tui.engine.launch import guest_command
from offgrid_tui.system.processes import describe_exit

log = logging.getLogger(__name__)

NICENESS = 5  # a terminal that answers its keys comes before tokens
_MODULE = "offgrid_tui.engine.worker"


@dataclass(frozen=True, slots=True)
class WorkerDeath:
    """How a worker's process ended."""

    returncode: int | None
    expected: bool  # we had asked for it
    out_of_memory: str | None  # what ran out, when the kernel ended it for that
    unresponsive: bool
    log_tail: tuple[str, ...]

    @property
    def words(self) -> str:
        """How it ended: "killed by SIGSEGV (Segmentation fault)", "exited with status 3"."""
        return "lost without a trace" if self.returncode is None else describe_exit(self.returncode)

    @property
    def killed(self) -> bool:
        """A signal ended it."""
        return self.returncode is None or self.returncode < 0

    @property
    def by_fault(self) -> bool:
        """llama.cpp ended itself: an assertion, a bad address, a bad instruction. Not killed from outside."""
        faults = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP)
        return self.returncode is not None and -self.returncode in faults


@dataclass(frozen=True, slots=True)
class Patience:
    """Deadlines of a worker, in seconds."""

    heartbeat: float = 5.0  # between two pings
    missed: int = 6  # pings without a word of any kind before a worker counts as hung
    shutdown: float = 5.0  # to end by itself when asked to
    terminate: float = 3.0  # to end after SIGTERM


class Worker:
    """A running worker process.

    `on_event` gets everything the worker says but Hello's kin of the heartbeat and log lines; `on_death` is called
    once, after the last event.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        on_event: Callable[[Event], None],
        on_death: Callable[[WorkerDeath], None],
        oom: OomWatch,
        patience: Patience,
    ) -> None:
        self._process = process
        self._on_event = on_event
        self._on_death = on_death
        self._oom = oom
        self._oom_before = oom.read()
        self._patience = patience
        self._ring = LogRing()
        self._unanswered = 0
        self._ending = False
        self._unresponsive = False
        self.dead = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._watch(), name=f"worker {process.pid}"),
            asyncio.create_task(self._heartbeat(), name=f"heartbeat of worker {process.pid}"),
        ]

    @classmethod
    async def start(
        cls,
        python: str,
        on_event: Callable[[Event], None],
        on_death: Callable[[WorkerDeath], None],
        *,
        oom: OomWatch,
        patience: Patience,
        env: Mapping[str, str],
    ) -> Worker:
        """Start a worker in the interpreter `python`.

        Raises:
            OSError: the interpreter cannot be run.
        """
        process = await asyncio.create_subprocess_exec(
            *guest_command(python, _MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**env, "GGML_NO_BACKTRACE": "1", "PYTHONUNBUFFERED": "1"},
            cwd="/",  # a worker must not keep a stick from being unmounted
            limit=MAX_LINE,
        )
        # Lowered here and not in a preexec_fn: that would run Python between fork and exec.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        log.info("worker %d started with %s", process.pid, python)
        return cls(process, on_event, on_death, oom, patience)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, request: Request) -> None:
        """Hand over `request`; a worker that has just died takes it silently, its death follows."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            with contextlib.suppress(OSError):
                stdin.write(encode(request))

    def log_tail(self, count: int = 20) -> tuple[str, ...]:
        return self._ring.tail(count)

    async def stop(self) -> None:
        """End it: asked first, then SIGTERM, then SIGKILL. Returns when it has gone."""
        self._ending = True
        self.send(Shutdown("shutdown"))
        if not await self._gone(self._patience.shutdown):
            log.warning("worker %d did not end when asked to", self.pid)
            self._signal(signal.SIGTERM)
            if not await self._gone(self._patience.terminate):
                self._signal(signal.SIGKILL)
                await self.dead.wait()

    async def kill(self) -> None:
        """End it at once: nothing it does is wanted any longer. Returns when it has gone."""
        self._ending = True
        self._signal(signal.SIGKILL)
        await self.dead.wait()

    async def _gone(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.dead.wait()
        return self.dead.is_set()

    def _signal(self, number: signal.Signals) -> None:
        # send_signal looks whether our child was reaped first, so a number that was given anew is never hit.
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _watch(self) -> None:
        """Read until both pipes end, then see how it ended."""
        assert self._process.stdout is not None and self._process.stderr is not None
        stderr = asyncio.create_task(self._read_stderr(self._process.stderr))
        await self._read_events(self._process.stdout)
        if not await self._exited(2.0):  # its stdout is closed: it can do nothing for us any longer
            self._signal(signal.SIGKILL)
        await self._process.wait()
        with contextlib.suppress(TimeoutError):  # a grandchild may hold the pipe open
            async with asyncio.timeout(1.0):
                await stderr
        stderr.cancel()
        self._tasks[1].cancel()
        killed = self._process.returncode == -signal.SIGKILL and not self._ending and not self._unresponsive
        death = WorkerDeath(
            self._process.returncode,
            self._ending,
            self._oom.explain(self._oom_before) if killed else None,
            self._unresponsive,
            self.log_tail(),
        )
        log.log(logging.INFO if self._ending else logging.ERROR, "worker %d ended: %s", self.pid, death.words)
        if not self._ending:
            log.error("its last lines:\n%s", "\n".join(death.log_tail))
        self.dead.set()
        self._on_death(death)

    async def _exited(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()
        return self._process.returncode is not None

    async def _read_events(self, stdout: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stdout.readuntil(b"\n")
                event = decode(line)
            except asyncio.IncompleteReadError:
                return
            except (ContractError, asyncio.LimitOverrunError) as error:
                log.error("worker %d broke the protocol: %s", self.pid, error)
                self._ring.add(f"[host] not a message of the engine protocol: {error}")
                self._signal(signal.SIGKILL)
                return
            self._unanswered = 0
            if isinstance(event, Log):
                self._ring.add(event.text)
            else:
                self._on_event(event)  # type: ignore[arg-type]  # a request here is refused by who routes it

    async def _read_stderr(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(65536):
            self._ring.feed(data)

    async def _heartbeat(self) -> None:
        """Ping; count what stays unanswered. Counted in pings, not by the clock: after this process or the machine
        was suspended, the clock has moved though the worker had no chance to answer."""
        count = 0
        while True:
            await asyncio.sleep(self._patience.heartbeat)
            if self._unanswered >= self._patience.missed:
                log.error("worker %d has not answered %d pings", self.pid, self._unanswered)
                self._unresponsive = True
                self._signal(signal.SIGKILL)
                return
            count += 1
            self._unanswered += 1
            self.send(Ping(f"ping {count}"))
