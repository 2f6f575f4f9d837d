"""Runs a GGUF file with llama.cpp, through llama-cpp-python's low-level interface: what it says is what users get."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import llama_cpp

_PIECE = 512  # bytes that the text of one token may have
_CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class Answer:
    """`tokens` with the end of the turn, where it `ended` by itself; `text` without."""

    tokens: list[int]
    text: str
    ended: bool


class Runner:
    """One model and one sequence. For one thread; lives as long as the process."""

    def __init__(self, path: Path, threads: int) -> None:
        llama_cpp.llama_log_set(_QUIET, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_load_model_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        if not self._model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = _CONTEXT
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
        self._context = llama_cpp.llama_new_context_with_model(self._model, parameters)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)

    @property
    def template(self) -> str:
        found = llama_cpp.llama_model_chat_template(self._model, None)
        return str(found.decode())

    def tokenise(self, text: str) -> list[int]:
        data = text.encode()
        ids = (llama_cpp.llama_token * (len(data) + 8))()
        count = llama_cpp.llama_tokenize(self._vocabulary, data, len(data), ids, len(ids), False, True)
        return list(ids[:count])

    def piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(_PIECE)
        size = llama_cpp.llama_token_to_piece(self._vocabulary, token, buffer, _PIECE, 0, False)
        return buffer.raw[: max(0, size)]

    def text(self, tokens: list[int]) -> str:
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def generate(self, prompt: list[int], *, limit: int, temperature: float, seed: int = 1) -> Answer:
        """The answer to `prompt`, at most `limit` tokens; greedy at temperature 0."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        sampler = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if temperature > 0:
            llama_cpp.llama_sampler_chain_add(sampler, llama_cpp.llama_sampler_init_temp(temperature))
            llama_cpp.llama_sampler_chain_add(sampler, llama_cpp.llama_sampler_init_dist(seed))
        else:
            llama_cpp.llama_sampler_chain_add(sampler, llama_cpp.llama_sampler_init_greedy())
        tokens: list[int] = []
        ended = False
        pending = prompt
        while len(tokens) < limit and len(prompt) + len(tokens) < _CONTEXT and not ended:
            ids = (llama_cpp.llama_token * len(pending))(*pending)
            if code := llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(ids, len(pending))):
                raise SystemExit(f"llama_decode failed: {code}")
            token = llama_cpp.llama_sampler_sample(sampler, self._context, -1)
            tokens.append(token)
            ended = bool(llama_cpp.llama_vocab_is_eog(self._vocabulary, token))
            pending = [token]
        llama_cpp.llama_sampler_free(sampler)
        said = tokens[:-1] if ended else tokens
        return Answer(tokens, self.text(said), ended)


@llama_cpp.llama_log_callback
def _QUIET(level: int, text: bytes, data: object) -> None:
    """llama.cpp reports every load on stderr; only errors matter here, and they come back as codes."""
