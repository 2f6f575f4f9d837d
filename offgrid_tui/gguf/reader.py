"""Reads the header of a GGUF file, version 2 or 3, of either byte order.

A model file comes from a stranger. Every count and length in it is compared with what the file can hold before it is
used, long arrays are passed over, and the whole is bounded in bytes, items and memory: a hostile header costs about a
second and a few megabytes. The layout follows ggml's docs/gguf.md. What llama.cpp refuses is refused here, but for
arrays in arrays, which the format knows, and files of the other byte order.
"""

from __future__ import annotations

import struct
from pathlib import Path

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.gguf.cursor import MAX_HEADER, Cursor
from offgrid_tui.gguf.errors import GgufError, GgufProblem
from offgrid_tui.gguf.header import Header, Stored, Tensor, Value
from offgrid_tui.gguf.source import ByteSource, FileSource
from offgrid_tui.gguf.types import CODES, TENSOR_TYPES, TensorType, ValueType

LENGTH = 8  # bytes of the length before each string
LEAST_KEY = LENGTH + 4 + 1  # its name, its type, a value of one byte
LEAST_ARRAY = 4 + 8  # the type and the number of its items
LEAST_TENSOR = LENGTH + 4 + 4 + 8  # its name, dimensions, type and offset
MAX_KEYS = 2**16
MAX_TENSORS = 2**17  # a mixture of 256 experts in 61 layers has 47,000 when each expert is apart
MAX_NAME = 2**16 - 1  # bytes of a key (specification)
MAX_TENSOR_NAME = 63  # bytes (GGML_MAX_NAME with its closing 0)
MAX_DIMENSIONS = 4
MAX_DEPTH = 4  # arrays in arrays; llama.cpp knows none
MAX_TEXT = 2**20  # bytes of a text that is kept; longer ones stay in the file
KEPT_BYTES = 16 * 2**20  # of all values together
KEPT_ITEMS = 1024  # of an array: one value for each layer, not one for each token
MAX_LAYERS = 512  # llama.cpp ends the process above it (LLAMA_MAX_LAYERS)
MAX_EXPERTS = 1024  # likewise (LLAMA_MAX_EXPERTS)


def read_header(path: Path) -> Header:
    """The header of the file at `path`, which must hold all the tensors that it states.

    Raises:
        NotFoundError: there is no such file.
        GgufError: it is not a GGUF file, truncated or damaged.
        OffGridError: it cannot be read.
    """
    with FileSource(path) as source:
        return parse_header(source)


def parse_header(source: ByteSource, *, kept_items: int = KEPT_ITEMS, kept_bytes: int = KEPT_BYTES) -> Header:
    """As `read_header`, from any source; arrays of up to `kept_items` numbers or strings are read."""
    return _Reader(source, kept_items, kept_bytes).read()


