"""llama.cpp's own reader and ours agree on what is a GGUF file: neither is stricter on mutated ones."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from test_mutations import mutants, seeds

from offgrid_tui.gguf.errors import GgufError, GgufProblem
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.reader import parse_header
from offgrid_tui.gguf.source import MemorySource
from tests.support.engine import engine_python


def ours(data: bytes) -> Header | GgufProblem:
    try:
        return parse_header(MemorySource(data))
    except GgufError as error:
        return error.problem


def test_both_take_and_refuse_the_same_files(tmp_path: Path) -> None:
    originals = [data for data in seeds(tmp_path) if ours(data).byte_order == "little"]  # type: ignore[union-attr]
    paths, verdicts = [], []
    for number, data in enumerate(mutants(originals, 600)):
        verdict = ours(data)
        if verdict is GgufProblem.TRUNCATED:
            continue  # its reader of headers does not look whether the data are there; its loader does
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(data)
        paths.append(str(path))
        verdicts.append(isinstance(verdict, Header))
    done = subprocess.run(
        [engine_python(), str(Path(__file__).with_name("llama_verdicts.py"))],
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        errors="replace",  # it quotes the bytes that it does not like
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout)
    assert [path for path, a, b in zip(paths, verdicts, theirs, strict=True) if a is not b] == []
    assert min(verdicts.count(True), verdicts.count(False)) > 30
