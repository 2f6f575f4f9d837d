"""How long earlier loads took, so that the next one can say what to expect."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

from offgrid_tui.engine.contract import LoadOptions
from offgrid_tui.system.durable import atomic_write

log = logging.getLogger(__name__)

_ENTRIES = 300


class LoadHistory:
    """Milliseconds by file and options, in a small JSON file. A file that cannot be read is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, float] = {}
        try:
            value = json.loads(path.read_bytes())
            self._entries = {str(k): float(v) for k, v in value.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("the load history %s is begun anew: %s", path, error)

    def expected_ms(self, key: str) -> float | None:
        return self._entries.get(key)

    def record(self, key: str, load_ms: float) -> None:
        self._entries.pop(key, None)  # the newest goes last
        self._entries[key] = round(load_ms, 1)
        while len(self._entries) > _ENTRIES:
            del self._entries[next(iter(self._entries))]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._path, json.dumps(self._entries, indent=0).encode())
        except OSError as error:  # a full disk must not keep a model from loading
            log.warning("the load history could not be written: %s", error)


def load_key(path: str, stamp: str, options: LoadOptions) -> str:
    """Names a file, as it is now (`stamp`), and how it is loaded."""
    return f"{path} {stamp} {json.dumps(asdict(options), separators=(',', ':'))}"
