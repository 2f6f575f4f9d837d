"""Run by an interpreter that has llama.cpp: what it says it allocates for each model given on stdin.

stdin: a JSON list of [path, {context parameter: value}]; stdout: a JSON list of {kind: bytes}, in the same order.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys

import llama_cpp.llama_cpp as native

LINE = re.compile(r"(\S+)\s+(model|KV|RS|output|compute) buffer size\s*=\s*([\d.]+) MiB")
KINDS = {"model": "weights", "KV": "kv", "RS": "recurrent", "output": "output", "compute": "compute"}
log: list[str] = []


@native.llama_log_callback
def keep(level: int, text: bytes, data: object) -> None:
    log.append(text.decode("utf-8", "replace"))


def measure(path: str, options: dict[str, object]) -> dict[str, float]:
    log.clear()
    params = native.llama_model_default_params()
    params.n_gpu_layers = 0
    model = native.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise SystemExit("".join(log[-8:]))
    context = native.llama_context_default_params()
    for name, value in options.items():
        setattr(context, name, value)
    made = native.llama_init_from_model(model, context)
    if not made:
        raise SystemExit("".join(log[-8:]))
    native.llama_free(made)
    native.llama_model_free(model)
    sizes = dict.fromkeys([*KINDS.values(), "repacked"], 0.0)
    for place, kind, size in LINE.findall("".join(log)):
        sizes["repacked" if place == "CPU_REPACK" else KINDS[kind]] += float(size) * 2**20
    return sizes


native.llama_log_set(keep, ctypes.c_void_p(0))
native.llama_backend_init()
print(json.dumps([measure(path, options) for path, options in json.load(sys.stdin)]))
