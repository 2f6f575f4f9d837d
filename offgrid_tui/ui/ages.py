"""How long ago something was, in few cells."""

from __future__ import annotations

_STEPS = ((60.0, 1.0, "s"), (3600.0, 60.0, "min"), (86400.0, 3600.0, "h"), (float("inf"), 86400.0, "d"))


def ago(moment: float | None, now: float) -> str:
    """5 min ago, 3 h ago, 12 d ago; "just now" also where clocks disagree; empty where it never was."""
    if moment is None:
        return ""
    seconds = now - moment
    if seconds < 10:
        return "just now"
    _, unit, word = next(step for step in _STEPS if seconds < step[0])
    return f"{seconds / unit:.0f} {word} ago"
