"""A variant of a catalog as a download that has not begun."""

from __future__ import annotations

import secrets

from offgrid_tui.catalog.model import Proof, Variant
from offgrid_tui.downloads.model import Download, DownloadFile, DownloadState
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.names import stem_of


def wanted(variant: Variant, name: str, priority: int, now: float) -> Download:
    """`variant`, queued.

    Raises:
        RefusedError: it can't be had.
    """
    if variant.proof is Proof.UNAVAILABLE or not variant.files:
        raise RefusedError(
            f"{clean_line(name or variant.key)} can't be had",
            detail=f"{clean_line(variant.reason)}." if variant.reason else "It has no files.",
            mend="Choose another variant: `offgrid show NAME` lists them.",
        )
    return Download(
        id=secrets.token_hex(4),
        key=variant.key,
        name=clean_line(name) or clean_line(stem_of(variant.files[0].path.rpartition("/")[2])),
        files=tuple(
            DownloadFile(
                file.path,
                file.size,
                file.sha256,
                file.role.value,
                "" if file.url else file.repository or variant.repository,
                file.url,
            )
            for file in variant.files
        ),
        state=DownloadState.QUEUED,
        created=now,
        updated=now,
        quantisation=variant.quantisation,
        repository=variant.repository,
        revision=variant.revision or "",
        publisher=variant.publisher,
        priority=priority,
    )
