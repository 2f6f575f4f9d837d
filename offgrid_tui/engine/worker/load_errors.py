"""Why a model did not load: llama.cpp gives a null pointer, and its reasons in the log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.worker.problem import Problem

# What llama.cpp says, the code, the title and the mend; the first that fits counts.
_REASONS: tuple[tuple[str, ErrorCode, str, str], ...] = (
    (
        r"not within the file bounds|unexpectedly reached end of file|corrupted or incomplete|file is too small",
        ErrorCode.TRUNCATED,
        "The model file is cut off",
        "Download the file again.",
    ),
    (
        r"unknown model architecture",
        ErrorCode.UNSUPPORTED_ARCHITECTURE,
        "The engine does not know this model's architecture",
        "Update the engine, or take another model.",
    ),
    (
        r"unable to allocate|failed to allocate|out of memory|cannot allocate|failed to mmap|bad_alloc",
        ErrorCode.OUT_OF_MEMORY,
        "Out of memory while loading the model",
        "Take a smaller model or context, or close other programs.",
    ),
    (
        r"tokenizer|vocab|token_type|merges",
        ErrorCode.NO_TOKENIZER,
        "The model file has no usable tokenizer",
        "Take another conversion of this model.",
    ),
    (
        r"invalid magic|bad magic",
        ErrorCode.NOT_GGUF,
        "This is not a GGUF file",
        "Choose a file that ends in .gguf.",
    ),
    (
        r"gguf_init|wrong shape|missing tensor|wrong number of tensors|invalid|key not found|failed to read|duplicat"
        r"|tensor .* not found|has wrong|does not match|expected|mismatch",
        ErrorCode.DAMAGED,
        "The model file contradicts itself",
        "Download the file again, or take another conversion.",
    ),
)


def check_file(path: Path) -> int:
    """The file's size in bytes. Raises Problem where it is no GGUF at all."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            size = path.stat().st_size
    except IsADirectoryError:
        raise Problem(ErrorCode.NOT_GGUF, "This is a folder, not a GGUF file", str(path)) from None
    except OSError as error:
        raise Problem(
            ErrorCode.NOT_FOUND, "The model file cannot be read", f"{path}: {error.strerror}", "Check the path."
        ) from None
    if magic != b"GGUF"[: len(magic)] or not magic:
        raise Problem(
            ErrorCode.NOT_GGUF,
            "This is not a GGUF file",
            f"{path} does not begin with the letters GGUF",
            "Choose a file that ends in .gguf.",
        )
    if size < 24:
        raise Problem(ErrorCode.TRUNCATED, "The model file is cut off", f"{size} bytes", "Download the file again.")
    return size


def explain(errors: Sequence[str], what: str) -> Problem:
    """The problem that llama.cpp's error lines (oldest first) tell of; `what` could not be made."""
    said = [re.sub(r"^\w+: (error loading model: )?", "", line).strip() for line in errors]
    said = [line for line in dict.fromkeys(said) if line and not line.startswith(("failed to load model", "'"))]
    detail = "; ".join(said[:4])
    for pattern, code, title, mend in _REASONS:
        if re.search(pattern, detail, re.IGNORECASE):
            return Problem(code, title, f"llama.cpp: {detail}", mend)
    return Problem(
        ErrorCode.LOAD_FAILED,
        f"llama.cpp could not make the {what}",
        f"llama.cpp: {detail}" if detail else "llama.cpp gave no reason",
        "Look at the engine log.",
    )
