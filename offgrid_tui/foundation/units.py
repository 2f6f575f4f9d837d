"""How numbers are written, everywhere: on screens, in commands, in errors."""

from __future__ import annotations

NO_VALUE = "–"  # shown until something was measured


def bytes_text(count: float | None) -> str:
    """`count` bytes in decimal units, as disks and download pages give them: 0 B, 640 kB, 2.5 GB."""
    if count is None:
        return NO_VALUE
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            break
        value /= 1000
    if unit in ("B", "kB") or value >= 99.95:
        return f"{value:.0f} {unit}"
    return f"{value:.1f} {unit}"


def gib(count: float | None) -> str:
    """Memory in GiB with one decimal and no unit, for gauges that carry the unit themselves."""
    return NO_VALUE if count is None else f"{count / 2**30:.1f}"


def duration(seconds: float | None) -> str:
    """12 ms, 3.1 s, 2:05, 1:02:05."""
    if seconds is None:
        return NO_VALUE
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    total = round(seconds)
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def rate(tokens_per_second: float | None) -> str:
    """41.8 t/s, 212 t/s; `–` where nothing was measured."""
    if tokens_per_second is None:
        return f"{NO_VALUE} t/s"
    return f"{tokens_per_second:.0f} t/s" if tokens_per_second >= 99.95 else f"{tokens_per_second:.1f} t/s"


def tokens(count: int | None) -> str:
    """312, 2.5k, 131k."""
    if count is None:
        return NO_VALUE
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 99_950 else f"{count / 1000:.0f}k"


def parameters(count: int | None) -> str:
    """6.3M, 4.0B, 70.6B."""
    if count is None:
        return NO_VALUE
    if count < 999_500_000:
        return f"{count / 1e6:.1f}M" if count < 99_950_000 else f"{count / 1e6:.0f}M"
    return f"{count / 1e9:.1f}B"
