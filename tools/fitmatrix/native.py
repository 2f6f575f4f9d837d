"""Run by an interpreter that has llama.cpp: what it says it allocates.

stdin: a JSON list of [path, {model parameter: value}, [{context parameter: value}, …]]; stdout: a JSON list, in the
same order, of {"weights", "repacked"} with "contexts": [{"kv", "recurrent", "output", "compute"}, …], all in bytes.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys

import llama_cpp.llama_cpp as native

BUFFER = re.compile(r"(\S+)\s+(model|output|compute) buffer size\s*=\s*([\d.]+) MiB")
# What its caches hold; with no_alloc the buffers behind them are not made.
CACHE = re.compile(r"(llama_kv_cache|llama_memory_recurrent): size\s*=\s*([\d.]+) MiB")
KINDS = {"model": "weights", "output": "output", "compute": "compute"}
log: list[str] = []


@native.llama_log_callback
def keep(level: int, text: bytes, data: object) -> None:
    log.append(text.decode("utf-8", "replace"))


def taken() -> dict[str, float]:
    """What the log says since it was last asked."""
    sizes: dict[str, float] = {}
    text = "".join(log)
    found = [("repacked" if place == "CPU_REPACK" else KINDS[kind], size) for place, kind, size in BUFFER.findall(text)]
    found += [("kv" if cache == "llama_kv_cache" else "recurrent", size) for cache, size in CACHE.findall(text)]
    for name, size in found:
        sizes[name] = sizes.get(name, 0.0) + float(size) * 2**20
    log.clear()
    return sizes


def measure(path: str, loading: dict[str, object], contexts: list[dict[str, object]]) -> dict[str, object]:
    log.clear()
    params = native.llama_model_default_params()
    params.n_gpu_layers = 0
    for name, value in loading.items():
        setattr(params, name, value)
    model = native.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise SystemExit(f"{path}: {''.join(log[-8:])}")
    found: dict[str, object] = {"weights": 0.0, "repacked": 0.0, **taken()}
    sizes = []
    for options in contexts:
        context = native.llama_context_default_params()
        for name, value in options.items():
            setattr(context, name, value)
        made = native.llama_init_from_model(model, context)
        if not made:
            raise SystemExit(f"{path} {options}: {''.join(log[-8:])}")
        native.llama_free(made)
        sizes.append({"kv": 0.0, "recurrent": 0.0, "output": 0.0, "compute": 0.0, **taken()})
    native.llama_model_free(model)
    return {**found, "contexts": sizes}


native.llama_log_set(keep, ctypes.c_void_p(0))
native.llama_backend_init()
print(json.dumps([measure(*work) for work in json.load(sys.stdin)]))
