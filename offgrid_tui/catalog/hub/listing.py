"""What the hub says about a repository, as a CatalogModel: every field checked, every text cleaned."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.hub.files import Grouped, HubFile, group
from offgrid_tui.catalog.model import CatalogModel, Kind, Role, Source
from offgrid_tui.foundation.text import clean_line

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MOST = 2**53
_TAGS = 1000  # looked at
_CODE = re.compile(r"(?<![a-z])(?:code|coder|codes?tral|starcoder|codellama)", re.IGNORECASE)
_KINDS = {
    "text-generation": Kind.CHAT,
    "text2text-generation": Kind.CHAT,
    "conversational": Kind.CHAT,
    "image-text-to-text": Kind.VISION,
    "any-to-any": Kind.VISION,
    "visual-question-answering": Kind.VISION,
    "feature-extraction": Kind.EMBEDDING,
    "sentence-similarity": Kind.EMBEDDING,
    "automatic-speech-recognition": Kind.SPEECH,
    "text-to-speech": Kind.SPEECH,
}


def is_repository(name: object) -> bool:
    """Whether `name` is organisation/name, in the characters that the hub allows."""
    return isinstance(name, str) and bool(_REPOSITORY.fullmatch(name)) and ".." not in name


def listed(info: ModelInfo, publishers: Publishers, seen: float) -> tuple[CatalogModel, Grouped] | None:
    """The model of one row; None where it has no good name or no GGUF file.

    Args:
        seen: when it was fetched, in Unix seconds.
    """
    name = info.id
    if not is_repository(name):
        return None
    grouped = group(
        name, commit_of(info), _files(info), publishers.of(name), gated=info.gated not in (None, False, "false")
    )
    if not grouped.variants:
        return None
    facts: dict[str, Any] = info.gguf if isinstance(info.gguf, dict) else {}
    tags = [tag for tag in _list(info.tags)[:_TAGS] if isinstance(tag, str)]
    organisation, _, short = name.partition("/")
    sees = any(file.role is Role.PROJECTOR for variant in grouped.variants for file in variant.files)
    model = CatalogModel(
        id=id_of(name),
        name=re.sub(r"[-_.]gguf$", "", short, flags=re.IGNORECASE) or short,
        source=Source.HUB,
        variants=grouped.variants,
        family=_text(facts.get("architecture"), 40),
        maker=_maker(tags) or organisation,
        base=_base(tags),
        parameters=_count(facts.get("total")) or None,
        context=_count(facts.get("context_length")) or None,
        licence=_tag(tags, "license:"),
        kinds=_kinds(info, short, tags, sees=sees),
        capabilities=("vision",) if sees else (),
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        updated=_time(info.last_modified),
        seen=seen,
    )
    return model, grouped


def commit_of(info: ModelInfo) -> str | None:
    return info.sha if isinstance(info.sha, str) and _COMMIT.fullmatch(info.sha) else None


def trending_of(info: ModelInfo) -> int | None:
    """As the hub scores it; None where it does not say."""
    return _count(info.trending_score)


def id_of(repository: str) -> str:
    """Unique among repositories: organisation--name in lower case (the hub allows no `--` in a name). Where that
    would lose an underscore, some digits of the name's hash stand for it."""
    text = repository.lower().replace("/", "--")
    if "_" not in text:
        return text
    return f"{text.replace('_', '-')}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _files(info: ModelInfo) -> Iterable[HubFile]:
    for sibling in _list(info.siblings):
        lfs = sibling.lfs
        size = lfs.size if lfs is not None else sibling.size
        yield HubFile(sibling.rfilename, size, lfs.sha256 if lfs is not None else None)


def _kinds(info: ModelInfo, name: str, tags: list[str], *, sees: bool) -> tuple[Kind, ...]:
    kinds = [_KINDS[word] for word in (str(info.pipeline_tag), *tags) if word in _KINDS]
    if _CODE.search(name) and Kind.EMBEDDING not in kinds:
        kinds.insert(0, Kind.CODE)
    if sees:
        kinds.append(Kind.VISION)
    return tuple(dict.fromkeys(kinds)) or (Kind.OTHER,)


def _base(tags: list[str]) -> str:
    """The repository that this one was made from: `base_model:quantized:org/name`, or without the middle."""
    for tag in tags:
        if tag.startswith("base_model:") and is_repository(found := tag.rpartition(":")[2]):
            return found
    return ""


def _maker(tags: list[str]) -> str:
    return _base(tags).partition("/")[0]


def _tag(tags: list[str], prefix: str) -> str:
    return next((clean_line(tag[len(prefix) :], 60) for tag in tags if tag.startswith(prefix)), "")


def _text(value: object, limit: int) -> str:
    return clean_line(value, limit) if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None


def _time(value: object) -> float | None:
    return value.timestamp() if isinstance(value, datetime) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
