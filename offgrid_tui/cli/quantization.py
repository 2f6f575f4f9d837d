"""`offgrid quantization`: what Q2_K to F16 mean, and which of them this machine can hold of models of usual sizes."""

from __future__ import annotations

import argparse
import asyncio
import json

from offgrid_tui.cli.fit import host_taken
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.engine.builder.find import uses_gpu
from offgrid_tui.fit.model import WORDS, Fit, Snapshot
from offgrid_tui.fit.quantisation import GUIDE, Quantisation
from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def _usual(
    name: str, parameters: int, layers: int, width: int, heads: int, kv: int, wide: int
) -> tuple[str, ModelShape]:
    shape = ModelShape(
        architecture="llama",
        layers=layers,
        embedding=width,
        heads=(heads,),
        kv_heads=(kv,),
        key_length=128,
        value_length=128,
        feed_forward=(wide,),
        vocabulary=128256,
        context_trained=131072,
        parameters=parameters,
    )
    return name, shape


# Models as they are built today, for what a size needs beside its weights.
SIZES = (
    _usual("3B", 3_200_000_000, 28, 3072, 24, 8, 8192),
    _usual("8B", 8_000_000_000, 32, 4096, 32, 8, 14336),
    _usual("14B", 14_700_000_000, 40, 5120, 40, 8, 17408),
    _usual("32B", 32_800_000_000, 64, 5120, 64, 8, 25600),
    _usual("70B", 70_600_000_000, 80, 8192, 64, 8, 28672),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, sizes in bytes")
    parser.epilog = (
        "Fits are for models of 3 to 70 billion parameters at the context of the settings; `offgrid fit NAME` knows a "
        "model's own figures. Bits are averages: llama.cpp keeps some matrices wider."
    )


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    settings = load_settings(paths)
    service = FitService(settings, on_gpu=uses_gpu(paths, settings))
    at = service.snapshot(asyncio.run(host_taken(paths, settings)))
    if args.json:
        value = {
            "context": service.use(131072).context,
            "quantizations": [
                {
                    "name": one.name,
                    "bits_per_weight": one.bits,
                    "size_factor": round(one.factor, 3),
                    "quality": one.words,
                    "speed": one.speed,
                    "fits": {
                        name: {
                            "size_bytes": one.size(shape.parameters or 0),
                            "total_bytes": (found := _fit(service, one, shape, at)).estimate.memory
                            + found.estimate.gpu,
                            "verdict": found.verdict.level.value,
                        }
                        for name, shape in SIZES
                    },
                }
                for one in GUIDE
            ],
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return int(ExitCode.OK)
    heads = (
        Column("Quant"),
        Column("Bits", right=True),
        Column("Size of 8B", right=True),
        Column("Quality", least=14),
        *(Column(name) for name, _ in SIZES),
    )
    eight = next(shape for name, shape in SIZES if name == "8B")
    rows = [
        (
            one.name,
            f"{one.bits:.1f}",
            bytes_text(one.size(eight.parameters or 0)),
            one.words,
            *(WORDS[_fit(service, one, shape, at).verdict.level].word for _, shape in SIZES),
        )
        for one in GUIDE
    ]
    for line in lines(heads, rows, terminal_width()):
        print(line)
    print()
    for one in GUIDE:
        print(f"{one.name:<7} {round(100 * one.factor):>3} % of 16 bits; {one.speed}")
    context = service.use(131072).context
    print(
        f"\nFits are for this machine, at a context of {context} tokens; {bytes_text(at.memory.limit)} for models now."
    )
    return int(ExitCode.OK)


def _fit(service: FitService, one: Quantisation, shape: ModelShape, at: Snapshot) -> Fit:
    return service.of_shape(shape, one.size(shape.parameters or 0), one.name, at=at, siblings=None)
