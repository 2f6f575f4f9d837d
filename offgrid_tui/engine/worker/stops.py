"""Stop strings, which may begin in one token and end in another."""

from __future__ import annotations

from collections.abc import Sequence


def overlap(text: str, marker: str) -> int:
    """How many characters at the end of `text` are the beginning of `marker` (but not all of it)."""
    for length in range(min(len(text), len(marker) - 1), 0, -1):
        if marker.startswith(text[-length:]):
            return length
    return 0


class StopMatcher:
    """Lets text through up to a stop string; holds back what may become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.met: str | None = None

    def push(self, text: str) -> str:
        """What can be shown now. Once a stop string was met (`met`), nothing any more."""
        if self.met is not None:
            return ""
        if not self._stops:
            return text
        self._held += text
        found = [(at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            at, self.met = min(found, key=lambda hit: (hit[0], -len(hit[1])))
            shown, self._held = self._held[:at], ""
            return shown
        keep = max(overlap(self._held, stop) for stop in self._stops)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def end(self) -> str:
        """What was held back, now that nothing follows."""
        shown, self._held = self._held, ""
        return shown
