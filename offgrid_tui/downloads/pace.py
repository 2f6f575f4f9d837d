"""How long to wait before something is tried again."""

from __future__ import annotations

import random

from offgrid_tui.downloads.contract import Patience


def delay(failures: int, patience: Patience) -> float:
    """Seconds until the next try after so many failures in a row: doubled each time, and varied so that many clients
    that were cut off together don't come back together."""
    return float(min(patience.longest, patience.base * 2 ** min(failures - 1, 20)) * random.uniform(0.5, 1.0))
