"""Copying that works where OffGrid runs: in tmux, over SSH, on the console. What is told is what is known."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Mapping

OSC52_LIMIT = 74_000  # bytes of text; xterm and others drop sequences much longer than 100,000 characters
TMUX_SECONDS = 3.0


async def copy(text: str, write: Callable[[str], None], env: Mapping[str, str] = os.environ) -> str:
    """Copy `text` and return what can truthfully be said about it.

    Inside tmux the text goes into tmux's own buffer: tmux ignores the escape sequence by default. Elsewhere it goes to
    the terminal as OSC 52 through `write`; no terminal answers whether it took it.
    """
    size = f"{len(text):,} characters" if len(text) != 1 else "1 character"
    if env.get("TMUX"):
        problem = await _tmux(text)
        if not problem:
            return f"Copied {size} to tmux's buffer: prefix ] pastes them"
        return f"tmux did not take it ({problem}). Press w to write it to a file"
    data = text.encode()
    if len(data) > OSC52_LIMIT:
        return f"{size} are too many for a terminal's clipboard. Press w to write them to a file"
    write(f"\x1b]52;c;{base64.b64encode(data).decode()}\a")
    return f"Sent {size} to the terminal's clipboard (OSC 52). If nothing pastes, press w for a file"


async def _tmux(text: str) -> str:
    """Load tmux's newest buffer; -w hands it on to the outer terminal where that allows it. Returns what went wrong."""
    for options in (["-w"], []):  # before 3.2 tmux does not know -w
        try:
            process = await asyncio.create_subprocess_exec(
                "tmux",
                "load-buffer",
                *options,
                "-",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return str(error.strerror or error)
        try:
            async with asyncio.timeout(TMUX_SECONDS):
                _, complaint = await process.communicate(text.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            return "no answer"
        if process.returncode == 0:
            return ""
    return complaint.decode(errors="replace").strip().splitlines()[0] if complaint.strip() else "unknown reason"
