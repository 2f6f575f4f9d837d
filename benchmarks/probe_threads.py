"""Runs in an engine's interpreter: times llama_decode with a number of threads, one request line at a time.

Needs llama_cpp and the standard library alone. Standard output carries one JSON line for each request, and one (with
`ready`) at the start; what llama.cpp prints goes to standard error.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import llama_cpp

MAX_THREADS = 512  # GGML_MAX_N_THREADS of the bundled llama.cpp


class PoolParams(ctypes.Structure):
    """ggml_threadpool_params (ggml.h)."""

    _fields_ = [
        ("cpumask", ctypes.c_bool * MAX_THREADS),
        ("n_threads", ctypes.c_int),
        ("prio", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict_cpu", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    ]


def loaded_library(name: str) -> ctypes.CDLL:
    """The library that this process has loaded already. In a wheel libx.so and libx.so.0 are two files, and opening
    the wrong one would bring a second copy of its code and state."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    found = {line.split(maxsplit=5)[5] for line in maps if f"/{name}" in line}
    if len(found) != 1:
        raise RuntimeError(f"{name}: loaded from {sorted(found) or 'nowhere'}")
    return ctypes.CDLL(found.pop())


def attach_pool(context: Any, threads: int, poll: int) -> None:
    """Give the context a thread pool of ggml's own. It lives as long as the process: the CPU back-end keeps a pointer
    to the last pool it used, and touches it when it gets another."""
    base, cpu, llama = (loaded_library(name) for name in ("libggml-base.so", "libggml-cpu.so", "libllama.so"))
    cpu.ggml_threadpool_new.restype = ctypes.c_void_p
    cpu.ggml_threadpool_new.argtypes = [ctypes.POINTER(PoolParams)]
    llama.llama_attach_threadpool.argtypes = [ctypes.c_void_p] * 3
    params = PoolParams()
    base.ggml_threadpool_params_init(ctypes.byref(params), ctypes.c_int(threads))
    params.poll = poll
    pool = cpu.ggml_threadpool_new(ctypes.byref(params))
    if not pool:
        raise RuntimeError(f"ggml made no pool of {threads} threads")
    llama.llama_attach_threadpool(context, pool, None)


def measure(context: Any, vocabulary: int, threads: int, prompt: int, decode: int, limit: float) -> dict[str, float]:
    """Tokens a second of a prompt of `prompt` tokens, then of `decode` single ones behind it; each ends after `limit`
    seconds at the latest."""
    llama_cpp.llama_set_n_threads(context, threads, threads)
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    draw = random.Random(prompt)
    step, read = 128, 0
    began = time.perf_counter()
    while read < prompt:
        tokens = (llama_cpp.llama_token * step)(*(draw.randrange(vocabulary) for _ in range(step)))
        check(llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(tokens, step)))
        read += step
    llama_cpp.llama_synchronize(context)
    middle = time.perf_counter()
    written = 0
    while written < decode and (written < 4 or time.perf_counter() - middle < limit):
        token = (llama_cpp.llama_token * 1)(draw.randrange(vocabulary))
        check(llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(token, 1)))
        written += 1
    llama_cpp.llama_synchronize(context)
    return {"prefill_tps": read / (middle - began), "decode_tps": written / (time.perf_counter() - middle)}


def check(code: int) -> None:
    if code != 0:
        raise RuntimeError(f"llama_decode returned {code}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--poll", type=int, help="use a pool of ggml's own with this polling level (0 to 100)")
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--nice", type=int, default=0)
    arguments = parser.parse_args()
    os.nice(arguments.nice)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # llama.cpp may print: standard output is ours alone

    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(arguments.model.encode(), llama_cpp.llama_model_default_params())
    if not model:
        raise RuntimeError("llama.cpp did not load the model")
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = arguments.context, 128, 128
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise RuntimeError("llama.cpp made no context")
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    if arguments.poll is not None:
        attach_pool(context, os.cpu_count() or 1, arguments.poll)
    print(json.dumps({"ready": True, "system": llama_cpp.llama_print_system_info().decode()}), file=answers)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(measure(context, vocabulary, **asked)), file=answers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
