"""Names, cores and instruction sets of the processor."""

from __future__ import annotations

import os
import platform

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.files import SystemFiles, numbers_in
from offgrid_tui.hardware.model import Cpu

# The kernel's names of instruction sets -> those that llama.cpp prints, in the order in which they matter.
X86 = {
    "sse3": "SSE3",
    "pni": "SSE3",
    "ssse3": "SSSE3",
    "avx": "AVX",
    "f16c": "F16C",
    "fma": "FMA",
    "bmi2": "BMI2",
    "avx2": "AVX2",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512vbmi": "AVX512_VBMI",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_int8": "AMX_INT8",
}
_ARM = {
    "neon": "NEON",
    "asimd": "NEON",
    "fphp": "FP16_VA",
    "asimdhp": "FP16_VA",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
    "sve2": "SVE2",
    "sme": "SME",
}


def read_cpu(files: SystemFiles, quota: float | None) -> Cpu:
    """The processor as /proc/cpuinfo and /sys describe it; the counts of Python where they are silent (macOS)."""
    blocks = _blocks(files.text("/proc/cpuinfo"))
    cores = _cores(files, blocks)
    logical = len(cores) or os.cpu_count() or 1
    allowed = _allowed(files) & cores.keys() or cores.keys()
    usable = {cores[number] for number in allowed}
    return Cpu(
        name=_name(files, blocks),
        architecture=platform.machine(),
        logical=logical,
        physical=len(set(cores.values())) or logical,
        usable=len(allowed) or logical,
        usable_physical=len(usable) or logical,
        quota=quota,
        features=_features(blocks),
    )


def _blocks(text: str) -> list[dict[str, str]]:
    """/proc/cpuinfo: one block of `key : value` lines for each processor, and on ARM one for the board."""
    blocks = []
    for block in text.split("\n\n"):
        fields = {}
        for line in block.splitlines():
            key, colon, value = line.partition(":")
            if colon:
                fields[key.strip()] = value.strip()
        if fields:
            blocks.append(fields)
    return blocks


def _cores(files: SystemFiles, blocks: list[dict[str, str]]) -> dict[int, str]:
    """Number of each logical processor -> a name of the core that it is part of."""
    cores: dict[int, str] = {}
    for block in blocks:
        if not block.get("processor", "").isdigit():
            continue
        number = int(block["processor"])
        siblings = files.text(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").strip()
        if not siblings and "core id" in block:
            siblings = f"socket {block.get('physical id', '0')} core {block['core id']}"
        cores[number] = siblings or str(number)
    return cores


def _allowed(files: SystemFiles) -> set[int]:
    for line in files.text("/proc/self/status").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return numbers_in(line.partition(":")[2])
    return set()


def _name(files: SystemFiles, blocks: list[dict[str, str]]) -> str:
    board = files.text("/proc/device-tree/model").rstrip("\0")
    for name in (*(block.get("model name", "") for block in blocks[:1]), board, platform.processor()):
        if name.strip():
            return clean_line(" ".join(name.split()))
    return platform.machine()


def _features(blocks: list[dict[str, str]]) -> tuple[str, ...]:
    first = blocks[0] if blocks else {}
    flags = set((first.get("flags") or first.get("Features") or "").split())
    table = X86 if "flags" in first else _ARM
    return tuple(dict.fromkeys(name for flag, name in table.items() if flag in flags))
