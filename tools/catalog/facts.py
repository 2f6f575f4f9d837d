"""Reads the facts. Everything is in memory as plain dictionaries; a key that is missing was known to nobody."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "facts"

Fact = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """All of them."""

    files: list[Fact]
    architectures: list[Fact]
    publishers: list[Fact]
    decisions: Fact

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Facts:
        lists = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name in _LISTS]
        return cls(*lists, tomllib.loads((folder / "decisions.toml").read_text("utf-8")))

    @cached_property
    def models(self) -> dict[str, list[Fact]]:
        """Name of a model -> its files, in the order of the facts."""
        found: dict[str, list[Fact]] = defaultdict(list)
        for fact in self.files:
            found[fact["model"]].append(fact)
        return dict(found)

    @cached_property
    def architecture_of(self) -> dict[str, Fact]:
        """Name of a model -> the architecture that is its own."""
        return {name: fact for fact in self.architectures for name in fact["matches"]}


_LISTS = ("files", "architectures", "publishers")
