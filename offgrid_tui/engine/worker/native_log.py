"""What llama.cpp prints, caught by its log callback: passed on as events, kept for errors, read for facts.

llama.cpp tells the size of every buffer and the reason of most failures nowhere else.
"""

from __future__ import annotations

import ctypes
import re
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import llama_cpp.llama_cpp as native

_LEVELS: dict[int, Literal["debug", "info", "warning", "error"]] = {1: "debug", 2: "info", 3: "warning", 4: "error"}
_CONTINUED = 5

_BUFFER = re.compile(r"(\S+)\s+(model|output|KV|RS|compute|LoRA) buffer size\s*=\s*([\d.]+) MiB")
_KINDS = {"model": "weights", "KV": "kv", "RS": "recurrent"}
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers")


class NativeLog:
    """Catches the process's llama.cpp log from the moment it is made until the process ends."""

    def __init__(self, forward: Callable[[str, str], None]) -> None:
        """`forward` gets (level, line) for whatever is not a debug line, in the thread that printed it."""
        self._forward = forward
        self._tail: deque[str] = deque(maxlen=40)
        self._level: Literal["debug", "info", "warning", "error"] = "info"
        self._partial = ""
        self.errors: list[str] = []
        self.memory: dict[str, int] = {}
        self.gpu_layers = 0
        # llama.cpp keeps the pointer, so the callback must live as long as the process.
        self._callback = native.llama_log_callback(self._on_text)
        native.llama_log_set(self._callback, ctypes.c_void_p(0))

    def tail(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        return tuple(self._tail)

    def kv_bytes(self) -> int:
        """Size of the cache (and recurrent state) of all devices."""
        return sum(size for name, size in self.memory.items() if name.startswith(("kv ", "recurrent ")))

    def _on_text(self, level: int, text: bytes, _data: Any) -> None:
        if level != _CONTINUED:
            self._level = _LEVELS.get(level, "info")
        if self._level == "debug":
            return
        self._partial += text.decode("utf-8", "replace")
        *lines, self._partial = self._partial.split("\n")
        for line in lines:
            if line.strip(" ."):
                self._on_line(line.rstrip())

    def _on_line(self, line: str) -> None:
        self._tail.append(line)
        if self._level == "error":
            self.errors.append(line)
        elif buffer := _BUFFER.search(line):
            device, kind, size = buffer.groups()
            name = f"{_KINDS.get(kind, kind.lower())} {device}"
            added = kind in ("model", "KV", "RS")  # one line for each part; others are told again when they change
            self.memory[name] = (self.memory.get(name, 0) if added else 0) + round(float(size) * 2**20)
        elif offloaded := _OFFLOADED.search(line):
            self.gpu_layers = int(offloaded[1])
        self._forward(self._level, line)
