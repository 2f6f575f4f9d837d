"""Run by an interpreter that has llama.cpp: whether its own reader takes each of the files named on stdin.

stdin: a JSON list of paths; stdout: a JSON list of booleans, in the same order.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import sys
from pathlib import Path


class Params(ctypes.Structure):
    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p))


spec = importlib.util.find_spec("llama_cpp")
assert spec is not None
assert spec.origin is not None
library = next((Path(spec.origin).parent / "lib").glob("libggml-base.*"))  # its versioned names are the same file
ggml = ctypes.CDLL(str(library))
ggml.gguf_init_from_file.restype = ctypes.c_void_p
ggml.gguf_init_from_file.argtypes = [ctypes.c_char_p, Params]
ggml.gguf_free.argtypes = [ctypes.c_void_p]


def takes(path: str) -> bool:
    context = ggml.gguf_init_from_file(path.encode(), Params(True, None))
    if context:
        ggml.gguf_free(context)
    return bool(context)


print(json.dumps([takes(path) for path in json.load(sys.stdin)]))
