"""`offgrid ask`: one question, the answer on stdout as it comes; everything else on stderr."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
import uuid
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from offgrid_tui.chat.guide import LABEL, NAME, is_guide, temperature, usual_model
from offgrid_tui.cli.model_path import named_model
from offgrid_tui.cli.progress import ProgressLine
from offgrid_tui.engine.builder.find import find_engine
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import (
    Done,
    ErrorCode,
    Generate,
    Loaded,
    LoadProgress,
    Message,
    Prefill,
    Reasoning,
    Sampling,
    StopReason,
    Text,
)
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, UsageError
from offgrid_tui.foundation.units import duration, rate, tokens
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

if TYPE_CHECKING:  # what it stands on costs 15 ms
    from offgrid_tui.library.model import InstalledModel

_LONGEST = 16 * 2**20  # bytes of a question
_PATIENCE = 2.0  # seconds that a stopped answer has to say its figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", help="what to ask; `-` reads it from standard input")
    parser.add_argument(
        "--model", metavar="PATH", help="a GGUF file (default: of the settings, the last, or the guide)"
    )
    parser.add_argument("--system", metavar="TEXT", help="the system prompt")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 takes the likeliest token each time")
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same answer again")
    parser.add_argument("--context", type=int, metavar="TOKENS", help="load the model with this context")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end instead of the text")
    parser.epilog = "ctrl+c stops the answer and keeps what came (exit code 130)."


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    chat = {name: getattr(args, name) for name in ("temperature", "seed", "max_tokens", "system")}
    settings = load_settings(
        paths, overrides={f"chat.{name}": v for name, v in chat.items()} | {"engine.context": args.context}
    )
    for problem in settings.problems:
        if problem.file is None and problem.variable is None:
            raise UsageError(problem.what, mend=problem.mend)
        print(f"offgrid: {problem}", file=sys.stderr)
    question = _question(args.question)
    return asyncio.run(_ask(paths, settings, args.model, question, as_json=args.json))


def _question(text: str) -> str:
    if text == "-":
        data = sys.stdin.buffer.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise UsageError("The question is too long", detail="At most 16 MiB are read from standard input.")
        text = data.decode("utf-8", "replace")
    if not text.strip():
        raise UsageError("There is no question", mend='Ask one: offgrid ask "What is a noble gas?"')
    return text


async def _ask(paths: Paths, settings: Settings, model: str | None, question: str, *, as_json: bool) -> int:
    path = await asyncio.to_thread(named_model, model, paths) if model else await _usual_model(paths, settings)
    if is_guide(path) and not model:
        print(f"offgrid: {NAME}, the {LABEL}, answers: it knows OffGrid's help and little else", file=sys.stderr)
    system = [Message("system", settings.chat.system)] if settings.chat.system else []
    request = Generate(
        uuid.uuid4().hex,
        path,
        (*system, Message("user", question)),
        sampling=_sampling(settings, path),
        reasoning=Reasoning(cast("Literal['auto', 'on', 'off']", settings.chat.reasoning)),
    )
    client = EngineClient(paths, settings)
    answer = _Answer(client, request, as_json=as_json)
    try:
        try:
            await answer.run()
        except EngineError as error:
            # A broken engine is not mended by building another one: the settings would still name the broken one.
            if error.code is not ErrorCode.ENGINE_MISSING or find_engine(paths, settings) is not None:
                raise
            from offgrid_tui.cli.engine import build  # needed once in the life of a home

            await build(paths, settings)
            await answer.run()
        if model and answer.loaded is not None and not is_guide(path):
            await _remember(paths, path)
    finally:
        await client.close()
    return int(ExitCode.INTERRUPTED if answer.interrupted else ExitCode.OK)


def _sampling(settings: Settings, model: str) -> Sampling:
    """The settings' own words are those of the contract."""
    names = {field.name for field in fields(Sampling)} & {field.name for field in fields(settings.chat)}
    values = {name: getattr(settings.chat, name) for name in names}
    return Sampling(**values | {"temperature": temperature(model, settings)})


