"""`python -m tools.starter {corpus,tokenizer,train,export,evaluate,ship}`: how Pocket is made, step by step."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

# Each step imports what it needs when it runs: only training and export need PyTorch, only evaluation llama.cpp.


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.starter", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/starter"), help="where all files are kept")
    steps = parser.add_subparsers(dest="step", required=True)
    corpus = steps.add_parser("corpus", help="generate the conversations (corpus.jsonl)")
    corpus.add_argument("--count", type=int, default=250_000)
    corpus.add_argument("--seed", type=int, default=1)
    tokenizer = steps.add_parser("tokenizer", help="learn the tokens (tokenizer.json) and cut the corpus (corpus.npz)")
    tokenizer.add_argument("--size", type=int, default=4096)
    tokenizer.add_argument("--sample", type=int, default=40_000, help="how many conversations to learn from")
    tokenizer.add_argument("--of", type=Path, metavar="GGUF", help="take this model's tokens instead of learning them")
    train = steps.add_parser("train", help="train, or go on training (checkpoint.pt)")
    train.add_argument("--device", default="cpu", help="cpu or cuda")
    train.add_argument("--threads", type=int, default=1, help="for each worker")
    train.add_argument("--workers", type=int, help="parts computed side by side (default: one for each core)")
    train.add_argument("--no-bf16", action="store_true", help="compute in 32 bits (for a CPU without bf16)")
    train.add_argument("--of", type=Path, metavar="GGUF", help="begin with this model's weights")
    train.add_argument("--compile", action="store_true", help="use torch.compile")
    for option in ("steps", "budget", "part", "every"):
        train.add_argument(f"--{option}", type=int)
    train.add_argument("--descent", type=float, help="the part of all steps in which the rates fall to nothing")
    for option in ("layers", "width", "heads", "kv_heads", "feed_forward"):
        train.add_argument(f"--{option.replace('_', '-')}", type=int)
    export = steps.add_parser("export", help="write the GGUF files (pocket-f32.gguf, pocket-q8_0.gguf)")
    export.add_argument("--prompts", type=int, default=200, help="how many prompts to compare with llama.cpp")
    evaluate = steps.add_parser("evaluate", help="judge a GGUF file by the held-out questions")
    evaluate.add_argument("model", type=Path, nargs="?", help="default: pocket-q8_0.gguf")
    evaluate.add_argument("--samples", type=int, default=1000, help="answers at temperature 0.7 to look for loops in")
    evaluate.add_argument("--threads", type=int, default=1)
    evaluate.add_argument("--answers", type=Path, help="write every answer there, as JSON lines")
    ship = steps.add_parser("ship", help="put the model and its card into the package")
    ship.add_argument("--hardware", help="what it was trained on (default: this machine)")
    arguments = parser.parse_args()
    globals()[f"_{arguments.step}"](arguments)


def _corpus(arguments: argparse.Namespace) -> None:
    from tools.starter.corpus.write import write_corpus

    write_corpus(arguments.folder / "corpus.jsonl", arguments.count, arguments.seed)


def _tokenizer(arguments: argparse.Namespace) -> None:
    from tools.starter import data, tokenizer

    corpus = arguments.folder / "corpus.jsonl"
    if arguments.of is not None:
        from tools.starter.warm import tokenizer_of

        made = tokenizer_of(arguments.of)
    else:
        made = tokenizer.train(data.texts(corpus, arguments.sample), arguments.size)
    made.save(arguments.folder / "tokenizer.json")
    packed = data.pack(corpus, made)
    packed.save(arguments.folder / "corpus.npz")
    print(f"{len(made.tokens)} tokens; corpus {data.describe(packed)}")


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from tools.starter.data import Packed
    from tools.starter.model import Shape
    from tools.starter.tokenizer import Tokenizer
    from tools.starter.train import Plan, Trainer

    torch.set_num_threads(arguments.threads)
    vocabulary = len(Tokenizer.load(arguments.folder / "tokenizer.json").tokens)
    shape = dataclasses.replace(Shape(vocabulary), **_given(arguments, Shape))
    packed = Packed.load(arguments.folder / "corpus.npz")
    trainer = Trainer(
        arguments.folder,
        packed,
        shape,
        dataclasses.replace(Plan(), **_given(arguments, Plan)),
        device=arguments.device,
        bf16=not arguments.no_bf16,
        compile_=arguments.compile,
        workers=arguments.workers or (1 if arguments.device != "cpu" else os.cpu_count() or 1),
        of=arguments.of,
    )
    print(f"{trainer.model.parameters_total():,} parameters, {len(packed.tokens):,} tokens of corpus")
    if not trainer.run():
        raise SystemExit(130)  # interrupted: the same command goes on from the checkpoint


def _given(arguments: argparse.Namespace, kind: type) -> dict[str, float]:
    """The fields of the dataclass `kind` that the command line names."""
    values = {field.name: getattr(arguments, field.name, None) for field in dataclasses.fields(kind)}
    return {name: value for name, value in values.items() if value is not None}


def _export(arguments: argparse.Namespace) -> None:
    from tools.starter.export import export

    export(arguments.folder, arguments.prompts)


def _evaluate(arguments: argparse.Namespace) -> None:
    from tools.starter.evaluate import evaluate

    model = arguments.model or arguments.folder / "pocket-q8_0.gguf"
    evaluate(model, samples=arguments.samples, threads=arguments.threads, answers=arguments.answers)


def _ship(arguments: argparse.Namespace) -> None:
    from tools.starter.ship import ship

    ship(arguments.folder, arguments.hardware)


main()
