"""Puts our estimate of a model beside what llama.cpp says of the same file."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.fit.estimate import estimate
from offgrid_tui.fit.model import Use
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.hardware.probe import probe
from tools.fitmatrix.models import Shape, write

CONTEXTS = (512, 4096, 32768)
BATCHES = (64, 512)
CACHES = ("f16", "f16 fa", "q8_0")  # with llama.cpp's plain attention, with flash attention, and quantised
KINDS = ("weights", "kv", "compute")
_TYPES = {"f16": 1, "q8_0": 8}


@dataclass(frozen=True, slots=True)
class Row:
    """One model, loaded in one way: bytes that we estimate and bytes that llama.cpp states, by kind."""

    shape: Shape
    use: Use
    repack: bool
    ours: dict[str, float]
    theirs: dict[str, float]

    def miss(self, kind: str) -> float:
        """How far we are off, as a part of theirs; what rounds to nothing on both sides is no miss."""
        ours, theirs = self.ours[kind], self.theirs[kind]
        if abs(ours - theirs) <= 0.02 * 2**20:  # the log has hundredths of a MiB
            return 0.0
        return ours / theirs - 1 if theirs else float("inf")


def uses(
    contexts: Sequence[int] = CONTEXTS, batches: Sequence[int] = BATCHES, caches: Sequence[str] = CACHES, slots: int = 8
) -> Iterator[Use]:
    for context, batch, cache in itertools.product(contexts, batches, caches):
        kind = cache.partition(" ")[0]
        yield Use(
            context=context,
            batch=batch,
            slots=slots,
            kv_type_k=kind,
            kv_type_v=kind,
            flash_attention=cache != "f16",
        )


def compare(
    python: str, folder: Path, work: Sequence[tuple[Shape, Sequence[Use], bool]], *, real: bool = False
) -> list[Row]:
    """Write the models into `folder` and load them with the llama.cpp of the interpreter `python`.

    Args:
        work: shape, uses, and whether weights may be copied into another arrangement.
        real: load the weights too; otherwise llama.cpp only says what the cache and the scratch memory would take.
    """
    paths = {shape: write(shape, folder) for shape in {shape for shape, _, _ in work}}
    asked = [[str(paths[shape]), _model(repack, real), [_context(use) for use in uses]] for shape, uses, repack in work]
    script = Path(__file__).with_name("native.py")
    done = subprocess.run([python, str(script)], input=json.dumps(asked), capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    features = probe().cpu.features
    rows = []
    for (shape, uses, repack), found in zip(work, json.loads(done.stdout.splitlines()[-1]), strict=True):
        header = read_header(paths[shape])
        for use, sizes in zip(uses, found.pop("contexts"), strict=True):
            needed = estimate(header, use, features if repack else ())
            ours = {kind: getattr(needed, kind) for kind in ("repacked", "kv", "recurrent", "output", "compute")}
            ours["weights"] = needed.weights
            rows.append(Row(shape, use, repack, ours, {**found, **sizes}))
    return rows


def _model(repack: bool, real: bool) -> dict[str, object]:
    """With no_alloc nothing is read; it can't be had together with a mapped file."""
    return {"use_extra_bufts": repack} if real else {"use_extra_bufts": repack, "no_alloc": True, "load_mode": 0}


def _context(use: Use) -> dict[str, object]:
    return {
        "n_ctx": use.context,
        "n_batch": use.batch,
        "n_ubatch": use.batch,
        "n_seq_max": use.slots,
        "n_outputs_max": use.outputs or use.slots,
        "flash_attn_type": int(use.flash_attention),
        "type_k": _TYPES[use.kv_type_k],
        "type_v": _TYPES[use.kv_type_v],
        "kv_unified": use.unified,
        "swa_full": use.full_window,
    }
