"""The worker's life: say hello, load one model, then answer until the other side goes away."""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from pathlib import Path

import llama_cpp
import llama_cpp.llama_cpp as native

from offgrid_tui.engine.contract import (
    Cancel,
    Count,
    Error,
    ErrorCode,
    Event,
    Generate,
    Hello,
    Load,
    Loaded,
    Log,
    Ok,
    Ping,
    Request,
    Shutdown,
    StopReason,
)
from offgrid_tui.engine.worker import thinking
from offgrid_tui.engine.worker.job import Job
from offgrid_tui.engine.worker.llama import now_us
from offgrid_tui.engine.worker.loader import Engine, Loader
from offgrid_tui.engine.worker.native_log import NativeLog
from offgrid_tui.engine.worker.prepare import Preparer
from offgrid_tui.engine.worker.problem import Problem
from offgrid_tui.engine.worker.rendering import Renderer
from offgrid_tui.engine.worker.scheduler import Scheduler
from offgrid_tui.engine.worker.template import Template
from offgrid_tui.engine.worker.wire import Wire

ENGINE = f"llama-cpp-python {llama_cpp.__version__}"
CAN = ("count_tools", "continue_last", "reasoning_switch")


class Worker:
    """Reads in one thread, works in the main one, prepares prompts in a third."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._log = NativeLog(lambda level, line: wire.send(Log(level, line)))  # type: ignore[arg-type]
        self._load: Load | None = None
        self._load_arrived = threading.Event()
        self._loader: Loader | None = None
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}  # by request id, until their last event
        self._early: list[Job | Count] = []  # what came before the model was there
        self._preparer: Preparer | None = None
        self._scheduler: Scheduler | None = None
        self._arrivals = 0

    def run(self) -> None:
        """Never returns: the process ends with its input, on Shutdown, or with an Error about the load."""
        info = (native.llama_print_system_info() or b"").decode("utf-8", "replace")
        backends = tuple(dict.fromkeys(re.findall(r"(\w+) :", info)))
        self._wire.send(Hello("worker", os.getpid(), ENGINE, info.strip(), backends, CAN))
        threading.Thread(target=self._read, name="read", daemon=True).start()
        renderer = Renderer()
        self._load_arrived.wait()
        assert self._load is not None and self._loader is not None
        try:
            scheduler = self._get_ready(self._load, self._loader, renderer)
            scheduler.run()
        except Problem as problem:
            self._wire.send(problem.to_event(self._load.id, self._log.tail()))
        except Exception as error:  # noqa: BLE001 - the process's boundary
            traceback.print_exc()
            self._wire.send(
                Error(
                    None, ErrorCode.INTERNAL, "The engine's worker failed", repr(error)[:500], log_tail=self._log.tail()
                )
            )
            self._end(70)
        self._end(0)

    # ── the main thread ─────────────────────────────────────────────────────────────────────────────────────────────

    def _get_ready(self, load: Load, loader: Loader, renderer: Renderer) -> Scheduler:
        started = now_us()
        engine = loader.run()
        vocabulary = engine.vocabulary
        source = native.llama_model_chat_template(engine.model, None)
        template = Template(
            source.decode("utf-8", "replace") if source else None,
            renderer,
            bos=vocabulary.special(vocabulary.bos),
            eos=vocabulary.special(vocabulary.eos),
        )
        marked = [vocabulary.show(text) for text in thinking.MARKER_TEXTS]
        thinks = template.knows_thinking or any(marked)
        scheduler = Scheduler(engine, self._wire.send, self._ended)
        preparer = Preparer(engine, template, thinks, self._wire.send, scheduler.submit, self._ended)
        self._wire.send(self._loaded(load, engine, template, thinks, (now_us() - started) / 1000))
        with self._lock:
            self._scheduler, self._preparer = scheduler, preparer
            for early in self._early:
                preparer.put(early)
            self._early.clear()
        return scheduler

    def _loaded(self, load: Load, engine: Engine, template: Template, thinks: bool, load_ms: float) -> Loaded:
        devices = dict.fromkeys(name.split(" ", 1)[1].split("_")[0] for name in self._log.memory)
        return Loaded(
            id=load.id,
            model=load.model,
            name=engine.metadata("general.name") or Path(load.model).stem,
            architecture=engine.metadata("general.architecture") or "",
            parameters=native.llama_model_n_params(engine.model),
            quantisation=_quantisation(engine),
            file_size=engine.file_size,
            context_trained=native.llama_model_n_ctx_train(engine.model),
            context=engine.length,
            slots=engine.slots,
            layers=native.llama_model_n_layer(engine.model),
            gpu_layers=self._log.gpu_layers,
            devices=tuple(devices),
            memory=dict(self._log.memory),
            threads=engine.threads,
            threads_batch=engine.threads_batch,
            load_ms=load_ms,
            template=template.name,
            thinking=thinks,
            warnings=(*engine.warnings, *template.warnings),
            engine=ENGINE,
        )

    def _ended(self, job: Job, event: Event) -> None:
        with self._lock:
            self._jobs.pop(job.request.id, None)
        self._wire.send(event)

    # ── the reader's thread ─────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> None:
        try:
            for request in self._wire.requests():
                self._take(request)
        except Exception:  # noqa: BLE001 - the process's boundary
            traceback.print_exc()
            self._end(70)
        self._end(0)

    def _take(self, request: Request) -> None:
        if isinstance(request, Ping):
            self._wire.send(Ok(request.id))
        elif isinstance(request, Cancel):
            self._cancel(request.target)
        elif isinstance(request, Generate):
            self._take_generate(request)
        elif isinstance(request, Count):
            self._prepare(request)
        elif isinstance(request, Load):
            self._take_load(request)
        elif isinstance(request, Shutdown):
            self._wire.send(Ok(request.id))
            self._end(0)
        else:
            name = type(request).__name__
            self._wire.send(Error(request.id, ErrorCode.UNSUPPORTED, f"A worker does not take {name}"))

    def _take_load(self, load: Load) -> None:
        if self._load is not None:
            self._wire.send(Error(load.id, ErrorCode.BAD_REQUEST, "This worker has a model already"))
            return
        self._load = load
        self._loader = Loader(load, self._log, self._wire.send)
        self._load_arrived.set()

    def _take_generate(self, request: Generate) -> None:
        job = Job(request, received=now_us(), order=self._arrivals)
        self._arrivals += 1
        with self._lock:
            known = request.id in self._jobs
            if not known:
                self._jobs[request.id] = job
        if known:
            self._wire.send(Error(None, ErrorCode.PROTOCOL, f"Request id {request.id[:80]!r} is in use"))
        else:
            self._prepare(job)

    def _prepare(self, work: Job | Count) -> None:
        with self._lock:
            if self._preparer is None:
                self._early.append(work)
                return
        self._preparer.put(work)

    def _cancel(self, target: str) -> None:
        if self._load is not None and target == self._load.id and self._scheduler is None and self._loader is not None:
            self._loader.cancel()
            return
        with self._lock:
            job = self._jobs.get(target)
            if job is not None and job in self._early:
                self._early.remove(job)
                early = True
                self._jobs.pop(target)
            else:
                early = False
        if job is None:
            return  # it has ended
        if early:
            self._wire.send(job.done(now_us(), StopReason.CANCELLED))
        elif self._scheduler is not None:
            self._scheduler.cancel(job)

    def _end(self, code: int) -> None:
        """End at once: llama.cpp may be in the middle of a batch, and has nothing to save."""
        sys.stderr.flush()
        os._exit(code)


def _quantisation(engine: Engine) -> str:
    """As file names give it: Q4_K_M, F16."""
    try:
        number = int(engine.metadata("general.file_type") or "")
    except ValueError:
        return ""
    for name, value in vars(native).items():
        if name.startswith("LLAMA_FTYPE_") and value == number:
            return str(name).removeprefix("LLAMA_FTYPE_").removeprefix("MOSTLY_").removeprefix("ALL_")
    return ""
