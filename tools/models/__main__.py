"""`python -m tools.models {bench,random,reciter} OUT.gguf`"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.models.bench import bench_model
from tools.models.random_weights import random_model
from tools.models.reciter import reciter_model


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.models", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    bench = kinds.add_parser("bench", help="random weights in the shapes of Qwen3-0.6B, Q4_K_M")
    random = kinds.add_parser("random", help="a tiny llama of random weights")
    reciter = kinds.add_parser("reciter", help="a model that recites one text")
    for each in (bench, random, reciter):
        each.add_argument("out", type=Path)
    random.add_argument("--seed", type=int, default=1)
    reciter.add_argument("--text", required=True)
    reciter.add_argument("--thinking")
    reciter.add_argument("--layers", type=int, default=1)
    reciter.add_argument("--width", type=int, default=256)
    arguments = parser.parse_args()
    if arguments.kind == "bench":
        path = bench_model(arguments.out)
    elif arguments.kind == "random":
        path = random_model(arguments.out, seed=arguments.seed)
    else:
        path = reciter_model(
            arguments.out,
            arguments.text,
            thinking=arguments.thinking,
            layers=arguments.layers,
            width=arguments.width,
        )
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


raise SystemExit(main())
