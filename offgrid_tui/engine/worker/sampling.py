"""How the next token is chosen: llama.cpp's samplers, one chain for each answer."""

from __future__ import annotations

import ctypes
import math
import secrets
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as native

from offgrid_tui.engine.contract import ErrorCode, Sampling
from offgrid_tui.engine.worker.problem import Problem

MAX_SEED = 2**32 - 2  # 2**32 - 1 means "choose one" to llama.cpp


def check(sampling: Sampling, vocabulary_size: int) -> None:
    """Raise Problem where llama.cpp would not take the values, or would abort the process over them."""
    for name, low, high in (
        ("temperature", 0.0, 100.0),
        ("top_p", 0.0, 1.0),
        ("min_p", 0.0, 1.0),
        ("typical_p", 0.0, 1.0),
        ("repetition_penalty", 0.01, 100.0),
        ("frequency_penalty", -100.0, 100.0),
        ("presence_penalty", -100.0, 100.0),
        ("top_k", 0, 2**31 - 1),
        ("penalty_window", 0, 2**20),
        ("max_tokens", 1, 2**31 - 1),
        ("seed", 0, MAX_SEED),
    ):
        value = getattr(sampling, name)
        if value is not None and not low <= value <= high:  # false for NaN too
            raise _bad(f"{name} is {value}", f"Give a {name} from {low} to {high}.")
    for text, bias in sampling.logit_bias.items():
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) < vocabulary_size):
            raise _bad(f"logit_bias names token {text[:20]!r}", f"Name tokens from 0 to {vocabulary_size - 1}.")
        if not math.isfinite(bias):
            raise _bad(f"logit_bias of token {text} is {bias}", "Give a finite number; -100 bans a token.")
    if len(sampling.stop) > 64 or any(not 0 < len(stop) <= 1000 for stop in sampling.stop):
        raise _bad(
            "a stop string is empty or too long, or there are too many", "Give up to 64 of 1 to 1000 characters."
        )


def _bad(detail: str, mend: str) -> Problem:
    return Problem(ErrorCode.BAD_REQUEST, "The sampling parameters cannot be used", detail, mend)


class Sampler:
    """A llama.cpp sampler chain. `close` it."""

    def __init__(self, sampling: Sampling, vocabulary_size: int, prompt: Sequence[int]) -> None:
        """`sampling` was checked. The penalties look back into `prompt` too, as llama.cpp's own server does."""
        self.seed = sampling.seed if sampling.seed is not None else secrets.randbelow(MAX_SEED + 1)
        self._chain: Any = native.llama_sampler_chain_init(native.llama_sampler_chain_default_params())
        if sampling.logit_bias:
            self._add_biases(sampling.logit_bias, vocabulary_size)
        window = sampling.penalty_window
        penalised = (
            sampling.repetition_penalty != 1.0 or sampling.frequency_penalty != 0.0 or sampling.presence_penalty != 0.0
        )
        if penalised and window:
            self._add(
                native.llama_sampler_init_penalties(
                    vocabulary_size,
                    window,
                    sampling.repetition_penalty,
                    sampling.frequency_penalty,
                    sampling.presence_penalty,
                )
            )
        if sampling.temperature == 0.0:
            self._add(native.llama_sampler_init_greedy())
        else:
            if sampling.top_k:
                self._add(native.llama_sampler_init_top_k(sampling.top_k))
            if sampling.typical_p < 1.0:
                self._add(native.llama_sampler_init_typical(sampling.typical_p, 1))
            if sampling.top_p < 1.0:
                self._add(native.llama_sampler_init_top_p(sampling.top_p, 1))
            if sampling.min_p > 0.0:
                self._add(native.llama_sampler_init_min_p(sampling.min_p, 1))
            self._add(native.llama_sampler_init_temp(sampling.temperature))
            self._add(native.llama_sampler_init_dist(self.seed))
        if penalised:
            for token in prompt[-window:] if window else ():
                native.llama_sampler_accept(self._chain, token)

    def sample(self, context: Any, index: int) -> int:
        """The token chosen for output `index` of the last batch; the chain remembers it."""
        return int(native.llama_sampler_sample(self._chain, context, index))

    def close(self) -> None:
        if self._chain:
            native.llama_sampler_free(self._chain)
            self._chain = None

    def _add(self, sampler: Any) -> None:
        native.llama_sampler_chain_add(self._chain, sampler)

    def _add_biases(self, biases: dict[str, float], vocabulary_size: int) -> None:
        entries = (native.llama_logit_bias * len(biases))()
        for entry, (token, bias) in zip(entries, biases.items(), strict=True):
            entry.token, entry.bias = int(token), bias
        pointer = ctypes.cast(entries, native.llama_logit_bias_p)
        self._add(native.llama_sampler_init_logit_bias(vocabulary_size, len(biases), pointer))
