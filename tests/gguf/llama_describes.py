"""Run by an interpreter that has llama.cpp: what it says of each model file named on stdin, without loading weights.

stdin: a JSON list of [path, vocab_only]; stdout: a JSON list of objects, in the same order.
"""

from __future__ import annotations

import ctypes
import json
import sys

import llama_cpp.llama_cpp as native


@native.llama_log_callback
def quiet(level: int, text: bytes, data: object) -> None:
    pass


def text(call: object, *arguments: object) -> str:
    buffer = ctypes.create_string_buffer(1 << 16)
    call(*arguments, buffer, len(buffer))  # type: ignore[operator]
    return buffer.value.decode("utf-8", "replace")


def describe(path: str, vocab_only: bool) -> dict[str, object]:
    params = native.llama_model_default_params()
    params.vocab_only = vocab_only
    if not vocab_only:
        params.no_alloc, params.load_mode = True, native.LLAMA_LOAD_MODE_NONE
    model = native.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise SystemExit(f"llama.cpp does not take {path}")
    vocabulary = native.llama_model_get_vocab(model)
    found: dict[str, object] = {
        "metadata": {
            text(native.llama_model_meta_key_by_index, model, index): text(
                native.llama_model_meta_val_str_by_index, model, index
            )
            for index in range(native.llama_model_meta_count(model))
        },
        "vocabulary": native.llama_vocab_n_tokens(vocabulary),
    }
    if not vocab_only:  # it ends the process where it is asked for a shape that it did not load
        found |= {
            "context": native.llama_model_n_ctx_train(model),
            "embedding": native.llama_model_n_embd(model),
            "layers": native.llama_model_n_layer(model),
            "heads": native.llama_model_n_head(model),
            "kv_heads": native.llama_model_n_head_kv(model),
            "parameters": native.llama_model_n_params(model),
            "weights": native.llama_model_size(model),
            "recurrent": native.llama_model_is_recurrent(model) or native.llama_model_is_hybrid(model),
            "window": native.llama_model_n_swa(model),
        }
    native.llama_model_free(model)
    return found


native.llama_log_set(quiet, ctypes.c_void_p(0))
native.llama_backend_init()
print(json.dumps([describe(*work) for work in json.load(sys.stdin)]))
