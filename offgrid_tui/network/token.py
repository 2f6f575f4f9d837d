"""The token that tells Hugging Face who asks: where it is looked for, and that nobody sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from offgrid_tui.network.errors import BadSetting
from offgrid_tui.settings.schema import NetworkSettings

_LONGEST = 4096  # bytes of a file with a token in it
_SHAPE = re.compile(r"[!-~]{4,500}")  # printable, without a space: anything else could become another header


@dataclass(frozen=True, slots=True)
class Token:
    """A secret. Neither `repr` nor `str` shows it; only the transport reads `value`."""

    value: str = field(repr=False)
    source: str  # where it came from, in words


def find_token(settings: NetworkSettings, env: Mapping[str, str]) -> Token | None:
    """Our own setting, then the environment's, then what `hf auth login` saved; None where there is none.

    Raises:
        BadSetting: what stands there can't be a token.
    """
    if settings.hub_token:
        return _token(settings.hub_token, "network.hub_token")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if env.get(name, "").strip():
            return _token(env[name], name)
    path = login_file(env)
    try:
        with path.open("rb") as stream:
            text = stream.read(_LONGEST).decode("ascii", "replace")
    except OSError:
        return None
    return _token(text, "hf auth login") if text.strip() else None


def login_file(env: Mapping[str, str]) -> Path:
    """Where `hf auth login` keeps its token, as huggingface_hub's constants.py finds it."""
    if own := env.get("HF_TOKEN_PATH"):
        return _expanded(own, env)
    if home := env.get("HF_HOME"):
        return _expanded(home, env) / "token"
    return _expanded(env.get("XDG_CACHE_HOME") or "~/.cache", env) / "huggingface" / "token"


def _expanded(text: str, env: Mapping[str, str]) -> Path:
    if text == "~" or text.startswith("~/"):
        return Path(env.get("HOME") or Path.home()) / text[2:]
    return Path(text)


def _token(text: str, source: str) -> Token:
    value = text.strip()
    if not _SHAPE.fullmatch(value):
        raise BadSetting(source, "What is there can't be a token: it has to be one word of plain letters and digits")
    return Token(value, source)
