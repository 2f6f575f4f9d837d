"""GGUF models for tests: the real llama.cpp runs them, and what they answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tools.models.random_weights
import tools.models.reciter
from tools.models.vocabulary import CHATML

RECITATION = (
    "A model that fits in memory answers at once. This one knows a single text by heart, and says it to whoever asks: "
    "words, `code`, **bold**, an emoji 🦙, naïve accents, and then it stops."
)


def random_model(
    folder: Path,
    *,
    seed: int = 1,
    kind: Literal["llama", "sliding", "recurrent"] = "llama",
    layers: int = 2,
    context: int = 2048,
    template: str | None = CHATML,
) -> Path:
    """A tiny model (2.4 MB) whose answers depend on the prompt and run until max_tokens or the context's end."""
    return tools.models.random_weights.random_model(
        folder / f"random-{kind}-{seed}.gguf", seed=seed, kind=kind, layers=layers, context=context, template=template
    )


def reciter_model(
    folder: Path,
    text: str = RECITATION,
    *,
    thinking: str | None = None,
    pieces: Sequence[str | bytes] | None = None,
    layers: int = 1,
    width: int = 256,
    context: int = 8192,
    template: str | None = CHATML,
    name: str = "reciter",
) -> Path:
    """A model that answers exactly `text` (after `thinking`, if given) and ends its turn; see tools/models/reciter.py.

    Some tens of tokens a second, and a prompt that takes seconds: layers=12, width=1024 (460 MB).
    """
    return tools.models.reciter.reciter_model(
        folder / f"{name}.gguf",
        text,
        thinking=thinking,
        pieces=pieces,
        layers=layers,
        width=width,
        context=context,
        template=template,
        name=name,
    )
