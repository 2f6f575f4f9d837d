"""The manifest of a bundle: JSON that says which files make which model. What is read is checked field by field; a
signature says who wrote it, not that it is sensible."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import Facts
from offgrid_tui.transfer.errors import DamagedBundle, HostileBundle
from offgrid_tui.transfer.layout import DEEPEST, LARGEST_FILE, LONGEST_NAME, MODELS, MOST_FILES, MOST_MODELS, is_paper
from offgrid_tui.transfer.model import BundleFile, BundleModel, Manifest, Piece
from offgrid_tui.transfer.strict import loads

FORM = 1
_HEX = frozenset("0123456789abcdef")
_FORBIDDEN = frozenset('\\:*?"<>|')
_TEXTS = ("name", "repository", "revision", "publisher", "catalog", "check")


def write(manifest: Manifest) -> str:
    value = {
        "kind": "offgrid bundle",
        "form": FORM,
        "created": manifest.created,
        "program": manifest.program,
        "models": [_model_dict(model) for model in manifest.models],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def parse(text: bytes) -> Manifest:
    """The manifest in `text`.

    Raises:
        DamagedBundle: it is none.
        HostileBundle: it names paths outside of the bundle, one twice, or beyond all measure.
    """
    try:
        value = loads(text)
        if value["form"] != FORM:
            raise DamagedBundle(
                "A newer OffGrid wrote it.", mend="Update OffGrid here, or export it with the older one."
            )
        items = value["models"]
        if len(items) > MOST_MODELS:
            raise HostileBundle(f"It lists {len(items)} models.")
        models = tuple(_model(item) for item in items)
        manifest = Manifest(models, _time(value["created"]), clean_line(str(value["program"]), 60))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise DamagedBundle("Its manifest can't be read.") from None
    _require_once(manifest)
    return manifest


def safe_path(text: Any) -> str:
    """`text` as a path below a root that every filesystem can hold.

    Raises:
        HostileBundle: it is none: absolute, leading out, or of characters that no export writes.
        TypeError: it is no text.
    """
    if not isinstance(text, str):
        raise TypeError
    parts = text.split("/")
    for part in parts:
        bad = part in ("", ".", "..") or part != clean_line(part, 1000) or _FORBIDDEN & set(part)
        if bad or part[-1] in ". " or len(part.encode("utf-8", "replace")) > LONGEST_NAME:
            raise HostileBundle(f"It names the path {text[:200]!r}.")
    if len(parts) > DEEPEST:
        raise HostileBundle(f"It names the path {text[:200]!r}.")
    return text


def _require_once(manifest: Manifest) -> None:
    """No two pieces or files may be one: on a stick that knows no case, or here."""
    seen: dict[str, BundleFile | str] = {}
    count = 0
    for model in manifest.models:
        targets = {file.path.casefold() for file in model.files}
        if len(targets) != len(model.files):
            raise HostileBundle(f"It lists a file of {model.name} twice.")
        for file in model.files:
            for piece in file.pieces:
                count += 1
                known = seen.setdefault(piece.path.casefold(), file)
                if known != file:  # two models may share a projector, which is then the same in each
                    raise HostileBundle(f"It lists {piece.path} twice.")
        for paper in model.papers:
            count += 1
            if seen.setdefault(paper.casefold(), paper) != paper:  # two models may share a licence
                raise HostileBundle(f"It lists {paper} twice.")
    if count > MOST_FILES:
        raise HostileBundle(f"It lists {count} files.")


def _model(item: Any) -> BundleModel:
    texts: dict[str, str] = {name: clean_line(str(item.get(name, "")), 300) for name in _TEXTS}
    files = tuple(_file(one) for one in item["files"])
    roles = [file.role for file in files]
    weights = roles.count("weights")
    if not weights or roles not in (["weights"] * weights, ["weights"] * weights + ["projector"]):
        raise ValueError
    facts = item["facts"]
    number = {name: facts.get(name) if isinstance(facts.get(name), int) else None for name in ("parameters", "context")}
    papers = tuple(safe_path(one) for one in item.get("papers", ()))
    if not all(is_paper(one) for one in papers):
        raise HostileBundle("It lists papers that are none.")
    return BundleModel(
        **texts,
        files=files,
        facts=Facts(
            architecture=clean_line(str(facts.get("architecture", "")), 80),
            quantisation=clean_line(str(facts.get("quantisation", "")), 80),
            licence=clean_line(str(facts.get("licence", "")), 80),
            capabilities=tuple(clean_line(str(one), 40) for one in facts.get("capabilities", ())[:20]),
            template=facts.get("template") is True,
            **number,
        ),
        installed=_time(item.get("installed", 0.0)),
        papers=papers,
    )


def _file(item: Any) -> BundleFile:
    path = _model_path(item["path"])
    size, sha256 = _size(item["bytes"]), _digest(item["sha256"])
    if "parts" not in item:
        pieces: tuple[Piece, ...] = (Piece(path, 0, size, sha256),)
    else:
        found, start = [], 0
        for one in item["parts"]:
            piece = Piece(_model_path(one["path"]), start, _size(one["bytes"]), _digest(one["sha256"]))
            found.append(piece)
            start += piece.size
        if start != size or not found:
            raise HostileBundle(f"The parts of {path} don't add up to its size.")
        pieces = tuple(found)
    return BundleFile(path, size, sha256, clean_line(str(item["role"]), 40), pieces)


def _model_path(value: Any) -> str:
    path = safe_path(value)
    if not path.startswith(MODELS) or is_paper(path):
        raise HostileBundle(f"It names the path {path[:200]!r} for a model.")
    return path


def _time(value: Any) -> float:
    found = float(value)
    if not 0 <= found < 2**53:
        raise ValueError
    return found


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    if not 0 < value <= LARGEST_FILE:
        raise HostileBundle(f"It lists a file of {value} bytes.")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= _HEX:
        raise ValueError
    return value


def _model_dict(model: BundleModel) -> dict[str, Any]:
    return {
        **{name: getattr(model, name) for name in _TEXTS},
        "installed": model.installed,
        "facts": asdict(model.facts),
        "papers": list(model.papers),
        "files": [_file_dict(file) for file in model.files],
    }


def _file_dict(file: BundleFile) -> dict[str, Any]:
    value: dict[str, Any] = {"path": file.path, "bytes": file.size, "sha256": file.sha256, "role": file.role}
    if not file.whole:
        value["parts"] = [{"path": one.path, "bytes": one.size, "sha256": one.sha256} for one in file.pieces]
    return value


def all_pieces(models: Iterable[BundleModel]) -> dict[str, Piece]:
    """Every piece of `models`, by path."""
    return {piece.path: piece for model in models for file in model.files for piece in file.pieces}
