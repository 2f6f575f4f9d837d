"""Names that are safe to give to files and folders of ours, made from names that we did not choose."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Container

from offgrid_tui.foundation.text import clean_line

LONGEST = 200  # bytes; 255 are possible, and temporary names are longer than the final ones
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]+')  # what some filesystem that a stick may have refuses
_PART = re.compile(r"-\d{5}-of-\d{5}$")
_ID = re.compile(r"[^a-z0-9._-]+")


def safe_name(name: str, fallback: str = "model") -> str:
    """One path component: no separators, no leading dot or hyphen, no control characters, at most LONGEST bytes.
    The ending and a part's number stay."""
    text = clean_line(unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace")), 1000)
    text = _FORBIDDEN.sub("_", text).lstrip(".-_ ").rstrip(". ")
    stem, dot, ending = text.rpartition(".")
    if not dot or len(ending) > 10:
        stem, dot, ending = text, "", ""
    part = match[0] if (match := _PART.search(stem)) else ""
    stem = stem.removesuffix(part)
    room = LONGEST - len((part + dot + ending).encode())
    while len(stem.encode()) > room:
        stem = stem[:-1]
    return f"{stem or fallback}{part}{dot}{ending}"


def stem_of(name: str) -> str:
    """The name of a file without its ending and part number."""
    return _PART.sub("", name[: -len(".gguf")] if name.lower().endswith(".gguf") else name)


def new_id(name: str, taken: Container[str]) -> str:
    """A lasting id from a file's name: lower-case letters, digits, dots and hyphens; numbered where it is taken."""
    base = _ID.sub("-", stem_of(safe_name(name)).lower()).strip("-.")[:80] or "model"
    id, number = base, 2
    while id in taken:
        id, number = f"{base}-{number}", number + 1
    return id


def is_text(path: object) -> bool:
    """Whether `path` is UTF-8, as the database and the engine's protocol need it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
