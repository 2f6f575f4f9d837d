"""What the loopback hub holds, and what its API says about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

SMALL = 10_000  # files up to here are kept in git itself: no SHA-256, no redirect (unless their name ends in .gguf)


class Content(Protocol):
    """A file's bytes, perhaps too many to hold."""

    @property
    def size(self) -> int: ...

    @property
    def sha256(self) -> str: ...

    def read(self, offset: int, size: int) -> bytes: ...


@dataclass(frozen=True)
class Bytes:
    """A small file."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]


@dataclass(frozen=True)
class Sparse:
    """A file of any size: `start`, then zeros. Its SHA-256 is whatever is claimed."""

    start: bytes
    size: int
    sha256: str = "5" * 64

    def read(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        head = self.start[offset : offset + size]
        return head + bytes(size - len(head))


@dataclass
class Repository:
    """A repository with its history: commit -> path -> content, oldest first."""

    name: str
    commits: dict[str, dict[str, Content]] = field(default_factory=dict)
    downloads: int = 0
    likes: int = 0
    trending: int = 0
    updated: str = "2026-05-01T10:00:00.000Z"
    gated: str | bool = False
    private: bool = False
    tags: tuple[str, ...] = ("gguf", "text-generation", "license:apache-2.0")
    pipeline: str | None = "text-generation"
    gguf: Mapping[str, Any] | None = None
    readers: frozenset[str] = frozenset()  # tokens that a gated or private one is open to
    extra: Mapping[str, Any] = field(default_factory=dict)  # laid over what the API says: to lie with

    @property
    def head(self) -> str:
        return next(reversed(self.commits))

    @property
    def files(self) -> dict[str, Content]:
        return self.commits[self.head]


def about(repository: Repository, commit: str, blobs: bool, expand: list[str] | None) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "author": repository.name.split("/")[0],
        "sha": commit,
        "lastModified": repository.updated,
        "createdAt": repository.updated,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": repository.downloads,
        "likes": repository.likes,
        "trendingScore": repository.trending,
        "tags": list(repository.tags),
        "pipeline_tag": repository.pipeline,
        "library_name": "gguf",
        "siblings": [_sibling(path, c, blobs) for path, c in repository.commits[commit].items()],
    }
    if repository.gguf is not None:
        whole["gguf"] = dict(repository.gguf)
    if expand is not None:
        whole = {name: value for name, value in whole.items() if name in expand}
    return {"_id": "0" * 24, "id": repository.name, "modelId": repository.name, **whole, **repository.extra}


def _sibling(path: str, content: Content, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": path}
    value: dict[str, Any] = {"rfilename": path, "blobId": git_sha(content).strip('"'), "size": content.size}
    if is_lfs(path, content):
        value["lfs"] = {"sha256": content.sha256, "size": content.size, "pointerSize": 135}
    return value


def entry(path: str, content: Content) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": "file",
        "oid": git_sha(content).strip('"'),
        "size": content.size,
        "path": path,
    }
    if is_lfs(path, content):
        value["lfs"] = {"oid": content.sha256, "size": content.size, "pointerSize": 135}
    return value


def is_lfs(path: str, content: Content) -> bool:
    return path.endswith(".gguf") or content.size > SMALL


def git_sha(content: Content) -> str:
    """As the ETag of a file in git: of its beginning only where it is long, which no test can tell."""
    data = content.read(0, min(content.size, SMALL))
    digest = hashlib.sha1(b"blob %d\0" % content.size + data).hexdigest()
    return f'"{digest}"'


def as_content(value: bytes | Content) -> Content:
    return Bytes(value) if isinstance(value, bytes) else value
