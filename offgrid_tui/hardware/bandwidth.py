"""How fast this machine reads its memory: what decides how fast a model writes on a processor.

Measured by a search for a byte that is not there, which reads everything and writes nothing, with as many threads as
write an answer. Other programs can only make it look slower, so the best of the first few looks is kept, with the name
of the machine that it was measured on.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from offgrid_tui.hardware.model import Hardware
from offgrid_tui.system.durable import atomic_write

FILE = "bandwidth.json"
BYTES = 256 * 2**20  # more than any cache of a processor for one user's machine
LEAST = 16 * 2**20
LOOKS = 3  # times that it is measured before it is only remembered
ROUNDS = 3
PATIENCE = 0.5  # seconds; no further round is begun after them


def identity(hardware: Hardware, threads: int) -> str:
    """Changes with whatever changes the figure: processor, memory, limits, threads."""
    cpu = hardware.cpu
    parts = (cpu.name, cpu.architecture, cpu.logical, cpu.usable, cpu.quota, hardware.memory.total, threads)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def memory_bandwidth(
    folder: Path, hardware: Hardware, measure: Callable[[int, int], float] | None = None
) -> float | None:
    """Bytes a second, from `folder` where this machine was measured before (a tenth of a second otherwise).

    None where it can't be measured; never raises. A folder that can't be written to costs a measurement each time.

    Args:
        folder: the home's cache.
        measure: bytes a second of so many bytes read by so many threads.
    """
    threads = max(1, hardware.cpu.cores - 1)
    name, file = identity(hardware, threads), folder / FILE
    known, looks = _kept(file, name)
    if looks >= LOOKS:
        return known
    size = min(BYTES, hardware.memory.available // 16)
    if size < LEAST:
        return known
    try:
        found = max(known or 0.0, (measure or read_rate)(size, threads))
    except (OSError, AttributeError, MemoryError):
        return known
    if found <= 0:
        return None
    try:
        atomic_write(file, json.dumps({"machine": name, "bytes_per_second": round(found), "looks": looks + 1}))
    except OSError:
        pass  # measured again next time
    return found


def read_rate(size: int, threads: int) -> float:
    """Bytes a second at which `threads` read `size` bytes together: the best of some rounds, as others may disturb.

    Raises:
        OSError, AttributeError: there is no C library to read with.
    """
    search = ctypes.CDLL(None).memchr
    search.restype, search.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    each = size // threads
    pieces = [(ctypes.c_char * each).from_buffer(bytearray(b"\x01") * each) for _ in range(threads)]
    best, begun = 0.0, time.perf_counter()
    for _ in range(ROUNDS):
        workers = [threading.Thread(target=search, args=(ctypes.addressof(piece), 0, each)) for piece in pieces]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, threads * each / (time.perf_counter() - start))
        if time.perf_counter() - begun > PATIENCE:
            break
    return best


def _kept(file: Path, name: str) -> tuple[float | None, int]:
    """The best rate so far, and how often it was measured."""
    try:
        found = json.loads(file.read_text("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return None, 0
    if not isinstance(found, dict) or found.get("machine") != name:
        return None, 0
    rate, looks = found.get("bytes_per_second"), found.get("looks")
    if not isinstance(rate, int) or not isinstance(looks, int) or isinstance(rate, bool) or rate <= 0:
        return None, 0
    return float(rate), looks
