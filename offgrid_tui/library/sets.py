"""Which files of a folder make one model: split sets, and the projector beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from offgrid_tui.gguf.parts import part_paths

MOST_FILES = 20_000  # entries of a tree that are looked at
DEEPEST = 8  # folders in folders

# What distinguishes files of one model, and so is no part of its name.
_QUANTISATION = re.compile(
    r"(?:^|[-_. ])(?:ud-)?(?:i?q\d(?:_[a-z0-9]+)*|tq\d_\d|mxfp4(?:_moe)?|b?f16|f32|fp16|fp32|gguf|imat|i1)(?=$|[-_. ])",
    re.IGNORECASE,
)
_PROJECTOR = re.compile(r"(?:^|[-_. ])mm-?proj(?:ector)?(?:-model)?(?=$|[-_. ])|mmproj", re.IGNORECASE)
_PREFERRED = ("f16", "bf16", "q8_0", "f32")  # of several projectors


@dataclass(frozen=True, slots=True)
class FileSet:
    """The files of one model, or what there is of them."""

    weights: tuple[Path, ...]  # in the order of their parts
    projector: Path | None = None
    missing: tuple[Path, ...] = ()  # parts that are not there

    @property
    def files(self) -> tuple[Path, ...]:
        return self.weights if self.projector is None else (*self.weights, self.projector)


def is_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf"


def looks_like_projector(path: Path) -> bool:
    return _PROJECTOR.search(path.name) is not None


def base_name(path: Path) -> str:
    """The model's own part of a file's name: without quantisation, part number and `mmproj`."""
    stem = re.sub(r"-\d{5}-of-\d{5}$", "", path.name[: -len(path.suffix)].lower())
    for pattern in (_PROJECTOR, _QUANTISATION):
        before = None
        while before != stem:  # two next to one another share the separator between them
            before, stem = stem, pattern.sub("", stem)
    return re.sub(r"[-_. ]+", "-", stem).strip("-")


def group(files: Iterable[Path], *, one_repository: bool) -> tuple[FileSet, ...]:
    """The sets that `files` of one folder make, by name.

    Args:
        one_repository: all of them are one model's, so that a projector belongs to each whatever its name; otherwise
            its name has to say so.
    """
    found = sorted(set(files))
    projectors = [path for path in found if looks_like_projector(path)]
    sets: list[FileSet] = []
    seen: set[Path] = set()
    for path in found:
        if path in seen or path in projectors:
            continue
        parts = part_paths(path)
        seen.update(parts)
        here = tuple(part for part in parts if part in found)
        sets.append(FileSet(here, missing=tuple(part for part in parts if part not in found)))
    alone = one_repository and len({base_name(one.weights[0]) for one in sets}) == 1
    return tuple(replace(one, projector=_projector(one, projectors, alone)) for one in sets)


def set_of(path: Path) -> FileSet:
    """The set that the file at `path` belongs to, with what lies beside it.

    Raises:
        OSError: the folder can't be read.
    """
    beside = [entry for entry in path.parent.iterdir() if is_gguf(entry)]
    wanted = part_paths(path)
    found = group([*wanted, *(p for p in beside if looks_like_projector(p) and p != path)], one_repository=False)
    if looks_like_projector(path):
        return FileSet((path,))
    chosen = next(one for one in found if wanted[0] in one.weights)
    there = tuple(part for part in wanted if os.path.lexists(part))
    return FileSet(there or (path,), chosen.projector, tuple(part for part in wanted if part not in there and there))


def walk(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder below `folder` that holds GGUF files, with these. Hidden folders and links to folders are passed
    over, files that are links are given; bounded against endless trees."""
    count = 0
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < DEEPEST else []
        count += len(names) + len(folders)
        if found := [Path(place, name) for name in sorted(names) if name.lower().endswith(".gguf") and name[0] != "."]:
            yield Path(place), found
        if count > MOST_FILES:
            return


def _projector(one: FileSet, projectors: list[Path], alone: bool) -> Path | None:
    name = base_name(one.weights[0])
    fitting = [
        path
        for path in projectors
        if alone or ((base := base_name(path)) and (base == name or name.startswith(base) or base.startswith(name)))
    ]

    def rank(path: Path) -> tuple[int, str]:
        lower = path.name.lower()
        # "bf16" holds "f16": the name is compared piece by piece.
        pieces = re.split(r"[-. ]", lower)
        return next((n for n, kind in enumerate(_PREFERRED) if kind in pieces), len(_PREFERRED)), lower

    return min(fitting, key=rank, default=None)
