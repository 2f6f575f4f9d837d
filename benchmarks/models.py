"""The models that are measured; made once, kept under build/."""

from __future__ import annotations

import os
from pathlib import Path

from tools.models.bench import bench_model as write_bench_model
from tools.models.reciter import reciter_model as write_reciter

CACHE = Path(__file__).parents[1] / "build" / "bench"


def bench_model() -> Path:
    """Random weights in the shapes of Qwen3-0.6B, Q4_K_M (394 MB); made in some seconds when it is missing."""
    path = CACHE / "bench-0.6b-q4_k_m.gguf"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        write_bench_model(part)
        part.replace(path)
    return path


RECITED = " ".join(f"word{number:03}" for number in range(200))


def reciter() -> Path:
    """A model of 12 layers that says `RECITED`, one token a word: what it says is known, its timing is llama.cpp's."""
    path = CACHE / "reciter-12x1024.gguf"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        write_reciter(part, RECITED, layers=12, width=1024)
        part.replace(path)
    return path
