"""Graphics processors and their memory: NVIDIA through its management library, AMD through sysfs."""

from __future__ import annotations

from collections.abc import Iterator

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.hardware.model import Gpu

# Where the kernel's driver, or Windows' behind WSL, shows itself. Without one the library is not even imported.
_NVIDIA = ("/dev/nvidiactl", "/dev/nvidia0", "/usr/lib/wsl/lib/libnvidia-ml.so.1")


def read_gpus(files: SystemFiles) -> tuple[tuple[Gpu, ...], str]:
    """The GPUs, and why one that seems to be there could not be asked (empty where nothing is wrong)."""
    gpus = list(_amd(files))
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
        pynvml.nvmlShutdown()


def _text(value: str | bytes) -> str:
    """Older drivers' names come as bytes."""
    return clean_line(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def _amd(files: SystemFiles) -> Iterator[Gpu]:
    """Cards of the amdgpu driver, which tells their memory in sysfs."""
    for place in files.glob("/sys/class/drm/card[0-9]*/device/mem_info_vram_total"):
        device = place.rpartition("/")[0]
        total, used = files.number(place), files.number(f"{device}/mem_info_vram_used")
        if total:
            name = clean_line(files.text(f"{device}/product_name")) or "AMD GPU"
            yield Gpu(name, total, max(0, total - (used or 0)), "amdgpu")
