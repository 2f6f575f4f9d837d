"""Whether an installed model is still what its repository holds: the receipt's commit and hashes against the hub's."""

from __future__ import annotations

from collections.abc import Mapping

from offgrid_tui.catalog.hub.api import Tree
from offgrid_tui.catalog.hub.model import Update, UpdateState
from offgrid_tui.foundation.text import clean_line


def compare(repository: str, revision: str, installed: Mapping[str, str | None], now: Tree) -> Update:
    """How `installed` (path in the repository -> SHA-256, None where it is not known) stands to `now`.

    Hashes decide: a commit that only changed a description leaves the file as it was, and that is told apart. Where
    a hash is missing on either side, only the commits can be compared.
    """
    by_hash = {digest: path for path, digest in now.files.items() if digest is not None}
    gone = tuple(path for path in installed if path not in now.files)
    moved = tuple((path, by_hash[digest]) for path in gone if (digest := installed[path]) in by_hash and digest)
    changed = tuple(
        path
        for path, digest in installed.items()
        if digest is not None and (theirs := now.files.get(path)) is not None and theirs != digest
    )
    state, detail = _state(revision, now.commit, installed, gone, moved, changed)
    return Update(state, repository, now.commit, now.updated, detail, changed, gone, moved)


def _state(
    revision: str,
    commit: str,
    installed: Mapping[str, str | None],
    gone: tuple[str, ...],
    moved: tuple[tuple[str, str], ...],
    changed: tuple[str, ...],
) -> tuple[UpdateState, str]:
    if len(gone) > len(moved):
        lost = next(path for path in gone if path not in dict(moved))
        return UpdateState.GONE, f"{clean_line(lost)} is not in the repository any more"
    if changed:
        return UpdateState.REPLACED, f"{clean_line(changed[0])} holds other bytes now"
    if moved:
        return UpdateState.NEWER, f"the same bytes are called {clean_line(moved[0][1])} now"
    if revision and revision == commit:
        return UpdateState.SAME, "the newest commit is the one that is here"
    if installed and all(installed.values()):
        if not revision:
            return UpdateState.SAME, "the bytes are the newest"
        return UpdateState.NEWER, "the repository has a newer commit; these files are the same in it"
    return UpdateState.NEWER, "the repository has another commit; no hash tells whether the files changed"
