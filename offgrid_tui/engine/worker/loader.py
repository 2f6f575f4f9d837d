"""Loads a model and makes its context, with progress, so that it can be cancelled at every point."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as native

from offgrid_tui.engine.contract import ErrorCode, Load, LoadOptions, LoadProgress
from offgrid_tui.engine.worker import cores
from offgrid_tui.engine.worker.llama import AbortFlag, Batch, Memory, Vocabulary, now_us
from offgrid_tui.engine.worker.load_errors import check_file, explain
from offgrid_tui.engine.worker.native_log import NativeLog
from offgrid_tui.engine.worker.problem import Problem

DEFAULT_CONTEXT = 4096
DEFAULT_SLOTS = 8
MAX_SLOTS = 64
DEFAULT_BATCH = 256  # as fast as 512, and twice as quick to give way
MAX_BATCH = 2048
_MAX_CONTEXT = 2**24
_PROGRESS_US = 100_000
_LEAST_PARKING = 64 * 2**20

_KV_TYPES = {
    "f32": native.GGML_TYPE_F32,
    "f16": native.GGML_TYPE_F16,
    "bf16": 30,  # ggml.h; the wrapper does not name it
    "q8_0": native.GGML_TYPE_Q8_0,
    "q5_1": native.GGML_TYPE_Q5_1,
    "q5_0": native.GGML_TYPE_Q5_0,
    "q4_1": native.GGML_TYPE_Q4_1,
    "q4_0": native.GGML_TYPE_Q4_0,
    "iq4_nl": native.GGML_TYPE_IQ4_NL,
}
_PLAIN_TYPES = ("f32", "f16", "bf16")


@dataclass
class Engine:
    """A loaded model with its context: what the scheduler works on."""

    model: Any  # llama_model *
    context: Any  # llama_context *
    vocabulary: Vocabulary
    memory: Memory
    batch: Batch
    abort: AbortFlag
    length: int  # tokens that one conversation may use
    cells: int  # tokens that fit into the KV cache, of all conversations
    parking: int  # bytes that conversations may take which are out of the cache
    slots: int
    threads: int
    threads_batch: int
    file_size: int
    warnings: list[str]

    def decode(self) -> int:
        """Run the batch. 0: done; 1: no room in the KV cache; 2: aborted; negative: failed."""
        return int(native.llama_decode(self.context, self.batch.native))

    def metadata(self, key: str) -> str | None:
        """A value of the file's metadata as text, at most 64 kB of it."""
        buffer = ctypes.create_string_buffer(65_536)
        count = native.llama_model_meta_val_str(self.model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if count >= 0 else None


class Loader:
    """Runs one Load. `cancel` may be called from any thread."""

    def __init__(self, load: Load, log: NativeLog, send: Callable[[LoadProgress], None]) -> None:
        self._load = load
        self._log = log
        self._send = send
        self._started = now_us()
        self._cancelled = False
        self._abort = AbortFlag()
        self._last_sent = 0

    def cancel(self) -> None:
        self._cancelled = True
        self._abort.set()

    def run(self) -> Engine:
        """Raises Problem, with llama.cpp's own reason where it has one."""
        options = self._load.options
        _check(options)
        path = Path(self._load.model)
        size = check_file(path)
        self._tell("weights", 0.0)
        native.llama_backend_init()
        model = self._load_weights(path, options)
        vocabulary = Vocabulary(model)
        if vocabulary.kind == native.LLAMA_VOCAB_TYPE_NONE or vocabulary.size <= 0:
            raise Problem(
                ErrorCode.NO_TOKENIZER,
                "The model file has no tokenizer",
                "it holds weights only",
                "Take another conversion of this model.",
            )
        if not native.llama_model_has_decoder(model) or native.llama_model_has_encoder(model):
            raise Problem(
                ErrorCode.UNSUPPORTED,
                "This model does not write text",
                "it is an encoder: it makes embeddings, or translates",
                "Choose a chat model.",
            )
        self._tell("context", 0.0)
        engine = self._make_context(model, vocabulary, options, size)
        self._warm_up(engine)
        return engine

    def _load_weights(self, path: Path, options: LoadOptions) -> Any:
        params = native.llama_model_default_params()
        gpu = native.llama_supports_gpu_offload()
        params.n_gpu_layers = options.gpu_layers if options.gpu_layers is not None else (-1 if gpu else 0)
        params.load_mode = {
            (True, False): native.LLAMA_LOAD_MODE_MMAP,
            (True, True): native.LLAMA_LOAD_MODE_MMAP_MLOCK,
            (False, False): native.LLAMA_LOAD_MODE_NONE,
            (False, True): native.LLAMA_LOAD_MODE_MLOCK,
        }[options.mmap, options.mlock]
        params.progress_callback = progress = native.llama_progress_callback(self._on_progress)
        model = native.llama_model_load_from_file(os.fsencode(path), params)
        del progress  # llama.cpp called it during the load alone
        self._stop_if_cancelled()
        if not model:
            raise explain(self._log.errors, "model")
        return model

    def _make_context(self, model: Any, vocabulary: Vocabulary, options: LoadOptions, size: int) -> Engine:
        slots = options.slots or DEFAULT_SLOTS
        batch = max(options.batch or DEFAULT_BATCH, slots)
        trained = native.llama_model_n_ctx_train(model)
        recurrent = native.llama_model_is_recurrent(model) or native.llama_model_is_hybrid(model)
        params = native.llama_context_default_params()
        params.n_ctx = options.context or min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
        params.n_batch = params.n_ubatch = batch
        params.n_seq_max = slots
        params.n_outputs_max = slots  # one for each sequence; the default reserves logits for a whole batch
        params.kv_unified = True
        params.swa_full = False
        params.n_threads = options.threads or cores.for_decode()
        params.n_threads_batch = options.threads_batch or cores.for_prefill()
        params.type_k = _KV_TYPES[options.kv_type_k or "f16"]
        params.type_v = _KV_TYPES[options.kv_type_v or "f16"]
        params.flash_attn_type = self._flash_attention(options)
        params.no_perf = True
        params.abort_callback = self._abort.callback
        params.abort_callback_data = self._abort.data
        context = native.llama_init_from_model(model, params)
        self._stop_if_cancelled()
        if not context:
            raise explain(self._log.errors, "context")
        length = native.llama_n_ctx_seq(context)
        if options.context:
            length = min(length, options.context)  # llama.cpp rounds up
        warnings = []
        if trained and length > trained:
            warnings.append(f"the model was trained for {trained} tokens; beyond them answers get worse")
        return Engine(
            model=model,
            context=context,
            vocabulary=vocabulary,
            memory=Memory(context, sliding_window=native.llama_model_n_swa(model), trimmable=not recurrent),
            batch=Batch(native.llama_n_batch(context), slots),
            abort=self._abort,
            length=length,
            cells=native.llama_n_ctx(context),
            parking=max(_LEAST_PARKING, self._log.kv_bytes() // 2),
            slots=slots,
            threads=native.llama_n_threads(context),
            threads_batch=native.llama_n_threads_batch(context),
            file_size=size,
            warnings=warnings,
        )

    def _flash_attention(self, options: LoadOptions) -> int:
        if options.flash_attention is not None:
            return int(options.flash_attention)
        kind: int = native.LLAMA_FLASH_ATTN_TYPE_DISABLED  # on a CPU it slows decoding
        if options.kv_type_v not in (None, *_PLAIN_TYPES):
            kind = native.LLAMA_FLASH_ATTN_TYPE_ENABLED  # a quantised V cache needs it
        elif self._log.gpu_layers:
            kind = native.LLAMA_FLASH_ATTN_TYPE_AUTO
        return kind

    def _warm_up(self, engine: Engine) -> None:
        """Decode one token: pages the weights in, and shows whether they compute anything."""
        self._tell("warm-up", 0.0)
        token = engine.vocabulary.bos if 0 <= engine.vocabulary.bos < engine.vocabulary.size else 0
        index = engine.batch.add(0, [token], 0, output=True)
        code = engine.decode()
        engine.batch.clear()
        self._stop_if_cancelled()
        if code != 0:
            raise explain(self._log.errors, f"first token (llama_decode: {code})")
        logits = native.llama_get_logits_ith(engine.context, index)
        if not logits or not math.isfinite(sum(logits[: engine.vocabulary.size])):
            raise Problem(
                ErrorCode.DAMAGED,
                "The model's weights give no numbers",
                "its first token has probabilities that are not finite",
                "Download the file again, or take another conversion.",
            )
        engine.memory.clear()
        self._tell("warm-up", 1.0)

    def _on_progress(self, fraction: float, _data: Any) -> bool:
        self._tell("weights", min(1.0, max(0.0, fraction)))
        return not self._cancelled

    def _tell(self, phase: str, fraction: float) -> None:
        now = now_us()
        if 0.0 < fraction < 1.0 and now - self._last_sent < _PROGRESS_US:
            return
        self._last_sent = now
        self._send(
            LoadProgress(self._load.id, self._load.model, phase, fraction, elapsed_ms=(now - self._started) / 1000)
        )

    def _stop_if_cancelled(self) -> None:
        if self._cancelled:
            raise Problem(ErrorCode.CANCELLED, "Loading was stopped")


def _check(options: LoadOptions) -> None:
    """Raise Problem for what would make llama.cpp abort."""
    for name, low, high in (
        ("context", 64, _MAX_CONTEXT),
        ("slots", 1, MAX_SLOTS),
        ("batch", 32, MAX_BATCH),
        ("threads", 1, 512),
        ("threads_batch", 1, 512),
        ("gpu_layers", -1, 100_000),
    ):
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise _bad(f"{name} is {value}", f"Give {name} from {low} to {high}.")
    for name in ("kv_type_k", "kv_type_v"):
        value = getattr(options, name)
        if value is not None and value not in _KV_TYPES:
            raise _bad(f"{name} is {str(value)[:20]!r}", f"Choose one of {', '.join(_KV_TYPES)}.")
    if options.flash_attention is False and options.kv_type_v not in (None, *_PLAIN_TYPES):
        raise _bad(f"kv_type_v {options.kv_type_v} without flash attention", "Turn flash attention on.")


def _bad(detail: str, mend: str) -> Problem:
    return Problem(ErrorCode.BAD_REQUEST, "The load options cannot be used", detail, mend)
