"""The probe reads machines as their kernels describe them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from machines import EPYC, GIB, MEMINFO, RASPBERRY, V1_MOUNTS, V2_MOUNT, limits_v2, machine, processors

from offgrid_tui.hardware.disk import read_disk
from offgrid_tui.hardware.files import numbers_in
from offgrid_tui.hardware.probe import probe, probe_memory


def test_this_machine() -> None:
    found = probe()
    assert found.memory.total == psutil.virtual_memory().total
    assert 0 < found.memory.available <= found.memory.usable <= found.memory.total
    assert found.cpu.logical == os.cpu_count()
    assert found.cpu.usable == len(os.sched_getaffinity(0))
    assert 1 <= found.cpu.cores <= found.cpu.physical <= found.cpu.logical
    assert found.cpu.architecture == os.uname().machine
    assert found.cpu.features
    assert found.cpu.name
    assert found.system


def test_memory_and_swap(tmp_path: Path) -> None:
    found = probe_memory(machine(tmp_path, {"/proc/meminfo": MEMINFO}))
    assert (found.total, found.available) == (16314132 * 1024, 11834084 * 1024)
    assert (found.swap_total, found.swap_free) == (2097148 * 1024, 2096892 * 1024)
    assert (found.cgroup_limit, found.usable) == (None, found.total)


def test_two_threads_a_core(tmp_path: Path) -> None:
    files = {"/proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-3\n", **processors(EPYC, 4, 2)}
    cpu = probe(machine(tmp_path, {"/proc/meminfo": MEMINFO, **files})).cpu
    assert cpu.name == "AMD EPYC 9B14 96-Core Processor"
    assert (cpu.logical, cpu.physical, cpu.usable, cpu.usable_physical) == (4, 2, 4, 2)
    assert (cpu.threads, cpu.cores) == (4, 2)
    assert cpu.features == (
        "SSE3",
        "SSSE3",
        "AVX",
        "F16C",
        "FMA",
        "BMI2",
        "AVX2",
        "AVX512",
        "AVX512_VNNI",
        "AVX512_BF16",
    )


def test_affinity_counts_the_cores_behind_it(tmp_path: Path) -> None:
    files = {"/proc/self/status": "Cpus_allowed_list:\t2-3\n", **processors(EPYC, 8, 2)}
    cpu = probe(machine(tmp_path, files)).cpu
    assert (cpu.logical, cpu.physical) == (8, 4)
    assert (cpu.usable, cpu.usable_physical, cpu.threads, cpu.cores) == (2, 1, 2, 1)


def test_a_raspberry_pi(tmp_path: Path) -> None:
    files = {"/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0", **processors(RASPBERRY, 4, 1)}
    files["/etc/os-release"] = 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
    found = probe(machine(tmp_path, files))
    assert found.cpu.name == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.cpu.features == ("NEON", "FP16_VA", "DOTPROD")
    assert (found.cpu.logical, found.cpu.physical) == (4, 4)
    assert found.system == "Debian GNU/Linux 12 (bookworm)"


def test_topology_from_cpuinfo_where_sys_is_hidden(tmp_path: Path) -> None:
    files = {"/proc/cpuinfo": processors(EPYC, 4, 2)["/proc/cpuinfo"]}
    cpu = probe(machine(tmp_path, files)).cpu
    assert (cpu.logical, cpu.physical) == (4, 2)


def test_a_container_of_version_2(tmp_path: Path) -> None:
    """A container sees its own group as the root."""
    groups = {
        "": {
            "memory.max": str(4 * GIB),
            "memory.high": "max",
            "memory.current": str(3 * GIB),
            "memory.stat": f"anon {GIB}\nfile {2 * GIB}\ninactive_file {GIB}\nactive_file {GIB}",
            "cpu.max": "150000 100000",
        }
    }
    files = {"/proc/meminfo": MEMINFO, **limits_v2(groups, "/"), **processors(EPYC, 8, 1)}
    found = probe(machine(tmp_path, files))
    assert (found.memory.cgroup_limit, found.memory.cgroup_used) == (4 * GIB, 2 * GIB)
    assert found.memory.usable == 4 * GIB
    assert found.memory.available == 2 * GIB  # the inactive half of the page cache can be dropped
    assert found.cpu.quota == 1.5
    assert (found.cpu.threads, found.cpu.cores) == (1, 1)


def test_the_tightest_limit_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    own = "/user.slice/user-1000.slice/run-42.scope"
    groups = {
        "/user.slice": {"memory.max": str(8 * GIB), "memory.current": str(7 * GIB), "memory.stat": "inactive_file 0"},
        "/user.slice/user-1000.slice": {
            "memory.max": "max",
            "memory.high": str(6 * GIB),
            "memory.current": str(2 * GIB),
            "memory.stat": "inactive_file 0",
            "cpu.max": "max 100000",
        },
        own: {"memory.max": "max", "memory.current": str(GIB), "cpu.max": "400000 100000"},
    }
    files = {"/proc/meminfo": MEMINFO, **limits_v2(groups, own), **processors(EPYC, 8, 1)}
    found = probe(machine(tmp_path, files))
    assert found.memory.cgroup_limit == 6 * GIB  # memory.high slows to a crawl whoever passes it
    assert found.memory.available == GIB  # the slice above is the fullest
    assert found.cpu.quota == 4.0


def test_limits_of_version_1(tmp_path: Path) -> None:
    none = "9223372036854771712\n"
    files = {
        "/proc/meminfo": MEMINFO,
        "/proc/self/cgroup": "4:memory:/jobs/build\n1:cpu,cpuacct:/jobs\n0::/\n",
        "/proc/self/mountinfo": V1_MOUNTS,
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": none,
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": f"{9 * GIB}\n",
        "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": f"{2 * GIB}\n",
        "/sys/fs/cgroup/memory/jobs/memory.usage_in_bytes": f"{GIB}\n",
        "/sys/fs/cgroup/memory/jobs/memory.stat": f"inactive_file 0\ntotal_inactive_file {GIB // 2}\n",
        "/sys/fs/cgroup/memory/jobs/build/memory.limit_in_bytes": none,
        "/sys/fs/cgroup/memory/jobs/build/memory.usage_in_bytes": f"{GIB}\n",
        "/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us": "50000\n",
        "/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        **processors(EPYC, 4, 1),
    }
    found = probe(machine(tmp_path, files))
    assert (found.memory.cgroup_limit, found.memory.cgroup_used) == (2 * GIB, GIB // 2)
    assert found.memory.available == 2 * GIB - GIB // 2
    assert found.cpu.quota == 0.5
    assert found.cpu.threads == 1


def test_a_group_that_is_mounted_from_the_middle(tmp_path: Path) -> None:
    """Docker without a cgroup namespace: the path is the host's, the mount begins at the container."""
    files = {
        "/proc/meminfo": MEMINFO,
        "/proc/self/cgroup": "0::/docker/4f2a/inner\n",
        "/proc/self/mountinfo": V2_MOUNT.replace(" / /sys", " /docker/4f2a /sys"),
        "/sys/fs/cgroup/memory.max": f"{3 * GIB}\n",
        "/sys/fs/cgroup/memory.current": f"{GIB}\n",
        "/sys/fs/cgroup/inner/memory.max": f"{2 * GIB}\n",
        "/sys/fs/cgroup/inner/memory.current": f"{GIB}\n",
    }
    assert probe_memory(machine(tmp_path, files)).cgroup_limit == 2 * GIB


