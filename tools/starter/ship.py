"""Puts the trained model and its card into the package."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from pathlib import Path
from string import Template

from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.reader import read_header

PACKAGE = Path(__file__).parents[2] / "offgrid_tui" / "starter"
CARD = Template(
    """\
# Pocket

The guide inside OffGrid: a language model of $parameters million parameters, trained from scratch by the scripts in
`tools/starter/` on text that these scripts generate. No text, weight or tokenizer of anybody else is in it.

| | |
|---|---|
| File | `pocket.gguf`, $bytes bytes, $quantisation |
| SHA-256 | `$sha256` |
| Architecture | llama: $layers layers, $width wide, $heads heads over $kv_heads key and value heads, SwiGLU of $feed |
| Vocabulary, context | $vocabulary tokens (byte-level BPE, each digit its own), $context tokens |
| Template | ChatML, with tools in the Hermes style |
| Licence | Apache-2.0, like OffGrid |

## What it is for

- It makes the first chat possible on a fresh machine without a network; help leads to it (`?`, then enter).
- It was trained to know what `tools/starter/facts.toml` says of OffGrid; to call simple tools that are described in its
  prompt; to quote from a passage that is given to it, with its number; to remember what was said in the chat; to say
  when it does not know. How well it does any of that stands under Figures.
- It gives OffGrid's tests a real model with real tokens, tool calls and ends.

## What it is not for

Real work. It knows nothing of the world, cannot reason, write or translate, and reads English only. What it says of
OffGrid can be wrong; `offgrid COMMAND --help` and the help of each screen are not. Whoever wants a model to work with
gets a real one: the Catalog says which fit.

## Data

$corpus

The generator and its seed are in `tools/starter/corpus/`: the same command makes the same text. Of the held-out
questions none occurs as a whole, nor seven of their words in a row; numbers, paths and names that an answer needs occur
nowhere.

## Training

$training

One pass over the corpus is 42 million tokens. Muon for the matrices, AdamW for embedding and norms; $steps steps of
8,192 tokens; bf16 on a CPU.
`make starter` does all of it again.

## Figures

On 477 questions that were written by hand before the generator existed (`tools/starter/heldout/`, whose README says how
answers are judged); answers are greedy, intervals are Wilson's.

`python -m tools.starter evaluate`, of the file that ships:

```
$figures
```

`python -m tools.starter evaluate pocket-f32.gguf --samples 0`, of the same weights before they were quantised:

```
$exact
```

`python -m tools.starter export` compares llama.cpp with PyTorch: $export
"""
)


def ship(folder: Path, hardware: str | None) -> None:
    """Copy the file of `folder` into the package and write its card.

    Args:
        hardware: what it was trained on; None names this machine.
    """
    PACKAGE.mkdir(exist_ok=True)
    model = PACKAGE / "pocket.gguf"
    shutil.copyfile(folder / "pocket-q8_0.gguf", model)
    header, data = read_header(model), model.read_bytes()
    last = json.loads((folder / "training.jsonl").read_text("utf-8").splitlines()[-1])
    hardware = hardware or f"{os.cpu_count()} cores of an {_processor()}, shared with other work"
    card = CARD.substitute(
        _shape(header),
        bytes=f"{len(data):,}",
        sha256=hashlib.sha256(data).hexdigest(),
        corpus=(folder / "corpus.txt").read_text("utf-8").strip(),
        training=f"{last['tokens'] / 1e6:.1f} million tokens in {last['seconds'] / 60:.0f} minutes on {hardware}.",
        steps=f"{last['step']:,}",
        figures=(folder / "figures-q8_0.txt").read_text("utf-8").strip(),
        exact=(folder / "figures-f32.txt").read_text("utf-8").strip(),
        export=(folder / "export.txt").read_text("utf-8").strip().splitlines()[-1].removeprefix("answers: ") + ".",
    )
    (PACKAGE / "MODEL_CARD.md").write_text(card, "utf-8")
    print(f"{model}: {len(data):,} bytes")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _shape(header: Header) -> dict[str, object]:
    return {
        "parameters": f"{header.parameters / 1e6:.1f}",
        "quantisation": header.quantisation,
        "layers": header.layers,
        "width": header.embedding,
        "heads": header.heads[0],
        "kv_heads": header.kv_heads[0],
        "feed": header.integer("{arch}.feed_forward_length"),
        "vocabulary": f"{header.vocabulary:,}",
        "context": f"{header.context_trained:,}",
    }
