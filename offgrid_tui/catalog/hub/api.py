"""The questions that are put to the hub through the real huggingface_hub, and its errors as ours.

Everything here blocks, in a thread of `Calls`. One question is one request, or a few where the hub pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from offgrid_tui.catalog.hub.errors import FileMissing, Gated, RepositoryMissing, RevisionMissing, TokenRejected
from offgrid_tui.catalog.hub.listing import commit_of, listed, trending_of
from offgrid_tui.catalog.hub.model import Newest, Search, Sort
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.errors import BadAnswer

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from offgrid_tui.catalog.credibility import Publishers
    from offgrid_tui.catalog.model import CatalogModel
    from offgrid_tui.network.guard import Bounds

# What a listing is asked for: all that a row shows, the names of its files, and nothing else.
_EXPAND: list[Any] = [
    "downloads", "gated", "gguf", "lastModified", "likes", "pipeline_tag", "sha", "siblings", "tags", "trendingScore",
]  # fmt: skip
_SORTS: dict[Sort, Literal["downloads", "likes", "trending_score", "last_modified"]] = {
    Sort.DOWNLOADS: "downloads",
    Sort.LIKES: "likes",
    Sort.TRENDING: "trending_score",
    Sort.NEWEST: "last_modified",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A listed repository. `trending` as the hub scores it, where it says so: it is not for showing."""

    model: CatalogModel
    trending: int | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A repository with all its files."""

    model: CatalogModel
    trending: int | None
    commit: str
    refused: tuple[str, ...]


def search(
    access: NetworkAccess, bounds: Bounds, asked: Search, count: int, publishers: Publishers, seen: float
) -> tuple[list[Row], bool]:
    """The first `count` repositories, and whether the hub gave as many: then there may be more."""
    with _speaking(access, bounds, "") as api:
        rows = [
            (listed(info, publishers, seen), trending_of(info))
            for info in api.list_models(
                filter="gguf",
                search=asked.text.strip() or None,
                author=asked.author.strip() or None,
                sort=_SORTS[asked.sort],
                limit=count,
                expand=_EXPAND,
            )
        ]
    return [Row(found[0], trending) for found, trending in rows if found is not None], len(rows) >= count


def details(
    access: NetworkAccess, bounds: Bounds, repository: str, revision: str | None, publishers: Publishers, seen: float
) -> Whole:
    """A repository's files with sizes and hashes, at `revision` (None: its newest commit)."""
    with _speaking(access, bounds, repository, revision or "") as api:
        info = api.model_info(repository, revision=revision, files_metadata=True)
        found = listed(info, publishers, seen)
        commit = commit_of(info)
    if found is None:
        raise FileMissing(repository, "that ends in .gguf")
    if commit is None:
        raise BadAnswer(access.hub_host, "It names no commit")
    return Whole(found[0], trending_of(info), commit, found[1].refused)


def newest(access: NetworkAccess, bounds: Bounds, repository: str) -> Newest:
    """What `repository` holds at its newest commit."""
    with _speaking(access, bounds, repository) as api:
        info = api.model_info(repository, files_metadata=True)
        commit = commit_of(info)
        if commit is None or info.siblings is None:
            raise BadAnswer(access.hub_host, "It names no commit or no files")
        files = {s.rfilename: None if s.lfs is None else s.lfs.sha256 for s in info.siblings}
        updated = info.last_modified.timestamp() if info.last_modified is not None else None
    return Newest(commit, updated, files)


@contextmanager
def _speaking(access: NetworkAccess, bounds: Bounds, repository: str, revision: str = "") -> Iterator[HfApi]:
    """The library's API; what goes wrong in the block is an error of ours."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    from offgrid_tui.network.huggingface import hub_api

    host = access.hub_host
    try:
        with hub_api(access, bounds) as api:
            yield api
    except OffGridError:
        raise
    except GatedRepoError:  # is a RepositoryNotFoundError too
        raise Gated(repository, f"{access.hub}/{repository}", known=access.token() is not None) from None
    except RevisionNotFoundError:
        raise RevisionMissing(repository, revision) from None
    except RemoteEntryNotFoundError:
        raise FileMissing(repository, "of that name") from None
    except RepositoryNotFoundError:
        raise RepositoryMissing(repository, known=access.token() is not None) from None
    except HfHubHTTPError as error:
        raise _refusal(access, repository, error) from None
    except httpx2.HTTPError:
        raise BadAnswer(host, "It sends from one address to another, or in a form that can't be read") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, httpx2.InvalidURL) as error:
        # The library reads the answer without checking it: what is no JSON, or of another shape, ends like this.
        raise BadAnswer(host, f"It can't be read ({type(error).__name__})") from None


def _refusal(access: NetworkAccess, repository: str, error: Any) -> OffGridError:
    status = error.response.status_code
    said = clean_line(error.server_message or "", 160)
    token = access.token()
    if status == 401 and token is not None and ("credential" in said.lower() or not repository):
        return TokenRejected(access.hub_host, token.source)
    if status in (401, 404) and repository:
        return RepositoryMissing(repository, known=token is not None)
    return BadAnswer(access.hub_host, f"HTTP status {status}" + (f": {said}" if said else ""))
