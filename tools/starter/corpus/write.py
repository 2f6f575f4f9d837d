"""Writes the corpus, and says what it has in common with the exam."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from tools.starter.corpus.mixture import Mixture
from tools.starter.corpus.overlap import Overlap


def write_corpus(path: Path, count: int, seed: int) -> None:
    """`count` conversations as JSON lines in `path`.

    Raises:
        SystemExit: more of the exam is in it than the bounds allow.
    """
    overlap, kinds, digest = Overlap(), Counter[str](), hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for conversation in Mixture().conversations(count, seed):
            line = conversation.to_json() + "\n"
            file.write(line)
            digest.update(line.encode())
            overlap.add(conversation)
            kinds[conversation.kind] += 1
    report = overlap.report()
    print(f"{path.name}: {count} conversations ({', '.join(f'{kind} {n}' for kind, n in sorted(kinds.items()))})")
    print(f"sha256 {digest.hexdigest()}, {path.stat().st_size / 1e6:.0f} MB, seed {seed}")
    print(report)
    if faults := report.faults():
        raise SystemExit("the corpus is too near to the exam: " + "; ".join(faults))
