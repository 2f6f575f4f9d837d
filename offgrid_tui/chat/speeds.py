"""How fast models wrote here, from the answers that were kept."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw

_LOOKED_AT = 500  # answers, the newest first
_FEWEST = 16  # tokens of an answer that says something about a speed
_ENOUGH = 20  # answers of one model


def measured_speeds(conn: apsw.Connection, owner: str = "local") -> dict[str, float]:
    """Path of a model -> tokens a second that its last answers were written with, the median."""
    rows = conn.execute(
        "SELECT model, figures ->> 'decode_tps' FROM turns"
        " WHERE owner = ? AND role = 'assistant' AND model IS NOT NULL"
        " AND figures ->> 'decode_tps' > 0 AND figures ->> 'completion_tokens' >= ?"
        " ORDER BY created DESC LIMIT ?",
        (owner, _FEWEST, _LOOKED_AT),
    )
    found: defaultdict[str, list[float]] = defaultdict(list)
    for model, speed in rows:
        if len(found[model]) < _ENOUGH:
            found[model].append(float(speed))
    return {model: median(speeds) for model, speeds in found.items() if speeds}