class _Reader:
    def __init__(self, source: ByteSource, kept_items: int, kept_bytes: int) -> None:
        self._source = source
        self._cursor = Cursor(source)
        self._kept_items = kept_items
        self._room = kept_bytes  # bytes that may still be kept

    def read(self) -> Header:
        version, big = self._version()
        tensors = self._cursor.count(LEAST_TENSOR, MAX_TENSORS, "tensors")
        keys = self._cursor.count(LEAST_KEY, MAX_KEYS, "metadata values")
        metadata = self._metadata(keys)
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise _damaged("The alignment of the tensors is not a power of two")
        infos = self._tensors(tensors)
        position = self._cursor.position
        data = position + -position % alignment if infos else position
        header = Header(version, "big" if big else "little", alignment, data, self._source.size, metadata, infos)
        _check_places(header)
        _check_shape(header)
        return header

    def _version(self) -> tuple[int, bool]:
        """Magic and version; sets the byte order, which only the version's own bytes tell."""
        size = self._source.size
        magic = self._source.read_at(0, min(4, size))
        if not b"GGUF".startswith(magic):
            raise GgufError(GgufProblem.NOT_GGUF, "This is not a GGUF file", detail=_resembles(magic))
        if size < 4:
            raise GgufError(GgufProblem.TRUNCATED, "The file is empty" if not size else "The file ends at once")
        self._cursor.skip(4, "the magic")
        version = self._cursor.integer("I", "the version")
        if big := not version & 0xFFFF:
            version = int.from_bytes(version.to_bytes(4, "little"), "big")
            self._cursor.swap()
        if version not in (2, 3):
            raise _damaged(f"This is GGUF version {version}", "Versions 2 and 3 are understood.")
        return version, big

    # ── metadata ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _metadata(self, count: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for _ in range(count):
            key = self._name(MAX_NAME, "a metadata key")
            if not key or key in metadata:
                raise _damaged(f"The metadata key {clean_line(key, 60)!r} is {'double' if key else 'empty'}")
            metadata[key] = self._value(f"the value of {clean_line(key, 60)}")
        return metadata

    def _name(self, most: int, what: str) -> str:
        length = self._cursor.integer("Q", what)
        if length > most:
            raise _damaged(f"The header states {length} bytes for {what}", f"At most {most} are allowed.")
        return self._cursor.take(length, what).decode("utf-8", "replace")

    def _value(self, what: str) -> Value:
        kind = self._kind(what)
        if kind is ValueType.STRING:
            return self._text(what)
        if kind is ValueType.ARRAY:
            return self._array(what, 1)
        number = self._cursor.number(CODES[kind], what)
        return bool(number) if kind is ValueType.BOOL else number

    def _kind(self, what: str) -> ValueType:
        number = self._cursor.integer("I", what)
        try:
            return ValueType(number)
        except ValueError:
            raise _damaged(f"The header states the unknown type {number} for {what}") from None

    def _text(self, what: str) -> Value:
        length = self._cursor.integer("Q", what)
        offset = self._cursor.position
        if length <= MAX_TEXT and self._keep(length):
            return self._cursor.take(length, what).decode("utf-8", "replace")
        self._cursor.skip(length, what)
        return Stored(ValueType.STRING, length, offset, length)

    def _array(self, what: str, depth: int) -> Value:
        kind = self._kind(what)
        if kind is ValueType.ARRAY:
            return self._nested(what, depth)
        least = LENGTH if kind is ValueType.STRING else struct.calcsize(f"<{CODES[kind]}")
        count = self._cursor.count(least, MAX_HEADER, f"items in {what}")
        offset = self._cursor.position
        if count > self._kept_items or not self._keep(count * least):
            if kind is ValueType.STRING:
                self._cursor.skip_strings(count, what)
            else:
                self._cursor.skip(count * least, what)
            return Stored(kind, count, offset, self._cursor.position - offset)
        if kind is not ValueType.STRING:
            numbers = self._cursor.numbers(CODES[kind], count, what)
            return tuple(map(bool, numbers)) if kind is ValueType.BOOL else numbers
        self._cursor.walk(count, what)
        texts = tuple(self._text(what) for _ in range(count))
        if all(isinstance(text, str) for text in texts):
            return tuple(str(text) for text in texts)
        return Stored(kind, count, offset, self._cursor.position - offset)

    def _nested(self, what: str, depth: int) -> Stored:
        """Arrays in an array are checked and passed over: nothing that we know writes them."""
        if depth == MAX_DEPTH:
            raise _damaged(f"The header nests arrays more than {MAX_DEPTH} deep", f"Found in {what}.")
        count = self._cursor.count(LEAST_ARRAY, MAX_HEADER, f"arrays in {what}")
        self._cursor.walk(count, what)
        offset = self._cursor.position
        for _ in range(count):
            self._array(what, depth + 1)
        return Stored(ValueType.ARRAY, count, offset, self._cursor.position - offset)

    def _keep(self, size: int) -> bool:
        """Whether `size` more bytes may be kept; the first that may not stay in the file, as all that follow."""
        self._room -= size
        return self._room >= 0

    # ── tensors ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tensors(self, count: int) -> tuple[Tensor, ...]:
        tensors: dict[str, Tensor] = {}
        for index in range(count):
            what = f"tensor {index + 1} of {count}"
            name = self._name(MAX_TENSOR_NAME, f"the name of {what}")
            if name in tensors:
                raise _damaged(f"The tensor {clean_line(name)} is there twice")
            shape = self._shape(name, what)
            kind = self._tensor_type(name, what)
            if (shape[0] if shape else 1) % kind.block:
                raise _damaged(f"The rows of tensor {clean_line(name)} do not fill blocks of {kind.name}")
            tensors[name] = Tensor(name, shape, kind, self._cursor.integer("Q", what))
        return tuple(tensors.values())

    def _shape(self, name: str, what: str) -> tuple[int, ...]:
        dimensions = self._cursor.integer("I", what)
        if dimensions > MAX_DIMENSIONS:
            raise _damaged(f"The tensor {clean_line(name)} has {dimensions} dimensions")
        shape = tuple(int(n) for n in self._cursor.numbers("Q", dimensions, what))
        product = 1
        for length in shape:
            product *= max(length, 1)
            if product >= 2**63:
                raise _damaged(f"The tensor {clean_line(name)} has an impossible shape", f"{shape}")
        return shape

    def _tensor_type(self, name: str, what: str) -> TensorType:
        number = self._cursor.integer("I", what)
        if (kind := TENSOR_TYPES.get(number)) is None:
            raise _damaged(
                f"The tensor {clean_line(name)} has the type {number}",
                "It is unknown here, or was removed from the format.",
            )
        return kind


def _check_places(header: Header) -> None:
    """Tensors lie one after the other, each aligned, and all inside the file."""
    expected = 0
    for tensor in header.tensors:
        if tensor.offset != expected:
            raise _damaged(
                f"The tensor {clean_line(tensor.name)} is not where the one before it ends",
                f"It begins at {tensor.offset} instead of {expected}.",
            )
        end = tensor.offset + tensor.size
        expected = end + -end % header.alignment
        if (missing := header.data_offset + end - header.file_size) > 0:
            raise GgufError(
                GgufProblem.TRUNCATED,
                f"The file ends inside the tensor {clean_line(tensor.name)}",
                detail=f"It has {bytes_text(header.file_size)}; at least {missing} bytes are missing.",
            )


def _check_shape(header: Header) -> None:
    """Figures on which llama.cpp would end its process rather than fail."""
    for key, most in (("{arch}.block_count", MAX_LAYERS), ("{arch}.expert_count", MAX_EXPERTS)):
        number = header.integer(key)
        if number is not None and not 0 <= number <= most:
            name = key.replace("{arch}", clean_line(header.architecture, 40))
            raise _damaged(f"The header states a {name} of {number}", f"At most {most} are possible.")


def _resembles(magic: bytes) -> str:
    """What the first bytes hint at."""
    kinds = {
        b"PK\x03\x04": "It looks like a ZIP archive or a PyTorch checkpoint.",
        b"lmgg": "It is in the old GGML format, which llama.cpp no longer reads.",
        b"tjgg": "It is in the old GGJT format, which llama.cpp no longer reads.",
        b"<!DO": "It is a web page: the download answered with HTML.",
        b"<htm": "It is a web page: the download answered with HTML.",
        b"vers": "It looks like a Git LFS pointer: the real file was not fetched.",
    }
    return kinds.get(magic, "Its first four bytes are not “GGUF”.")


def _damaged(title: str, detail: str = "") -> GgufError:
    return GgufError(GgufProblem.DAMAGED, title, detail=detail)
