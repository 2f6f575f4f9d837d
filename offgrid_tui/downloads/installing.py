"""The last step: files that arrived whole become a model of the library, at once or not at all."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.downloads.errors import NotAModel
from offgrid_tui.downloads.journal import read_journal
from offgrid_tui.downloads.model import Download, DownloadFile
from offgrid_tui.downloads.places import MOVE, journal_of, part_of
from offgrid_tui.foundation.errors import DamagedError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.facts import is_projector
from offgrid_tui.gguf.parts import joined
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.library.facts import facts_of, require_model
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, Origin
from offgrid_tui.library.names import new_id, safe_name, stem_of
from offgrid_tui.library.receipt import from_dict
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import Arriving, commit


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that is here: as it came, or, with `place`, as it was here before."""

    sha256: str
    size: int
    place: Path | None = None


def install(shelf: Shelf, download: Download, folder: Path, here: dict[int, InstalledFile]) -> InstalledModel:
    """Put the files in `folder` in place and write the record and receipt. Blocks for milliseconds; may be done again
    after whatever interrupted it.

    Args:
        here: by number, files that need not be fetched since they are here already.

    Raises:
        NotAModel: the files are none.
        DamagedError: a file is not what was promised, or not whole.
        OffGridError: the system refuses.
    """
    with shelf.lock():
        if (begun := _begun(shelf, folder)) is not None:
            model = begun
        else:
            arrived = [_arrived(folder, download, n, here) for n in range(len(download.files))]
            if (twin := _twin(shelf, arrived)) is not None:  # the same bytes came another way meanwhile
                _away(folder)
                return twin
            model = _model(shelf, download, folder, arrived)
        done = commit(shelf, Arriving(folder), model)
    _away(folder)
    return done


def installed_twin(shelf: Shelf, download: Download) -> InstalledModel | None:
    """A whole model of our own that is what `download` would bring."""
    hashes = [file.sha256 for file in download.files]
    for model in shelf.models():
        if model.problem or model.origin in (Origin.ADOPTED, Origin.BUNDLED):
            continue
        if (model.catalog and model.catalog == download.key) or (
            all(hashes) and [file.sha256 for file in model.files] == hashes
        ):
            return model
    return None


def already_here(shelf: Shelf, download: Download) -> dict[int, InstalledFile]:
    """Projectors of the download that another model of the same repository brought: one file serves both."""
    wanted = {n: f for n, f in enumerate(download.files) if f.role == "projector" and f.sha256}
    found: dict[int, InstalledFile] = {}
    for model in shelf.models():
        for file in model.files:
            for number, one in wanted.items():
                ours = file.role == "projector" and shelf.is_ours(file.path) and file.path.is_file()
                if ours and not model.problem and file.sha256 == one.sha256:
                    found[number] = file
    return found


def _begun(shelf: Shelf, folder: Path) -> InstalledModel | None:
    """What the library had begun to put in place when it was interrupted."""
    try:
        return from_dict(json.loads((folder / MOVE).read_text("utf-8")), shelf.folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, DamagedError):
        (folder / MOVE).unlink(missing_ok=True)
        return None


def _arrived(folder: Path, download: Download, number: int, here: dict[int, InstalledFile]) -> Arrived:
    file = download.files[number]
    if (known := here.get(number)) is not None:
        return Arrived(known.sha256 or "", known.size, known.path)
    journal, part = read_journal(journal_of(folder, number)), part_of(folder, number)
    if journal is None or not journal.whole or not part.exists() or part.stat().st_size != journal.offset:
        raise DamagedError(f"{clean_line(file.path)} is not whole", mend="Retry: what is missing is fetched.")
    if file.sha256 and file.sha256 != journal.sha256:
        raise DamagedError(
            f"{clean_line(file.path)} is not what was promised",
            detail=f"Expected SHA-256 {file.sha256}, got {journal.sha256}.",
            mend="Retry: it is fetched anew.",
        )
    return Arrived(journal.sha256, journal.offset)


def _twin(shelf: Shelf, arrived: list[Arrived]) -> InstalledModel | None:
    hashes = [one.sha256 for one in arrived]
    for model in shelf.models():
        ours = model.origin not in (Origin.ADOPTED, Origin.BUNDLED)
        if ours and not model.problem and [file.sha256 for file in model.files] == hashes:
            return model
    return None


def _model(shelf: Shelf, download: Download, folder: Path, arrived: list[Arrived]) -> InstalledModel:
    """The model with the places that its files will have; broken or foreign files are refused before they have any."""
    weights = [n for n, file in enumerate(download.files) if file.role == "weights"]
    projector = next((n for n, file in enumerate(download.files) if file.role == "projector"), None)
    name = download.files[weights[0]].path.rpartition("/")[2] if weights else download.name
    try:
        header = joined([read_header(arrived[n].place or part_of(folder, n)) for n in weights])
        require_model(header, name)
        if projector is not None and not is_projector(
            read_header(arrived[projector].place or part_of(folder, projector))
        ):
            raise DamagedError(f"{download.files[projector].path} is no projector")
    except OffGridError as error:
        raise NotAModel(name, f"{error.title}. {error.detail}".strip()) from None
    places = _places(shelf, download, arrived)
    known = {model.id for model in shelf.models()}
    promised = all(file.sha256 for file in download.files)
    return InstalledModel(
        id=new_id(places[0].name, known),
        name=download.name or header.name or stem_of(places[0].name),
        origin=Origin.DOWNLOADED,
        files=tuple(
            InstalledFile(place, one.size, 0.0, one.sha256, file.role)
            for place, one, file in zip(places, arrived, download.files, strict=True)
        ),
        check=Check.VERIFIED if promised else Check.UNVERIFIED,
        installed=shelf.clock.wall(),
        facts=facts_of(header, projector=projector is not None),
        repository=download.repository,
        revision=download.revision,
        publisher=download.publisher,
        source="Hugging Face" if download.repository else _host(download.files[0]),
        catalog=download.key,
    )


def _places(shelf: Shelf, download: Download, arrived: list[Arrived]) -> list[Path]:
    names = [safe_name(file.path.rpartition("/")[2] or "model.gguf") for file in download.files]
    owner, _, repository = download.repository.partition("/")
    if not download.repository:
        owner, repository = "local", stem_of(names[0])
    number = 1
    while True:
        folder = (
            shelf.folder
            / safe_name(owner, "local")
            / safe_name(repository if number == 1 else f"{repository}-{number}")
        )
        places = [one.place or folder / name for name, one in zip(names, arrived, strict=True)]
        if not any(one.place is None and os.path.lexists(place) for place, one in zip(places, arrived, strict=True)):
            return places
        number += 1


def _host(file: DownloadFile) -> str:
    from urllib.parse import urlsplit

    return clean_line(urlsplit(file.url).hostname or "")


def _away(folder: Path) -> None:
    """The parts are where they belong; what is left is ours alone."""
    shutil.rmtree(folder, ignore_errors=True)
