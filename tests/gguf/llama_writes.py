"""Run by an interpreter that has llama.cpp: writes a GGUF file by ggml's own code in C, the file named as argument.

What it writes stands in WRITTEN and TENSORS, which the test imports.
"""

from __future__ import annotations

import sys

# name -> (setter's type, value); arrays name the type of their items
WRITTEN = {
    "general.architecture": ("str", "llama"),
    "a.u8": ("u8", 255),
    "a.i8": ("i8", -128),
    "a.u16": ("u16", 65535),
    "a.i16": ("i16", -32768),
    "a.u32": ("u32", 2**32 - 1),
    "a.i32": ("i32", -(2**31)),
    "a.u64": ("u64", 2**64 - 1),
    "a.i64": ("i64", -(2**63)),
    "a.f32": ("f32", 0.15625),
    "a.f64": ("f64", -1e300),
    "a.yes": ("bool", True),
    "a.no": ("bool", False),
    "a.text": ("str", "naïve 🦙\n"),
    "a.empty": ("str", ""),
    "list.u8": ("arr u8", [0, 7, 255]),
    "list.i32": ("arr i32", [-1, 0, 2**31 - 1]),
    "list.f32": ("arr f32", [0.5, -2.0]),
    "list.u64": ("arr u64", [0, 2**64 - 1]),
    "list.text": ("arr str", ["", "a", "naïve"]),
}
# name -> (shape in ggml's order, number of the type)
TENSORS = {"one": ((256, 3), 12), "two": ((32,), 0), "three": ((64, 2, 2), 8), "four": ((5, 1, 1, 2), 1)}


def main(path: str) -> None:
    import ctypes
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    ggml = ctypes.CDLL(str(next((Path(spec.origin).parent / "lib").glob("libggml-base.*"))))
    kinds = {
        "u8": ctypes.c_uint8,
        "i8": ctypes.c_int8,
        "u16": ctypes.c_uint16,
        "i16": ctypes.c_int16,
        "u32": ctypes.c_uint32,
        "i32": ctypes.c_int32,
        "u64": ctypes.c_uint64,
        "i64": ctypes.c_int64,
        "f32": ctypes.c_float,
        "f64": ctypes.c_double,
        "bool": ctypes.c_bool,
        "str": ctypes.c_char_p,
    }
    numbers = {"u8": 0, "i8": 1, "u16": 2, "i16": 3, "u32": 4, "i32": 5, "f32": 6, "u64": 10, "i64": 11, "f64": 12}

    class Params(ctypes.Structure):
        _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))

    ggml.gguf_init_empty.restype = ggml.ggml_init.restype = ggml.ggml_new_tensor.restype = ctypes.c_void_p
    ggml.ggml_init.argtypes = [Params]
    ggml.gguf_write_to_file.restype = ctypes.c_bool
    file = ctypes.c_void_p(ggml.gguf_init_empty())
    for name, (kind, value) in WRITTEN.items():
        key = name.encode()
        if kind.startswith("arr "):
            kind = kind.removeprefix("arr ")
            if kind == "str":
                texts = (ctypes.c_char_p * len(value))(*(text.encode() for text in value))
                ggml.gguf_set_arr_str(file, key, texts, ctypes.c_size_t(len(value)))
            else:
                items = (kinds[kind] * len(value))(*value)
                ggml.gguf_set_arr_data(file, key, numbers[kind], items, ctypes.c_size_t(len(value)))
        else:
            given = value.encode() if kind == "str" else value
            getattr(ggml, f"gguf_set_val_{kind}")(file, key, kinds[kind](given))
    context = ctypes.c_void_p(ggml.ggml_init(Params(1 << 20, None, False)))
    for name, (shape, kind) in TENSORS.items():
        sizes = (ctypes.c_int64 * len(shape))(*shape)
        tensor = ctypes.c_void_p(ggml.ggml_new_tensor(context, kind, len(shape), sizes))
        ggml.ggml_set_name(tensor, name.encode())
        ggml.gguf_add_tensor(file, tensor)
    if not ggml.gguf_write_to_file(file, path.encode(), False):
        raise SystemExit("ggml could not write it")


if __name__ == "__main__":
    main(sys.argv[1])
