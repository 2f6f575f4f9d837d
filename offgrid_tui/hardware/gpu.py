"""Graphics processors and their memory: NVIDIA through its management library, AMD and Intel through sysfs, Apple's
through the system. Never raises: a GPU that can't be asked is a line of text."""

from __future__ import annotations

from collections.abc import Iterator

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.hardware.model import Gpu, Memory

# Where the kernel's driver, or Windows' behind WSL, shows itself. Without one the library is not even imported.
_NVIDIA = ("/dev/nvidiactl", "/dev/nvidia0", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
_CARDS = "/sys/class/drm/card[0-9]*"
_INTEL = "0x8086"
_CARVED = 4 * 2**30  # bytes: AMD's processors with graphics set less than this aside for them, and use main memory
_WINDOW = 2**30  # bytes: a part of an Intel card's address space that is at least so large is its memory
_PREFETCHABLE = 0x2000  # of a range of addresses: it may be read ahead (the kernel's IORESOURCE_PREFETCH)


def read_gpus(files: SystemFiles, memory: Memory) -> tuple[tuple[Gpu, ...], str]:
    """The GPUs, and why one that seems to be there could not be asked (empty where nothing is wrong).

    Args:
        memory: the machine's, which GPUs without memory of their own use.
    """
    gpus = [*_amd(files, memory), *_intel(files, memory)]
    problem = ""
    if any(files.exists(path) for path in _NVIDIA):
        found, problem = _nvidia()
        gpus = found + gpus
    return tuple(gpus), problem


def _nvidia() -> tuple[list[Gpu], str]:
    try:
        import pynvml  # here because it costs 20 ms and most machines have no such GPU
    except ImportError as error:
        return [], f"the NVIDIA library for Python is missing: {error}"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        gpus = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            name = _text(pynvml.nvmlDeviceGetName(handle))
            gpus.append(Gpu(name, int(memory.total), int(memory.free), driver))
        return gpus, ""
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver answers with an error: {error}"
    finally:
        try:
            pynvml.nvmlShutdown()
        except pynvml.NVMLError:
            pass  # it had nothing more to say


def _text(value: str | bytes) -> str:
    """Older drivers' names come as bytes."""
    return clean_line(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def _amd(files: SystemFiles, memory: Memory) -> Iterator[Gpu]:
    """Cards of the amdgpu driver, which tells their memory in sysfs (kernel: gpu/amdgpu/driver-misc)."""
    for place in files.glob(f"{_CARDS}/device/mem_info_vram_total"):
        device = place.rpartition("/")[0]
        total, used = files.number(place), files.number(f"{device}/mem_info_vram_used")
        if not total:
            continue
        name = clean_line(files.text(f"{device}/product_name")) or "AMD GPU"
        shared = files.number(f"{device}/mem_info_gtt_total") or 0
        if total < _CARVED and shared > total:
            taken = files.number(f"{device}/mem_info_gtt_used") or 0
            whole = min(memory.usable, total + shared)
            free = min(memory.available, max(0, whole - (used or 0) - taken))
            yield Gpu(name, whole, free, "amdgpu", unified=True)
        else:
            yield Gpu(name, total, max(0, total - (used or 0)), "amdgpu")


def _intel(files: SystemFiles, memory: Memory) -> Iterator[Gpu]:
    """Cards of the i915 and xe drivers. Those with memory of their own show it in sysfs, or by the size of the window
    through which it is reached; of the others half of the machine's memory can be used."""
    for place in files.glob(f"{_CARDS}/device/vendor"):
        device = place.rpartition("/")[0]
        card = device.rpartition("/")[0]
        if files.text(place).strip() != _INTEL or not files.text(f"{device}/class").startswith("0x03"):
            continue
        driver = _driver(files, device)
        name = clean_line(files.text(f"{device}/label")) or "Intel GPU"
        total = files.number(f"{card}/lmem_total_bytes") or _window(files.text(f"{device}/resource"))
        if total:
            free = files.number(f"{card}/lmem_avail_bytes")
            yield Gpu(name, total, total if free is None else min(free, total), driver)
        else:
            half = memory.usable // 2
            yield Gpu(name, half, min(half, memory.available), driver, unified=True)


def _driver(files: SystemFiles, device: str) -> str:
    for line in files.text(f"{device}/uevent").splitlines():
        if line.startswith("DRIVER="):
            return clean_line(line.partition("=")[2], 40)
    return ""


def _window(resource: str) -> int:
    """The largest prefetchable range of a card's addresses, as /sys/…/resource lists them (first, last, flags); 0
    where it is too small to be memory: without resizable windows only a part is seen through it."""
    largest = 0
    for line in resource.splitlines():
        fields = line.split()
        try:
            first, last, flags = (int(field, 16) for field in fields)
        except ValueError:
            continue
        if flags & _PREFETCHABLE and last > first:
            largest = max(largest, last - first + 1)
    return largest if largest >= _WINDOW else 0
