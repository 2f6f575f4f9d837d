"""Writing a message to a file: the way to copy that always works."""

from __future__ import annotations

import re
import time
from pathlib import Path

from offgrid_tui.system.durable import atomic_write


def write_message(folder: Path, title: str, text: str) -> Path:
    """Write `text` as Markdown into `folder`, named after the chat and the moment; returns the new file.

    Raises:
        OSError: it can't be written.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "message"
    path = folder / f"{slug}-{time.strftime('%Y%m%d-%H%M%S')}.md"
    number = 1
    while path.exists():
        number += 1
        path = path.with_stem(f"{path.stem.rsplit('.', 1)[0]}.{number}")
    atomic_write(path, text if text.endswith("\n") else text + "\n")
    return path
