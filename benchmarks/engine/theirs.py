"""llama-bench and llama-server, asked the way that we are asked."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measure import Measured
from offgrid_tui.engine.contract import Message, Sampling

_START_DEADLINE = 120.0
_WAITING = ("OMP_", "GOMP_")  # variables that decide how threads wait for one another

# What our worker sets for itself once it runs (engine/worker/__main__.py), where no other process can see it.
SET_BY_THE_WORKER = {"GOMP_SPINCOUNT": "1000"}


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a program runs, so that both sides can have the same: niceness, and how threads wait."""

    nice: int = 0
    waiting: Mapping[str, str] | None = None

    @classmethod
    def of(cls, worker: psutil.Process) -> Terms:
        """Those of a running worker of ours."""
        given = {k: v for k, v in worker.environ().items() if k.startswith(_WAITING)}
        return cls(int(worker.nice()), given if "OMP_WAIT_POLICY" in given else {**SET_BY_THE_WORKER, **given})

    def __str__(self) -> str:
        waiting = ", ".join(f"{name}={value}" for name, value in (self.waiting or {}).items())
        return f"niceness {self.nice}, waiting: {waiting or 'as OpenMP comes'}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_WAITING)}
        return {**kept, **(self.waiting or {})}

    @property
    def prefix(self) -> list[str]:
        more = self.nice - os.getpriority(os.PRIO_PROCESS, 0)
        return ["nice", "-n", str(more)] if more > 0 else []


async def llama_bench(
    program: Path,
    model: Path,
    terms: Terms,
    threads: int | None,
    threads_batch: int | None,
    *,
    prompt: int,
    decode: int,
    depth: int,
) -> Measured:
    """Tokens a second of `prompt` tokens read, and of `decode` tokens written behind `depth` others.

    Args:
        threads, threads_batch: for writing and for reading; None leaves it to llama-bench.
    """
    command = [*terms.prefix, str(program), "-m", str(model), "-r", "1", "-fa", "off", "-o", "json"]

    def test(arguments: str, count: int | None) -> list[str]:
        return [*command, *arguments.split(), *(["-t", str(count)] if count else [])]

    return {
        "prefill_tps": await _rate(test(f"-p {prompt} -n 0", threads_batch), terms),
        "decode_tps": await _rate(test(f"-p 0 -n {decode} -d {depth}", threads), terms),
    }


async def _rate(command: list[str], terms: Terms) -> float:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=terms.environment
    )
    try:
        async with asyncio.timeout(300):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"llama-bench ended with code {process.returncode}")
    return float(json.loads(out)[0]["avg_ts"])


@dataclass(frozen=True, slots=True)
class Server:
    """A running llama-server."""

    port: int

    async def answer(self, messages: tuple[Message, ...], tokens: int, seed: int = 1) -> int:
        """Ask for exactly `tokens` tokens, streamed; returns how many came."""
        sampling = Sampling()
        body = json.dumps(
            {
                "messages": [{"role": m.role, "content": m.content} for m in messages],
                "stream": True,
                "stream_options": {"include_usage": True},
                "max_tokens": tokens,
                "seed": seed,
                "temperature": sampling.temperature,
                "top_k": sampling.top_k,
                "top_p": sampling.top_p,
                "min_p": sampling.min_p,
            }
        ).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            usage: bytes = b""
            async for line in reader:
                if line.startswith(b"data: {") and b'"usage"' in line:
                    usage = line[6:]
        finally:
            writer.close()
        if not usage:
            raise RuntimeError("llama-server gave no answer")
        came = int(json.loads(usage)["usage"]["completion_tokens"])
        if came != tokens:
            raise RuntimeError(f"llama-server gave {came} tokens, not {tokens}")
        return came


@asynccontextmanager
async def llama_server(
    program: Path, model: Path, terms: Terms, *, slots: int, context: int, threads: int, threads_batch: int
) -> AsyncIterator[Server]:
    """llama-server with `slots` slots of `context` tokens each, on a free loopback port; gone after the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [*terms.prefix, str(program), "-m", str(model), "-np", str(slots), "-c", str(slots * context)]
    command += ["-t", str(threads), "-tb", str(threads_batch), "-fa", "off", "--no-webui", "--offline"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=terms.environment)
    try:
        await _ready(process, port)
        yield Server(port)
    finally:
        process.kill()
        process.wait()


async def _ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_DEADLINE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"llama-server ended with code {process.returncode}")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status = await reader.readline()
        writer.close()
        if b" 200 " in status:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("llama-server was not ready in time")
