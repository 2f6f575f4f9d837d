"""What plain llama.cpp says, one token after the other, without any of our code: the worker is compared with it.

`python -m tests.support.reference MODEL COUNT`, with the prompt on standard input, does it in the engine's environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.engine import ROOT, engine_python


@dataclass(frozen=True)
class Step:
    """A token chosen greedily: its bytes, and how far its logit was above the next best."""

    piece: bytes
    margin: float


def greedy(model: Path, prompt: str, count: int) -> list[Step]:
    """The `count` most likely tokens after `prompt` (a rendered one)."""
    command = [engine_python(), "-m", "tests.support.reference", str(model), str(count)]
    done = subprocess.run(command, input=prompt.encode(), capture_output=True, cwd=ROOT, timeout=120, check=True)
    return [Step(bytes.fromhex(piece), margin) for piece, margin in json.loads(done.stdout)]


def _steps(model: str, prompt: bytes, count: int) -> list[tuple[str, float]]:
    import llama_cpp
    import numpy as np

    llama = llama_cpp.Llama(
        model, n_ctx=2048, n_batch=256, n_threads=1, n_threads_batch=1, flash_attn=False, verbose=False
    )
    try:
        llama.eval(llama.tokenize(prompt, add_bos=False, special=True))
        steps = []
        for _ in range(count):
            logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), (llama.n_vocab(),))
            best, second = (int(i) for i in np.argsort(logits)[-2:][::-1])
            steps.append((llama.detokenize([best]).hex(), float(logits[best] - logits[second])))
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


if __name__ == "__main__":
    json.dump(_steps(sys.argv[1], sys.stdin.buffer.read(), int(sys.argv[2])), sys.stdout)
