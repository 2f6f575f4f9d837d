"""What a machine has, as plain figures. Sizes in bytes; None where the machine does not tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Memory:
    """`available` is what programs can get without swapping, as the kernel reckons it, inside the cgroup's limit."""

    total: int
    available: int
    swap_total: int
    swap_free: int
    cgroup_limit: int | None  # the tightest on the path to the root; None where there is none
    cgroup_used: int | None  # in the group that holds that limit, without the page cache that it can drop

    @property
    def usable(self) -> int:
        """The most that this process and its children can ever have together."""
        return self.total if self.cgroup_limit is None else min(self.total, self.cgroup_limit)


@dataclass(frozen=True, slots=True)
class Cpu:
    """`features` are the instruction sets that decide llama.cpp's speed, in llama.cpp's own words: AVX2, NEON …"""

    name: str
    architecture: str  # x86_64, aarch64 …
    logical: int  # of the whole machine
    physical: int
    usable: int  # logical ones that this process may run on (affinity)
    usable_physical: int  # physical ones behind these
    quota: float | None  # CPUs' worth of time that the cgroup grants; None where it does not limit
    features: tuple[str, ...]

    @property
    def threads(self) -> int:
        """Threads that can really run at once: affinity and quota together; at least 1."""
        return max(1, self.usable if self.quota is None else min(self.usable, int(self.quota)))

    @property
    def cores(self) -> int:
        """Physical cores that can really run at once; at least 1."""
        return max(1, min(self.usable_physical, self.threads))


@dataclass(frozen=True, slots=True)
class Gpu:
    """`unified`: it has no memory of its own. `total` and `free` are then what it may use of the machine's."""

    name: str
    total: int
    free: int
    driver: str = ""
    unified: bool = False


@dataclass(frozen=True, slots=True)
class Battery:
    percent: int  # 0 to 100
    discharging: bool  # nothing feeds it


@dataclass(frozen=True, slots=True)
class Hardware:
    """A snapshot; probe again for what changes."""

    memory: Memory
    cpu: Cpu
    gpus: tuple[Gpu, ...]
    gpu_problem: str  # why a GPU that seems to be there cannot be asked; empty otherwise
    system: str  # "Debian GNU/Linux 12 (bookworm)", else the kernel's name
    kernel: str
    hostname: str
    battery: Battery | None = None
    board: str = ""  # "Raspberry Pi 5 Model B Rev 1.0", "NVIDIA Jetson Orin Nano"; empty where nothing names one

    @property
    def unified(self) -> bool:
        """Whether all GPUs share the machine's memory: what lies on them takes from it."""
        return bool(self.gpus) and all(gpu.unified for gpu in self.gpus)
