"""GGUF files of many kinds, written by the gguf package, and the bytes to write broken ones by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np

ARRAYS = {
    "test.array.u8": (gguf.GGUFValueType.UINT8, [0, 1, 255]),
    "test.array.i8": (gguf.GGUFValueType.INT8, [-128, 0, 127]),
    "test.array.u16": (gguf.GGUFValueType.UINT16, [0, 65535]),
    "test.array.i16": (gguf.GGUFValueType.INT16, [-32768, 32767]),
    "test.array.u32": (gguf.GGUFValueType.UINT32, [0, 2**32 - 1]),
    "test.array.i32": (gguf.GGUFValueType.INT32, [-(2**31), 2**31 - 1]),
    "test.array.f32": (gguf.GGUFValueType.FLOAT32, [0.5, -1.25, float("inf")]),
    "test.array.bool": (gguf.GGUFValueType.BOOL, [True, False, True]),
    "test.array.u64": (gguf.GGUFValueType.UINT64, [0, 2**64 - 1]),
    "test.array.i64": (gguf.GGUFValueType.INT64, [-(2**63), 2**63 - 1]),
    "test.array.f64": (gguf.GGUFValueType.FLOAT64, [0.1, float("nan")]),
    "test.array.text": (gguf.GGUFValueType.STRING, ["", "a", "naïve 🦙", "x" * 3000]),
}


def write(
    path: Path,
    *,
    big: bool = False,
    alignment: int | None = None,
    tensors: int = 3,
    vocabulary: int = 300,
    text_length: int = 70_000,
    recipe: gguf.LlamaFileType | None = None,
    kinds: tuple[gguf.GGMLQuantizationType, ...] = (gguf.GGMLQuantizationType.F32,),
) -> Path:
    """A file with every kind of value, and `tensors` small tensors of each of `kinds`."""
    order = gguf.GGUFEndian.BIG if big else gguf.GGUFEndian.LITTLE
    writer = gguf.GGUFWriter(path, "llama", endianess=order)
    writer.add_name("A test\nmodel")
    writer.add_block_count(2)
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv([2, 1])
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")
    if recipe is not None:
        writer.add_file_type(recipe)
    if alignment:
        writer.add_custom_alignment(alignment)
    writer.add_uint8("test.u8", 255)
    writer.add_int8("test.i8", -128)
    writer.add_uint16("test.u16", 65535)
    writer.add_int16("test.i16", -32768)
    writer.add_uint32("test.u32", 2**32 - 1)
    writer.add_int32("test.i32", -(2**31))
    writer.add_uint64("test.u64", 2**64 - 1)
    writer.add_int64("test.i64", -(2**63))
    writer.add_float32("test.f32", 1.5)
    writer.add_float64("test.f64", -1e300)
    writer.add_bool("test.true", True)
    writer.add_bool("test.false", False)
    writer.add_string("test.text", "naïve 🦙")
    writer.add_string("test.long", "y" * text_length)
    for name, (kind, items) in ARRAYS.items():
        writer.add_key_value(name, items, gguf.GGUFValueType.ARRAY, kind)
    writer.add_token_list([f"token {n}" for n in range(vocabulary)])
    writer.add_token_merges([f"a b{n}" for n in range(vocabulary // 2)])
    for kind in kinds:
        _, size = gguf.GGML_QUANT_SIZES[kind]
        for number in range(tensors):
            rows = number + 1
            if kind is gguf.GGMLQuantizationType.F32:
                data = np.arange(rows * 24, dtype=np.float32).reshape(rows, 24)
                writer.add_tensor(f"{kind.name}.{number}", data)
            else:
                data = np.full((rows, 2 * size), number, dtype=np.uint8)
                writer.add_tensor(f"{kind.name}.{number}", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def head(*, tensors: int = 0, keys: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def key(name: str, kind: int, payload: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + payload


def array(name: str, kind: int, count: int, payload: bytes = b"") -> bytes:
    return key(name, 9, struct.pack("<IQ", kind, count) + payload)


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
