"""GPUs as sysfs and Apple's tools describe them; batteries; disks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from machines import GIB, MEMINFO, machine

from offgrid_tui.hardware import apple
from offgrid_tui.hardware.disks import list_disks
from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.hardware.model import Battery, Gpu, Memory
from offgrid_tui.hardware.probe import probe

CARD = "/sys/class/drm/card0"
TOTAL = 16314132 * 1024  # of MEMINFO
AVAILABLE = 11834084 * 1024


def gpus(root: Path, files: dict[str, str]) -> tuple[Gpu, ...]:
    found = probe(machine(root, {"/proc/meminfo": MEMINFO, **files}))
    assert found.gpu_problem == ""
    return found.gpus


# ── GPUs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_amd_processor_with_graphics_shares_the_memory(tmp_path: Path) -> None:
    device = f"{CARD}/device"
    files = {
        f"{device}/mem_info_vram_total": f"{GIB // 2}\n",
        f"{device}/mem_info_vram_used": f"{GIB // 4}\n",
        f"{device}/mem_info_gtt_total": f"{7 * GIB}\n",
        f"{device}/mem_info_gtt_used": f"{GIB}\n",
    }
    (found,) = gpus(tmp_path, files)
    assert (found.total, found.free, found.unified) == (int(7.5 * GIB), int(6.25 * GIB), True)
    assert probe(tmp_path).unified


def test_an_intel_card_with_memory_of_its_own(tmp_path: Path) -> None:
    files = {
        f"{CARD}/device/vendor": "0x8086\n",
        f"{CARD}/device/class": "0x030000\n",
        f"{CARD}/device/uevent": "DRIVER=i915\nPCI_CLASS=30000\n",
        f"{CARD}/lmem_total_bytes": f"{8 * GIB}\n",
        f"{CARD}/lmem_avail_bytes": f"{6 * GIB}\n",
    }
    assert gpus(tmp_path, files) == (Gpu("Intel GPU", 8 * GIB, 6 * GIB, "i915"),)


def test_an_intel_card_known_by_its_window(tmp_path: Path) -> None:
    lines = [
        "0x00000000a0000000 0x00000000a0ffffff 0x0000000000040200",
        "0x0000006000000000 0x00000062ffffffff 0x000000000014220c",
        "0x0000000000000000 0x0000000000000000 0x0000000000000000",
        "broken line",
    ]
    files = {
        f"{CARD}/device/vendor": "0x8086\n",
        f"{CARD}/device/class": "0x030000\n",
        f"{CARD}/device/uevent": "DRIVER=xe\n",
        f"{CARD}/device/resource": "\n".join(lines),
    }
    assert gpus(tmp_path, files) == (Gpu("Intel GPU", 12 * GIB, 12 * GIB, "xe"),)


def test_intel_graphics_in_the_processor_share_the_memory(tmp_path: Path) -> None:
    files = {
        f"{CARD}/device/vendor": "0x8086\n",
        f"{CARD}/device/class": "0x030000\n",
        f"{CARD}/device/resource": "0x0000004000000000 0x000000400fffffff 0x000000000014220c\n",  # 256 MiB
    }
    assert gpus(tmp_path, files) == (Gpu("Intel GPU", TOTAL // 2, TOTAL // 2, "", unified=True),)


@pytest.mark.parametrize(
    "files",
    [
        {f"{CARD}/device/vendor": "0x1234\n", f"{CARD}/device/class": "0x030000\n"},  # a virtual machine's
        {f"{CARD}/device/vendor": "0x8086\n"},
        {f"{CARD}/device/mem_info_vram_total": "many\n"},
        {f"{CARD}/device/mem_info_vram_total": "0\n"},
        {},
    ],
)
def test_what_is_no_gpu(tmp_path: Path, files: dict[str, str]) -> None:
    assert gpus(tmp_path, files) == ()


# ── Macs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Mac:
    def __init__(self, **answers: str) -> None:
        self.answers = {name.replace("__", "."): text for name, text in answers.items()}

    def __call__(self, command: Sequence[str]) -> str:
        return self.answers.get(command[-1], "")


def mac_memory(total: int) -> Memory:
    return Memory(total, total // 2, 0, 0, None, None)


def test_apples_gpu_may_keep_a_part_of_the_memory() -> None:
    mac = Mac(hw__optional__arm64="1\n", machdep__cpu__brand_string="Apple M2 Pro\n", iogpu__wired_limit_mb="0\n")
    small, large = apple.read_gpu(mac_memory(24 * GIB), mac), apple.read_gpu(mac_memory(64 * GIB), mac)
    assert small == Gpu("Apple M2 Pro", 16 * GIB, 12 * GIB, "Metal", unified=True)
    assert large is not None and large.total == 48 * GIB
    mac.answers["iogpu.wired_limit_mb"] = "20480"
    raised = apple.read_gpu(mac_memory(24 * GIB), mac)
    assert raised is not None and raised.total == 20 * GIB
    assert apple.read_gpu(mac_memory(GIB), Mac(machdep__cpu__brand_string="Intel(R) Core(TM) i7")) is None


@pytest.mark.parametrize(
    "text, battery",
    [
        ("Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t83%; discharging; 4:01 remaining", (83, True)),
        ("Now drawing from 'AC Power'\n -InternalBattery-0 (id=1)\t100%; charged; 0:00 remaining", (100, False)),
        ("Now drawing from 'AC Power'\n", None),
        ("", None),
    ],
)
def test_a_macs_battery(text: str, battery: tuple[int, bool] | None) -> None:
    assert apple.read_battery(Mac(batt=text)) == (None if battery is None else Battery(*battery))


def test_a_tool_that_is_missing_or_fails_says_nothing() -> None:
    assert apple.ask(("no-such-tool-anywhere",)) == ""
    assert apple.ask(("false",)) == ""
    assert apple.ask(("echo", "1")) == "1\n"


# ── batteries ──────────────────────────────────────────────────────────────────────────────────────────────────────

SUPPLY = "/sys/class/power_supply"


def supply(name: str, **values: object) -> dict[str, str]:
    return {f"{SUPPLY}/{name}/{key}": f"{value}\n" for key, value in values.items()}


def test_batteries(tmp_path: Path) -> None:
    laptop = supply("BAT0", type="Battery", capacity=40, status="Discharging")
    laptop |= supply("BAT1", type="Battery", capacity=60, status="Unknown")
    mouse = supply("hid-0", type="Battery", capacity=5, status="Discharging", scope="Device")
    unplugged = supply("AC", type="Mains", online=0)
    assert probe(machine(tmp_path / "a", laptop | mouse | unplugged)).battery == Battery(50, True)
    plugged = supply("AC", type="Mains", online=1)
    assert probe(machine(tmp_path / "b", laptop | plugged)).battery == Battery(50, False)
    assert probe(machine(tmp_path / "c", mouse | plugged)).battery is None
    assert probe(machine(tmp_path / "d", supply("BAT0", type="Battery", capacity="?"))).battery is None


def test_a_board_is_named(tmp_path: Path) -> None:
    files = {"/proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0"}
    assert probe(machine(tmp_path, files)).board == "NVIDIA Jetson Orin Nano Developer Kit"
    assert probe(tmp_path / "nothing").board == ""


# ── disks ──────────────────────────────────────────────────────────────────────────────────────────────────────────

MOUNTS = """\
21 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
22 21 0:21 / /proc rw shared:2 - proc proc rw
23 21 253:0 / /data rw shared:3 - xfs /dev/mapper/crypt rw
24 21 8:17 / /media/my\\040stick ro shared:4 - vfat /dev/sdb1 ro
25 21 0:30 / /mnt/nas rw shared:5 - nfs4 nas:/export rw
26 21 0:31 / /tmp rw shared:6 - tmpfs tmpfs rw
27 21 0:32 / /run rw shared:7 - tmpfs tmpfs rw
28 21 259:2 /var /somewhere/else rw shared:8 - ext4 /dev/nvme0n1p2 rw
29 21 8:1 / /old rw shared:9 - ext4 /dev/sda1 rw
"""


def test_disks(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "/proc/self/mountinfo": MOUNTS,
            "/sys/block/nvme0n1/nvme0n1p2/partition": "2\n",
            "/sys/block/dm-0/queue/rotational": "0\n",
            "/sys/block/sda/sda1/partition": "1\n",
            "/sys/block/sda/queue/rotational": "1\n",
            "/sys/devices/pci0000:00/usb2/2-1/block/sdb/sdb1/partition": "1\n",
            "/sys/devices/pci0000:00/usb2/2-1/block/sdb/removable": "1\n",
        },
    )
    for name, target in {
        "dev/mapper/crypt": "../dm-0",
        "sys/block/dm-0/slaves/sda1": "../../../sda/sda1",
        "sys/block/sdb": "../devices/pci0000:00/usb2/2-1/block/sdb",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target, root / name)
    for folder in ("data", "media/my stick", "tmp", "old"):
        (root / folder).mkdir(parents=True)
    found = {str(disk.mount_point): disk for disk in list_disks(SystemFiles(root))}
    kinds = {place: (disk.kind, disk.removable) for place, disk in found.items()}
    assert kinds == {
        "/": ("nvme", False),
        "/data": ("hdd", False),  # below the encryption
        "/media/my stick": ("usb", True),
        "/mnt/nas": ("network", False),
        "/old": ("hdd", False),
        "/tmp": ("memory", False),
    }
    assert found["/mnt/nas"].free is None  # it is not asked: it might hang
    assert (found["/"].free or 0) > 0
    assert found["/media/my stick"].read_only and not found["/"].read_only


def test_the_disks_of_this_machine_agree_with_df() -> None:
    listed = subprocess.run(["df", "--output=target,avail", "-B1", "/"], capture_output=True, text=True, check=True)
    free = int(listed.stdout.split()[-1])
    root = [disk for disk in list_disks() if str(disk.mount_point) == "/"]
    assert not root or root[0].free == pytest.approx(free, rel=0.05)


def test_a_machine_that_shows_nothing_has_no_disks(tmp_path: Path) -> None:
    assert list_disks(SystemFiles(tmp_path)) == ()
