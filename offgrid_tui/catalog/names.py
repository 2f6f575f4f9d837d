"""The forms in which a model can be named, each taken apart; what it means is decided in resolver.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

QUANTISATION = re.compile(r"(?:ud-)?(?:i?q\d(?:_\w+)*|tq\d_\d|mxfp4(?:_moe)?|nvfp4|bf16|fp?16|fp?32)", re.IGNORECASE)
_REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+?)(?::(?P<quantisation>[\w.-]+))?")
_HUB_HOSTS = ("hf.co", "huggingface.co", "www.huggingface.co")
_FORMS = frozenset({"instruct", "it", "chat", "text", "latest", "base", "code", "v1", "v2"})  # words of Ollama's tags


@dataclass(frozen=True, slots=True)
class InRepository:
    """Something on Hugging Face: all of a repository, one quantisation of it, or one file."""

    repository: str
    quantisation: str = ""
    file: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """A name with a tag as Ollama writes it: `qwen3:4b-instruct-q8_0`. `shorter` are names to look for, the most exact
    first; each leaves more of the tag's words out."""

    quantisation: str
    shorter: tuple[str, ...]


def same_quantisation(one: str, other: str) -> bool:
    """Whether both words name one quantisation: q4_k_m and Q4_K_M, fp16 and F16."""
    return _plain(one) == _plain(other)


def is_address(text: str) -> bool:
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def host(address: str) -> str:
    """The host of an address; "" where it names none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def is_path(text: str) -> bool:
    """Whether it can only be a path: what else begins so?"""
    return text.startswith(("/", "./", "../", "~")) or text in (".", "..")


def in_repository(text: str) -> InRepository | None:
    """`hf.co/org/name[:QUANT]`, `hf:org/name[/file]`, an address of the hub's, `org/name[:QUANT]`; None for others.

    A path of a file needs the prefix: without it, it is one on this machine.
    """
    if is_address(text):
        return _hub_address(text)
    for prefix in ("hf:", "hf.co/", "huggingface.co/"):
        if text.casefold().startswith(prefix):
            text = text[len(prefix) :]
            break
    else:
        if text.count("/") != 1 or text.casefold().endswith(".gguf"):
            return None
    parts = text.strip("/").split("/")
    if len(parts) > 2 and parts[2] not in ("blob", "resolve", "tree"):
        return InRepository("/".join(parts[:2]), file="/".join(parts[2:])) if _is_repository(parts[:2]) else None
    if len(parts) > 2:
        return _hub_address(f"https://hf.co/{text}")
    match = _REPOSITORY.fullmatch("/".join(parts))
    return match and InRepository(match["repository"], match["quantisation"] or "")


def tag(text: str) -> Tag | None:
    """`text` as a name with a tag; None where it has none."""
    name, colon, words = text.partition(":")
    if not colon or not name or not words or "/" in words:
        return None
    if QUANTISATION.fullmatch(words):
        return Tag(words, (name,))
    left, quantisation = words.split("-"), ""
    if QUANTISATION.fullmatch(left[-1]):
        quantisation = left.pop()
    shorter = []
    while left:
        shorter.append(f"{name}:{'-'.join(left)}")
        if left[-1] not in _FORMS:
            break
        left.pop()
    if not left:
        shorter.append(name)
    return Tag(quantisation, tuple(shorter))


def _hub_address(text: str) -> InRepository | None:
    """Of a repository or of a file in it; None for an address of somebody else's."""
    if host(text) not in _HUB_HOSTS:
        return None
    parts = [unquote(part) for part in urlsplit(text).path.split("/") if part]
    if len(parts) < 2 or not _is_repository(parts[:2]):
        return None
    repository = "/".join(parts[:2])
    if len(parts) >= 5 and parts[2] in ("blob", "resolve"):
        return InRepository(repository, file="/".join(parts[4:]), revision=_pinned(parts[3]))
    if len(parts) >= 4 and parts[2] == "tree":
        return InRepository(repository, revision=_pinned(parts[3]))
    return InRepository(repository) if len(parts) == 2 else None


def _pinned(revision: str) -> str:
    """ "" for whatever is newest, which is what an address says that was copied from a browser."""
    return "" if revision == "main" else revision


def _is_repository(parts: list[str]) -> bool:
    return _REPOSITORY.fullmatch("/".join(parts)) is not None


def _plain(quantisation: str) -> str:
    return quantisation.casefold().replace("fp", "f")
