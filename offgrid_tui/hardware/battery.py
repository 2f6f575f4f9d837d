"""How full the battery is, and whether something feeds it (kernel: ABI/testing/sysfs-class-power)."""

from __future__ import annotations

from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.hardware.model import Battery

_SUPPLIES = "/sys/class/power_supply/*"


def read_battery(files: SystemFiles) -> Battery | None:
    """Of this machine; those of mice and keyboards (scope Device) are not. None where there is none."""
    percents, fed, empties = [], False, False
    for place in files.glob(f"{_SUPPLIES}/type"):
        supply = place.rpartition("/")[0]
        kind = files.text(place).strip()
        if kind in ("Mains", "USB"):
            fed = fed or files.number(f"{supply}/online") == 1
        elif kind == "Battery" and files.text(f"{supply}/scope").strip() != "Device":
            if (percent := files.number(f"{supply}/capacity")) is not None:
                percents.append(max(0, min(100, percent)))
            empties = empties or files.text(f"{supply}/status").strip() == "Discharging"
    if not percents:
        return None
    return Battery(sum(percents) // len(percents), empties and not fed)
