"""What plain llama.cpp says, one token after the other, without any of our code: the worker is compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Step:
    """A token chosen greedily: its bytes, and how far its logit was above the next best."""

    piece: bytes
    margin: float


def greedy(model: Path, prompt: str, count: int) -> list[Step]:
    """The `count` most likely tokens after `prompt` (a rendered one)."""
    import llama_cpp

    llama = llama_cpp.Llama(
        str(model), n_ctx=2048, n_batch=256, n_threads=1, n_threads_batch=1, flash_attn=False, verbose=False
    )
    try:
        llama.eval(llama.tokenize(prompt.encode(), add_bos=False, special=True))
        steps = []
        for _ in range(count):
            logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), (llama.n_vocab(),))
            best, second = (int(i) for i in np.argsort(logits)[-2:][::-1])
            steps.append(Step(llama.detokenize([best]), float(logits[best] - logits[second])))
            llama.eval([best])
        return steps
    finally:
        llama.close()


def assert_same_but_for_ties(said: str, steps: list[Step], margin: float) -> None:
    """`said` is what `steps` say, up to a token whose logit was less than `margin` above the next best."""
    expected = b"".join(step.piece for step in steps).decode("utf-8", "replace")
    if said == expected:
        return
    same = next(
        (i for i, (a, b) in enumerate(zip(said, expected, strict=False)) if a != b), min(len(said), len(expected))
    )
    told = b""
    for step in steps:
        told += step.piece
        if len(told.decode("utf-8", "replace")) > same:
            assert step.margin < margin, f"{said!r} is not {expected!r} from {same} on; margin {step.margin}"
            return
    raise AssertionError(f"{said!r} is longer than {expected!r}")
