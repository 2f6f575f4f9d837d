"""Cleans text that we did not write, before it can reach a terminal, a log or a file name.

Model output, file names, hub metadata, tool results and log lines can carry escape sequences: a terminal would move
its cursor, change its title or write to the user's clipboard (OSC 52). Removing whole sequences needs a parser that
agrees with every terminal; removing the characters that can start one does not, so that is what happens here.
"""

from __future__ import annotations

# C0 without tab and newline, DEL, C1, and the bidirectional controls (Unicode TR9; see also CVE-2021-42574).
_UNSAFE = (
    [c for c in range(0x20) if c not in (0x09, 0x0A)]
    + [0x7F]
    + list(range(0x80, 0xA0))
    + [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    + [0x2028, 0x2029]  # line and paragraph separator: a line to Python, none to a terminal
    + list(range(0xD800, 0xE000))  # lone surrogates: a terminal's encoder would refuse them
    + [0xFFFE, 0xFFFF]
)
_TABLE = dict.fromkeys(_UNSAFE)
_LINE_TABLE = {**_TABLE, 0x09: " ", 0x0A: " "}


def clean(text: str) -> str:
    """Return `text` without control and bidi characters; newline and tab stay. CR LF becomes LF."""
    return text.translate(_TABLE)


def clean_line(text: str, limit: int = 200) -> str:
    """Return `text` as one safe line of at most `limit` characters: for names, titles and labels."""
    line = text[: limit * 4].translate(_LINE_TABLE).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
