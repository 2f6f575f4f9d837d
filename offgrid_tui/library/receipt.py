"""The receipt of a model as a small JSON file beside it, and in the journal of an import.

The database holds the same; the file is there for a lost or copied database, and for a person with an editor. What it
says of origins is taken over when its files are found again. That its bytes were verified is not: whoever can write
the file could claim that, so it counts only where a source still promises the hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import Check, Facts, InstalledFile, InstalledModel, Origin
from offgrid_tui.system.durable import atomic_write

ENDING = ".receipt.json"
FORM = 1
_LARGEST = 2**20  # bytes that are read
_TEXTS = ("id", "name", "repository", "revision", "publisher", "source", "catalog")


def receipt_path(first: Path) -> Path:
    """Beside the first file of the model."""
    return first.with_name(first.name + ENDING)


def to_dict(model: InstalledModel, folder: Path) -> dict[str, Any]:
    """`model` as JSON can hold it; its files relative to `folder`."""
    return {
        "form": FORM,
        **{name: getattr(model, name) for name in _TEXTS},
        "origin": model.origin.value,
        "check": model.check.value,
        "installed": model.installed,
        "facts": asdict(model.facts),
        "files": [
            {
                "path": str(file.path.relative_to(folder)),
                "bytes": file.size,
                "sha256": file.sha256,
                "role": file.role,
            }
            for file in model.files
        ],
    }


def from_dict(value: Any, folder: Path) -> InstalledModel:
    """The model that `value` tells of, with files below `folder`. Sizes and hashes are as they were then: look at the
    files before you believe them.

    Raises:
        DamagedError: it is no receipt, or names a file outside `folder`.
    """
    try:
        files = tuple(_file(item, folder) for item in value["files"])
        if value["form"] != FORM or not files:
            raise ValueError
        facts = {key: item for key, item in value["facts"].items() if key in Facts.__slots__}
        facts["capabilities"] = tuple(clean_line(str(item), 40) for item in facts.get("capabilities", ()))
        for name in ("architecture", "quantisation", "licence"):
            facts[name] = clean_line(str(facts.get(name, "")), 80)
        for name in ("parameters", "context"):
            facts[name] = facts[name] if isinstance(facts.get(name), int) else None
        texts: dict[str, Any] = {name: clean_line(str(value.get(name, "")), 300) for name in _TEXTS}
        return InstalledModel(
            **texts,
            origin=Origin(value["origin"]),
            check=Check(value["check"]),
            installed=float(value["installed"]),
            facts=Facts(**facts),
            files=files,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DamagedError("This is not a receipt of a model") from None


def write_receipt(model: InstalledModel) -> None:
    """Put the receipt beside the model's first file.

    Raises:
        OSError: it can't be written.
    """
    first = model.files[0].path
    text = json.dumps(to_dict(model, first.parent), ensure_ascii=False, indent=2)
    atomic_write(receipt_path(first), text + "\n", mode=0o644)


def read_receipt(first: Path) -> InstalledModel | None:
    """What the receipt beside `first` says; None where there is none that can be used."""
    try:
        with receipt_path(first).open("rb") as file:
            value = json.loads(file.read(_LARGEST))
        found = from_dict(value, first.parent)
    except (OSError, ValueError, RecursionError, DamagedError):
        return None
    return found if found.files[0].path == first else None


def _file(item: Mapping[str, Any], folder: Path) -> InstalledFile:
    path = PurePosixPath(item["path"])
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError
    sha256 = item["sha256"]
    if sha256 is not None and not (
        isinstance(sha256, str) and len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")
    ):
        raise ValueError
    size = item["bytes"]
    if not isinstance(size, int) or size < 0:
        raise ValueError
    return InstalledFile(folder / path, size, 0.0, sha256, clean_line(str(item["role"]), 40))
