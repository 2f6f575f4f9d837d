"""How much memory there is, and how much of it can be had now."""

from __future__ import annotations

from offgrid_tui.hardware.cgroup import Limits
from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.hardware.model import Memory


def read_memory(files: SystemFiles, limits: Limits) -> Memory:
    """From /proc/meminfo; from psutil where there is none (macOS)."""
    fields: dict[str, int] = {}
    for line in files.text("/proc/meminfo").splitlines():
        key, _, rest = line.partition(":")
        value = rest.split()
        if value and value[0].isdigit():
            fields[key] = int(value[0]) * 1024  # the file says kB and means KiB
    if "MemTotal" in fields:
        total = fields["MemTotal"]
        available = fields.get("MemAvailable", fields.get("MemFree", 0))
        swap_total, swap_free = fields.get("SwapTotal", 0), fields.get("SwapFree", 0)
    else:
        import psutil  # 45 ms, which Linux is spared

        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        total, available, swap_total, swap_free = memory.total, memory.available, swap.total, swap.free
    if limits.room is not None:
        available = min(available, limits.room)
    group = limits.memory
    return Memory(
        total=total,
        available=available,
        swap_total=swap_total,
        swap_free=swap_free,
        cgroup_limit=group.limit if group else None,
        cgroup_used=group.used if group else None,
    )
