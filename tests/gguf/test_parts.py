"""Models in several files."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from offgrid_tui.foundation.errors import NotFoundError
from offgrid_tui.gguf.errors import GgufError
from offgrid_tui.gguf.parts import part_paths, read_model
from offgrid_tui.gguf.reader import read_header


def write_parts(folder: Path, stem: str = "model") -> list[Path]:
    """Five tensors in three files, split by the gguf package as llama.cpp's own tool does it."""
    writer = gguf.GGUFWriter(folder / f"{stem}.gguf", "llama", split_max_tensors=2)
    writer.add_block_count(1)
    for number in range(5):
        writer.add_tensor(f"t{number}", np.full((number + 1, 8), number, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob(f"{stem}-*.gguf"))


def test_all_parts_make_one_model(tmp_path: Path) -> None:
    paths = write_parts(tmp_path)
    assert len(paths) == 3
    for path in paths:  # whichever of them was chosen
        assert part_paths(path) == tuple(paths)
        header = read_model(path)
        assert [t.name for t in header.tensors] == [f"t{n}" for n in range(5)]
        assert [t.part for t in header.tensors] == [0, 0, 1, 1, 2]
        assert header.parameters == 8 * (1 + 2 + 3 + 4 + 5)
        assert header.file_size == sum(p.stat().st_size for p in paths)
        assert header.architecture == "llama"
    part = read_header(paths[1])
    assert part.split is not None
    assert (part.split.number, part.split.count, part.split.tensors) == (1, 3, 5)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    paths = write_parts(tmp_path)
    paths[1].unlink()
    with pytest.raises(NotFoundError, match=r"Part 2 of 3 is missing: model-00002-of-00003\.gguf"):
        read_model(paths[0])


def test_a_part_of_another_model_is_refused(tmp_path: Path) -> None:
    paths = write_parts(tmp_path)
    paths[2].write_bytes(paths[1].read_bytes())
    with pytest.raises(GgufError, match="is not part 3 of this model"):
        read_model(paths[0])


def test_a_renamed_part_says_what_is_wrong(tmp_path: Path) -> None:
    path = write_parts(tmp_path)[0].rename(tmp_path / "renamed.gguf")
    with pytest.raises(GgufError, match="one of 3 parts"):
        read_model(path)
    assert part_paths(path) == (path,)
