"""What the header of a GGUF file says: metadata, tensors, and the model's shape in one vocabulary.

Names of keys: the GGUF specification (ggml's docs/gguf.md) and llama.cpp's llama-arch.cpp.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeGuard

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.types import FILE_TYPES, TensorType, ValueType


@dataclass(frozen=True, slots=True)
class Stored:
    """A long array or text that was passed over: `length` items (bytes for a text) in `size` bytes at `offset`."""

    kind: ValueType  # of the items; STRING for a text
    length: int
    offset: int
    size: int


Scalar = int | float | bool | str
Value = Scalar | tuple[Scalar, ...] | Stored


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; `shape` in ggml's order (the contiguous dimension first), `offset` from the start of the data."""

    name: str
    shape: tuple[int, ...]
    kind: TensorType
    offset: int
    part: int = 0  # of a model in several files

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.kind.bytes_for(self.elements)


@dataclass(frozen=True, slots=True)
class Split:
    """This file is part `number` (from 0) of `count`; all parts together hold `tensors`."""

    number: int
    count: int
    tensors: int


@dataclass(frozen=True)
class Header:
    """A checked header: every tensor lies inside the file, every count is one that a model can have."""

    version: int
    byte_order: Literal["little", "big"]
    alignment: int
    data_offset: int  # where the tensor data begins
    file_size: int  # bytes; of all parts where several were read
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]

    def integer(self, key: str) -> int | None:
        """A whole number, never negative; `{arch}` in `key` stands for the architecture. None where there is none."""
        value = self.metadata.get(self._key(key))
        return value if _is_count(value) else None

    def text(self, key: str) -> str | None:
        value = self.metadata.get(self._key(key))
        return value if isinstance(value, str) else None

    def length(self, key: str) -> int:
        """Number of items of an array; 0 where there is none."""
        value = self.metadata.get(self._key(key))
        if isinstance(value, Stored):
            return value.length
        return len(value) if isinstance(value, tuple) else 0

    def per_layer(self, key: str, default: int) -> tuple[int, ...]:
        """One whole number for each layer, whether the file gives one for all or an array."""
        value = self.metadata.get(self._key(key))
        if isinstance(value, tuple) and len(value) >= self.layers:
            return tuple(number if _is_count(number) else default for number in value[: self.layers])
        number = self.integer(key)
        return (default if number is None else number,) * self.layers

    def _key(self, key: str) -> str:
        return key.replace("{arch}", self.architecture)

    @property
    def architecture(self) -> str:
        """`general.architecture`: llama, qwen3, gemma3 …; empty where the file names none."""
        value = self.metadata.get("general.architecture")
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str:
        """`general.name` as one safe line; empty where the file has none."""
        return clean_line(self.text("general.name") or "")

    @cached_property
    def parameters(self) -> int:
        """Exact: the elements of all tensors, as llama.cpp counts them."""
        return sum(tensor.elements for tensor in self.tensors)

    @cached_property
    def weights(self) -> int:
        """Bytes of all tensors, without padding."""
        return sum(tensor.size for tensor in self.tensors)

    @cached_property
    def quantisation(self) -> str:
        """The recipe that the file names (Q4_K_M), else the tensor type that takes most bytes; empty for none."""
        recipe = self.integer("general.file_type")
        if recipe is not None and recipe in FILE_TYPES:
            return FILE_TYPES[recipe]
        sizes: Counter[str] = Counter()
        for tensor in self.tensors:
            sizes[tensor.kind.name] += tensor.size
        return sizes.most_common(1)[0][0] if sizes else ""

    @property
    def context_trained(self) -> int:
        """Tokens; 0 where the file does not say."""
        return self.integer("{arch}.context_length") or 0

    @property
    def layers(self) -> int:
        return self.integer("{arch}.block_count") or 0

    @property
    def embedding(self) -> int:
        """Width of the residual stream."""
        return self.integer("{arch}.embedding_length") or 0

    @cached_property
    def heads(self) -> tuple[int, ...]:
        """Attention heads of each layer; 0 in layers without attention."""
        return self.per_layer("{arch}.attention.head_count", 0)

    @cached_property
    def kv_heads(self) -> tuple[int, ...]:
        """Key and value heads of each layer; fewer than `heads` where several share one."""
        if self._key("{arch}.attention.head_count_kv") not in self.metadata:
            return self.heads
        return self.per_layer("{arch}.attention.head_count_kv", 0)

    @property
    def key_length(self) -> int:
        """Width of one key head."""
        return self.integer("{arch}.attention.key_length") or self._head_size

    @property
    def value_length(self) -> int:
        """Width of one value head."""
        return self.integer("{arch}.attention.value_length") or self._head_size

    @property
    def _head_size(self) -> int:
        most = max(self.heads, default=0)
        return self.embedding // most if most else 0

    @cached_property
    def vocabulary(self) -> int:
        """Number of tokens; 0 where the file has no tokenizer and does not say."""
        return self.length("tokenizer.ggml.tokens") or self.integer("{arch}.vocab_size") or 0

    @property
    def merges(self) -> int:
        """Number of rules by which a byte-pair tokenizer joins pieces; 0 for other kinds."""
        return self.length("tokenizer.ggml.merges")

    @property
    def tokenizer(self) -> str:
        """`tokenizer.ggml.model`: llama, gpt2, bert …; empty where the file has no tokenizer."""
        return self.text("tokenizer.ggml.model") or ""

    @property
    def chat_template(self) -> str | None:
        """The Jinja template, as it stands in the file: code from a stranger."""
        return self.text("tokenizer.chat_template")

    @property
    def split(self) -> Split | None:
        """Which part of a set this file is; None for a file that is whole."""
        count = self.integer("split.count") or 0
        if count < 2:
            return None
        return Split(self.integer("split.no") or 0, count, self.integer("split.tensors.count") or 0)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
