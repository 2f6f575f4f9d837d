"""Weights that llama.cpp copies into another arrangement when it computes on the CPU.

Its kernels read several rows at once. Which types have such a kernel depends on the processor (ggml-cpu/repack.cpp);
the copy is as large as the tensor, and stands beside the mapped file.
"""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.gguf.header import Header, Tensor

# Type -> (feature, rows that must be a multiple of this).
_KERNELS: dict[str, tuple[tuple[str, int], ...]] = {
    "Q4_0": (("AVX2", 8), ("MATMUL_INT8", 4), ("DOTPROD", 4)),
    "Q4_K": (("AVX2", 8), ("MATMUL_INT8", 8), ("DOTPROD", 8)),
    "Q5_K": (("MATMUL_INT8", 8), ("DOTPROD", 8)),
    "Q6_K": (("MATMUL_INT8", 8), ("DOTPROD", 8)),
    "Q2_K": (("AVX512", 8),),
    "IQ4_NL": (("AVX2", 8), ("DOTPROD", 4)),
    "MXFP4": (("AVX2", 8), ("DOTPROD", 4)),
    "Q8_0": (("MATMUL_INT8", 4), ("DOTPROD", 4)),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes: `mapped` of the file, or read from it, and `repacked` beside it. `idle` of what is mapped is never read
    again once the copies are made."""

    mapped: int
    repacked: int
    idle: int


def weights(header: Header, features: tuple[str, ...], *, mmap: bool) -> Weights:
    """Where the tensors lie on a processor with `features`.

    llama.cpp maps the file from the first tensor that it uses in place to the last, with what lies between.
    """
    copied = [tensor for tensor in header.tensors if _is_repacked(tensor, features)]
    left = [tensor for tensor in header.tensors if not _is_repacked(tensor, features)]
    repacked = sum(tensor.size for tensor in copied)
    embedding = next((tensor for tensor in left if tensor.name == "token_embd.weight"), None)
    tied = all(tensor.name != "output.weight" for tensor in header.tensors)
    if embedding is not None and tied and _has_kernel(embedding, features):
        repacked += embedding.size  # it is the output matrix too, and as such multiplied with
    if not mmap:
        return Weights(sum(tensor.size for tensor in left), repacked, 0)
    parts: dict[int, list[Tensor]] = {}
    for tensor in left:
        parts.setdefault(tensor.part, []).append(tensor)
    spans = (max(t.offset + t.size for t in part) - min(t.offset for t in part) for part in parts.values())
    mapped = sum(spans)
    return Weights(mapped, repacked, max(0, mapped - sum(tensor.size for tensor in left)))


def _is_repacked(tensor: Tensor, features: tuple[str, ...]) -> bool:
    """Matrices that are multiplied with; embeddings are only looked up."""
    return len(tensor.shape) >= 2 and "_embd" not in tensor.name and _has_kernel(tensor, features)


def _has_kernel(tensor: Tensor, features: tuple[str, ...]) -> bool:
    rows = tensor.shape[1] if len(tensor.shape) > 1 else 1
    return any(feature in features and rows % step == 0 for feature, step in _KERNELS.get(tensor.kind.name, ()))
