"""Machines as their kernels describe them: small /proc and /sys trees, from captured texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MEMINFO = """\
MemTotal:       16314132 kB
MemFree:          421720 kB
MemAvailable:   11834084 kB
Buffers:          530096 kB
Cached:          9921260 kB
SwapTotal:       2097148 kB
SwapFree:        2096892 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""
EPYC = """\
processor	: {n}
vendor_id	: AuthenticAMD
cpu family	: 25
model		: 17
model name	: AMD EPYC 9B14   96-Core Processor
physical id	: 0
siblings	: 4
core id		: {core}
cpu cores	: 2
flags		: fpu vme sse sse2 ht pni ssse3 fma cx16 sse4_1 sse4_2 avx f16c avx2 bmi2 avx512f avx512_bf16 avx512_vnni
bogomips	: 5192.27
"""
RASPBERRY = """\
processor	: {n}
BogoMIPS	: 108.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1
"""
V2_MOUNT = "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
GIB = 2**30


def machine(root: Path, files: Mapping[str, str]) -> Path:
    """Lay `files` (absolute path -> text) under `root`."""
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


def processors(block: str, count: int, per_core: int) -> dict[str, str]:
    """/proc/cpuinfo of `count` logical processors and the topology in /sys."""
    blocks = [block.format(n=n, core=n // per_core) for n in range(count)]
    files = {"/proc/cpuinfo": "\n".join(blocks) + "\n"}
    for n in range(count):
        first = n // per_core * per_core
        siblings = f"{first}-{first + per_core - 1}\n" if per_core > 1 else f"{n}\n"
        files[f"/sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list"] = siblings
    return files


def limits_v2(groups: Mapping[str, Mapping[str, str]], own: str) -> dict[str, str]:
    """Version 2: group -> its files; `own` is the group of the process."""
    files = {"/proc/self/cgroup": f"0::{own}\n", "/proc/self/mountinfo": V2_MOUNT}
    for group, contents in groups.items():
        for name, text in contents.items():
            files[f"/sys/fs/cgroup{group}/{name}"] = f"{text}\n"
    return files
