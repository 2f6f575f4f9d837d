"""What one should know about a file, in words for a user, from the flags of the facts."""

from __future__ import annotations

import re

_ONE = r"replaced upstream; an earlier file had SHA-256 \1…"
_TWO = r"replaced upstream; an earlier file had SHA-256 \2…"

# Flag -> what is said; None for what a user has nothing from, or what stands elsewhere in the row.
_WORDS: tuple[tuple[str, str | None], ...] = (
    (r"re-uploaded several times.*", "replaced upstream several times; this is the current one of every recent source"),
    (r"re-uploaded: earlier sha256 ([0-9a-f, ]+) in .*", _ONE),
    (r"older upload (?:of the same file name )?had (?:another )?sha256 \(?([0-9a-f]+).*", _ONE),
    (r"file replaced twice in (\S+) \(([0-9a-f, ]+) before\).*",
     r"replaced upstream twice in \1; earlier files had SHA-256 \2…"),
    (r"an older revision .* of this file had (\d+) bytes / ([0-9a-f]+).*", _TWO),
    (r"older revision: (\d+) bytes / ([0-9a-f]+).*", _TWO),
    (r"must be fetched at this revision.*", "only at this revision: the repository now carries another file instead"),
    (r"GGUF metadata of .* says (\d+), model config (\d+)",
     r"the file's header says a context of \1, the model's own is \2"),
    (r"base completion model, no chat template", "completes text; it has no chat template"),
    (r"size and sha256 come from different sources", "its size and its SHA-256 come from different sources"),
    (r"size taken from another entry with the identical sha256", None),
    (r"licence.*", None),  # stands in licence and licence_note
    (r"quant F16 by the whisper.cpp naming rule.*", None),
    (r"split file part .*", None),
    (r"carried by .*", None),  # the attestations count them
    (r"current file name on main", None),
    (r"rounded size in .*", None),
    (r"(?:no sha256|UNVERIFIED|community upload named).*", None),  # that is why the row is not proven
    (r"(?:one catalog|one source|LocalForge|xinference|context: config|another project|the kronk) .*", None),
    (r"repository inferred from the file name.*", "its repository was inferred from the name of the file"),
    (r"official repository; file lies in the folder gguf/.*", None),
    (r"the Ollama library's .* has this same sha256", "the same bytes as in Ollama's library"),
)  # fmt: skip


def notes(flags: list[str]) -> list[str]:
    """In the order of the flags, each once; what was replaced is said once, with the longest list.

    Raises:
        ValueError: a flag that nobody has thought about.
    """
    found: list[str] = []
    for flag in flags:
        text = _words(flag)
        if text and text not in found:
            found.append(text)
    replaced = [text for text in found if "replaced upstream" in text]
    best = max(replaced, key=len, default="")
    return [text for text in found if text not in replaced or text == best]


def _words(flag: str) -> str | None:
    for pattern, text in _WORDS:
        if match := re.fullmatch(pattern, flag):
            return text and match.expand(text)
    raise ValueError(f"nothing says what becomes of this flag: {flag}")


def licence_note(note: str | None) -> str:
    """Without the way in which the hub's tags say it."""
    text = re.sub(r'^HF tag "other" = ', "", note or "")
    return re.sub(r" \(LocalAI tag [^)]*\)$", "", text)
