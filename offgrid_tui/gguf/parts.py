"""Models in several files: `name-00001-of-00005.gguf` and its siblings, as llama.cpp's gguf-split writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from offgrid_tui.foundation.errors import NotFoundError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.errors import GgufError, GgufProblem
from offgrid_tui.gguf.header import Header, Split
from offgrid_tui.gguf.reader import read_header

MAX_PARTS = 1000
_NAME = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)


def part_paths(path: Path) -> tuple[Path, ...]:
    """All files of the model that `path` is a part of, in order; `path` alone where its name is not a part's."""
    match = _NAME.fullmatch(path.name)
    count = int(match["count"]) if match else 1
    if match is None or not 1 < count <= MAX_PARTS:
        return (path,)
    return tuple(path.with_name(f"{match['stem']}-{n:05}-of-{count:05}.gguf") for n in range(1, count + 1))


def read_model(path: Path) -> Header:
    """The header of the whole model: of a part, the metadata of the first file and the tensors of all.

    Raises:
        NotFoundError: there is no such file, or a part is missing.
        GgufError: a file is not GGUF, truncated or damaged, or belongs to another model.
        OffGridError: a file cannot be read.
    """
    header = read_header(path)
    if header.split is None:
        return header
    paths = part_paths(path)
    if len(paths) != header.split.count:
        raise GgufError(
            GgufProblem.DAMAGED,
            f"{clean_line(path.name)} is one of {header.split.count} parts, but its name does not say which",
            detail="Parts are found by their names: model-00001-of-00003.gguf and so on.",
        )
    return joined([_part(number, paths, header.split) for number in range(len(paths))])


def joined(headers: Sequence[Header]) -> Header:
    """The header of the whole model from those of its parts, which are all there and in order.

    Raises:
        GgufError: they are not parts of one model.
    """
    split = headers[0].split
    if split is None:
        if len(headers) == 1:
            return headers[0]
        raise GgufError(GgufProblem.DAMAGED, "The first file is not a part of a model")
    for number, part in enumerate(headers):
        if part.split is None or part.split.count != len(headers) or part.split.number != number:
            raise GgufError(GgufProblem.DAMAGED, f"File {number + 1} of {len(headers)} is not that part of this model")
    tensors = tuple(replace(t, part=number) for number, part in enumerate(headers) for t in part.tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise GgufError(GgufProblem.DAMAGED, "The parts hold the same tensor twice")
    if split.tensors and len(tensors) != split.tensors:
        raise GgufError(
            GgufProblem.DAMAGED,
            "The parts do not make a whole model",
            detail=f"They hold {len(tensors)} tensors of {split.tensors}.",
        )
    return replace(headers[0], tensors=tensors, file_size=sum(part.file_size for part in headers))


def _part(number: int, paths: tuple[Path, ...], split: Split) -> Header:
    path = paths[number]
    try:
        header = read_header(path)
    except NotFoundError:
        raise NotFoundError(
            f"Part {number + 1} of {len(paths)} is missing: {clean_line(path.name)}",
            detail=f"Looked in {clean_line(str(path.parent))}.",
            mend="Fetch the missing part into the same folder.",
        ) from None
    if header.split is None or header.split.count != split.count or header.split.number != number:
        raise GgufError(GgufProblem.DAMAGED, f"{clean_line(path.name)} is not part {number + 1} of this model")
    return header
