"""Takes models of other tools into the list where they lie. Their files are never written, moved or deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.foundation.errors import OffGridError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.facts import facts_of
from offgrid_tui.library.finders.model import Candidate, Store
from offgrid_tui.library.importing import Refused, read_set
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, Origin
from offgrid_tui.library.names import is_text, new_id, safe_name, stem_of
from offgrid_tui.library.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of one model. `already`: these bytes, or this file, were in the list."""

    model: InstalledModel
    already: bool = False


def adopt_store(shelf: Shelf, store: Store, *, dry: bool = False) -> tuple[list[Adopted], list[Refused]]:
    """Adopt what is in `store`; reads headers, not the whole files.

    Args:
        dry: only say what would be adopted.
    """
    adopted: list[Adopted] = []
    refused: list[Refused] = []
    for candidate in store.candidates():
        path = candidate.files.weights[0] if candidate.files.weights else store.folder
        try:
            adopted.append(_adopt(shelf, candidate, [one.model for one in adopted], dry=dry))
        except OffGridError as error:
            refused.append(Refused(path, error))
    return adopted, refused


def _adopt(shelf: Shelf, candidate: Candidate, so_far: Iterable[InstalledModel], *, dry: bool) -> Adopted:
    for path in candidate.files.files:
        if not is_text(path):
            raise RefusedError(
                f"{clean_line(path.name)} can't be adopted",
                detail="Its name is not UTF-8.",
                mend="Import it: the copy gets a plain name.",
            )
    if any(
        shelf.is_ours(path) or path.resolve().is_relative_to(shelf.folder.resolve()) for path in candidate.files.weights
    ):
        raise RefusedError(
            f"{clean_line(candidate.files.weights[0].name)} lies in OffGrid's own folder",
            detail="What is there is in the list by itself.",
        )
    known = shelf.models()
    if (model := _same(candidate, (*known, *(one for one in so_far if one not in known)))) is not None:
        return Adopted(model, already=True)
    header, found = read_set(candidate.files)
    files = []
    for path in found.files:
        status = path.stat()
        role = "projector" if path == found.projector else "weights"
        files.append(InstalledFile(path, status.st_size, status.st_mtime, candidate.hashes.get(path), role))
    promise = shelf.promises(files[0].sha256) if files[0].sha256 else None
    first = stem_of(safe_name(found.weights[0].name))
    base = candidate.name or (first if not first.startswith("sha256-") else header.name)
    again = next((one for one in known if one.files[0].path == files[0].path), None)  # it was broken
    taken = {one.id for one in known} | {one.id for one in so_far}
    model = InstalledModel(
        id=again.id if again is not None else new_id(base or "model", taken),
        name=(promise.name if promise else "") or candidate.name or header.name or first,
        origin=Origin.ADOPTED,
        files=tuple(files),
        check=Check.UNKNOWN,
        installed=shelf.clock.wall(),
        facts=facts_of(header, projector=found.projector is not None),
        repository=clean_line(candidate.repository) or (promise.repository if promise else ""),
        revision=clean_line(candidate.revision),
        publisher=promise.publisher if promise else clean_line(candidate.repository.partition("/")[0]),
        source=candidate.tool,
        catalog=promise.catalog if promise else "",
    )
    if not dry:
        with shelf.lock():
            shelf.put(model)
    return Adopted(model)


def _same(candidate: Candidate, known: Iterable[InstalledModel]) -> InstalledModel | None:
    """A whole model of the list that has these files or these bytes: by path, by the file itself, by hash."""
    first = candidate.files.weights[0]
    stated = candidate.hashes.get(first)
    for model in known:
        if model.problem:
            continue
        other = model.files[0]
        if other.path == first or (stated is not None and other.sha256 == stated) or _one_file(first, other.path):
            return model
    return None


def _one_file(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False
