"""Whether a model file may be loaded at all: what its header says, and whether it fits beside what is loaded."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.gguf.errors import GgufError, GgufProblem
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.parts import read_model

_CODES = {
    GgufProblem.NOT_GGUF: ErrorCode.NOT_GGUF,
    GgufProblem.TRUNCATED: ErrorCode.TRUNCATED,
    GgufProblem.DAMAGED: ErrorCode.DAMAGED,
}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that exists. `path` has its links resolved; `stamp` changes when the file is replaced."""

    path: str
    stamp: str


def locate(name: str) -> ModelFile:
    """The file that `name` means.

    Raises:
        EngineError: NOT_FOUND, NOT_GGUF (a folder), BAD_REQUEST (not an absolute path).
    """
    if not name.startswith("/") or "\0" in name:
        raise EngineError(
            ErrorCode.BAD_REQUEST, "A model is named by the full path of its file", detail=f"Asked for: {name}"
        )
    try:
        path = os.path.realpath(name)
        found = Path(path).stat()
    except OSError as error:
        raise EngineError(
            ErrorCode.NOT_FOUND,
            "There is no such model file",
            detail=f"{name}: {error.strerror}.",
            mend="Check the path; a model is one .gguf file.",
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise EngineError(
            ErrorCode.NOT_GGUF,
            "This is not a model file",
            detail=f"{name} is a folder or a device.",
            mend="Choose a file whose name ends in .gguf.",
        )
    return ModelFile(path, f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}")


def examine(path: str) -> Header:
    """The checked header of a model that could be loaded.

    Raises:
        EngineError: NOT_GGUF, TRUNCATED, DAMAGED, NO_TOKENIZER, NOT_FOUND, LOAD_FAILED (cannot be read).
    """
    try:
        header = read_model(Path(path))
    except GgufError as error:
        raise EngineError(_CODES[error.problem], error.title, detail=error.detail, mend=error.mend) from None
    except OffGridError as error:
        raise EngineError(ErrorCode.LOAD_FAILED, error.title, detail=error.detail, mend=error.mend) from None
    if header.tokenizer in ("", "none", "no_vocab"):
        raise EngineError(
            ErrorCode.NO_TOKENIZER,
            "This file has no tokenizer",
            detail="It may be an adapter (LoRA), a projector for images, or only a part of a model.",
            mend="Choose the model's main file.",
        )
    return header