@pytest.mark.parametrize("own", ["/../../other", "/gone/../away", ""])
def test_a_path_that_leads_out_of_sight(tmp_path: Path, own: str) -> None:
    files = {"/proc/meminfo": MEMINFO, **limits_v2({"": {"memory.max": "max", "memory.current": "1"}}, own)}
    assert probe_memory(machine(tmp_path, files)).cgroup_limit is None


def test_an_amd_card(tmp_path: Path) -> None:
    device = "/sys/class/drm/card1/device"
    files = {
        f"{device}/mem_info_vram_total": f"{16 * GIB}\n",
        f"{device}/mem_info_vram_used": f"{GIB}\n",
        f"{device}/product_name": "Radeon RX 7800 XT\n",
        "/sys/class/drm/card1-HDMI-A-1/status": "connected\n",
    }
    found = probe(machine(tmp_path, files))
    assert [(g.name, g.total, g.free) for g in found.gpus] == [("Radeon RX 7800 XT", 16 * GIB, 15 * GIB)]
    assert found.gpu_problem == ""


def test_an_nvidia_device_without_its_driver_says_so(tmp_path: Path) -> None:
    if Path("/dev/nvidiactl").exists():  # then the library answers, whatever the tree says
        assert probe().gpus
        return
    found = probe(machine(tmp_path, {"/dev/nvidiactl": ""}))
    assert found.gpus == ()
    assert "NVIDIA driver does not answer" in found.gpu_problem


def test_without_a_gpu_its_library_is_not_loaded(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from offgrid_tui.hardware.probe import probe\n"
        "assert probe(pathlib.Path(sys.argv[1])).gpus == ()\n"
        "print(*[m for m in ('pynvml', 'psutil') if m in sys.modules])"
    )
    root = machine(tmp_path, {"/proc/meminfo": MEMINFO})
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_empty_tree_is_described_by_what_python_knows(tmp_path: Path) -> None:
    found = probe(tmp_path)
    assert found.memory.total == psutil.virtual_memory().total
    assert found.cpu.logical == os.cpu_count()
    assert found.cpu.features == ()


def test_the_disk_of_a_path_that_is_not_there_yet(tmp_path: Path) -> None:
    here, later = read_disk(tmp_path), read_disk(tmp_path / "a" / "b")
    assert later.total == here.total == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert 0 < later.free <= later.total


@pytest.mark.parametrize(
    "text, numbers", [("0-3,8", {0, 1, 2, 3, 8}), ("5\n", {5}), ("", set()), ("x,1-", {1}), ("2-2", {2})]
)
def test_lists_of_processors(text: str, numbers: set[int]) -> None:
    assert numbers_in(text) == numbers