class _Answer:
    """Asks, and shows what comes."""

    def __init__(self, client: EngineClient, request: Generate, *, as_json: bool) -> None:
        self._client = client
        self._request = request
        self._as_json = as_json
        self._progress = ProgressLine()
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._done: Done | None = None
        self.loaded: Loaded | None = None
        self.interrupted = False

    async def run(self) -> None:
        """Ask until the answer has ended, or ctrl+c ended it.

        Raises:
            EngineError: what failed; what came before has been printed.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(self._receive())
        loop.add_signal_handler(signal.SIGINT, self._interrupt, task)
        try:
            await task
        except asyncio.CancelledError:
            if not self.interrupted:
                raise
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            self._progress.clear()
            self._finish()

    def _interrupt(self, task: asyncio.Task[None]) -> None:
        """Stop; nothing more is shown. The figures may still come; a second ctrl+c does not wait for them."""
        if self.interrupted or self.loaded is None:
            task.cancel()
        else:
            self._client.cancel(self._request.id)
            asyncio.get_running_loop().call_later(_PATIENCE, task.cancel)
        self.interrupted = True

    async def _receive(self) -> None:
        async with contextlib.aclosing(self._client.generate(self._request)) as events:
            async for event in events:
                match event:
                    case LoadProgress():
                        self._progress.show(f"loading {Path(event.model).name}", f"{event.fraction:.0%}")
                    case Loaded():
                        self._progress.clear()
                        self.loaded = event
                    case Prefill() if event.total > event.done and self._progress.terminal:
                        self._progress.show("reading the question", f"{event.done} of {tokens(event.total)} tokens")
                    case Text() if not self.interrupted:
                        self._take(event)
                    case Done():
                        self._done = event

    def _take(self, event: Text) -> None:
        if event.channel == "thinking":
            self._thinking.append(event.text)
            self._progress.show("thinking", f"{tokens(event.tokens)} tokens")
            return
        text = event.text if self._text else event.text.lstrip("\n")
        if not text:
            return
        self._text.append(text)
        if not self._as_json:
            self._progress.clear()
            sys.stdout.write(text)
            sys.stdout.flush()

    def _finish(self) -> None:
        """End the line, or print the object, and say what a reader of the text alone would miss."""
        if self._as_json:
            if self.loaded is not None:
                print(json.dumps(self._object(self.loaded), ensure_ascii=False))
        elif self._text and not self._text[-1].endswith("\n"):
            print()
        sys.stdout.flush()
        if self._done is not None and self._done.stop_reason is StopReason.CONTEXT:
            self._progress.note("offgrid: the context is full: the answer may be cut short (see --context)")
        if self._done is not None and self.loaded is not None and self._progress.terminal:
            self._progress.note(_figures(self.loaded, self._done))

    def _object(self, loaded: Loaded) -> dict[str, Any]:
        done = self._done
        return {
            "text": "".join(self._text),
            "thinking": "".join(self._thinking),
            "model": loaded.model,
            "architecture": loaded.architecture,
            "quantisation": loaded.quantisation,
            "prompt_tokens": done and done.prompt_tokens,
            "cached_tokens": done and done.cached_tokens,
            "completion_tokens": done and done.completion_tokens,
            "ttft_ms": done and _rounded(done.ttft_ms),
            "prefill_tps": done and _rounded(done.prefill_tps),
            "decode_tps": done and _rounded(done.decode_tps),
            "load_ms": done and _rounded(done.load_ms),
            "stop_reason": done.stop_reason.value if done else "cancelled" if self.interrupted else "error",
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _figures(loaded: Loaded, done: Done) -> str:
    first = duration(None if done.ttft_ms is None else done.ttft_ms / 1000)
    return f"{loaded.name} · {rate(done.decode_tps)} · {done.completion_tokens} tok · TTFT {first}"


async def _usual_model(paths: Paths, settings: Settings) -> str:
    """The model of the settings, else the one used last, else an installed one, else the guide."""
    if settings.chat.model:
        return await asyncio.to_thread(named_model, settings.chat.model, paths)
    recent: tuple[str, ...] = ()
    here: tuple[InstalledModel, ...] = ()
    if paths.database.exists():
        # SQLite is loaded only here: 30 ms that `--model` and the settings spare.
        from offgrid_tui.chat.recent import RecentModels
        from offgrid_tui.database.database import Database
        from offgrid_tui.library.store import LibraryStore

        database = await asyncio.to_thread(Database.open, paths.database)
        try:
            recent = await RecentModels(database).list()
            here = await database.read(LibraryStore(paths.models).models)
        finally:
            await database.close()
    if model := usual_model(recent, here, paths.models):
        return model
    raise NotFoundError(
        "No model was named, and there is none to take instead",
        mend="Name one: offgrid ask --model PATH.gguf …, or set model under [chat] in config.toml.",
    )


async def _remember(paths: Paths, model: str) -> None:
    """The next question without --model goes to the same model. A database in trouble is no reason to fail."""
    from offgrid_tui.chat.recent import RecentModels
    from offgrid_tui.database.database import Database
    from offgrid_tui.foundation.errors import OffGridError
    from offgrid_tui.library.store import LibraryStore

    with contextlib.suppress(OffGridError, OSError):
        database = await asyncio.to_thread(Database.open, paths.database)
        try:
            recent = RecentModels(database)
            if await recent.last() != model:
                await recent.remember(model)
            await database.write(lambda conn: LibraryStore(paths.models).used(conn, Path(model), time.time()))
        finally:
            await database.close()
