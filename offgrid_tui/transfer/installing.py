"""Brings a model out of a bundle into the library: joined where it is in parts, proven before it is there."""

from __future__ import annotations

import contextlib
import hashlib
import os
from functools import partial
from pathlib import Path

from offgrid_tui.foundation.errors import DamagedError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.facts import is_projector
from offgrid_tui.gguf.parts import joined
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.hardware.disk import read_disk
from offgrid_tui.library.errors import NoSpace, failed
from offgrid_tui.library.facts import facts_of, require_model
from offgrid_tui.library.importing import Imported, Wish, checked
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, Origin
from offgrid_tui.library.names import new_id, safe_name, stem_of
from offgrid_tui.library.place import ALL, Method, can_share, place
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import Arriving, commit, kept_arrival, recover
from offgrid_tui.library.work import Job
from offgrid_tui.transfer.comparing import twin
from offgrid_tui.transfer.copying import Stretch, join
from offgrid_tui.transfer.model import Bundle, BundleFile, BundleModel, Vouched
from offgrid_tui.transfer.tree import open_below

SPARE = 64 * 2**20  # bytes that are left free: the database needs some of them


def install(shelf: Shelf, bundle: Bundle, model: BundleModel, job: Job, methods: tuple[Method, ...] = ALL) -> Imported:
    """Bring `model` in; who calls has seen to it that the bundle may be used (reading.require_allowed). What was
    copied stays where it is cut off, and the next try goes on.

    Raises:
        DamagedError: bytes are not those that the bundle lists, or are no model.
        NoSpace: there is no room.
        Stopped: somebody stopped the job.
        OffGridError: the system refuses.
    """
    if (here := twin(model, shelf.models())) is not None:
        return Imported(here, None, already=True)
    recover(shelf)  # an earlier try may have been cut off after its bytes were proven
    if (here := twin(model, shelf.models())) is not None:
        return Imported(here, None, already=False)
    key = hashlib.sha256("".join(model.hashes).encode()).hexdigest()[:24]
    with kept_arrival(shelf, key) as arriving:
        _require_room(shelf, bundle, model, arriving, methods)
        used = [_bring(bundle, file, arriving.part(number), job, methods) for number, file in enumerate(model.files)]
        found = _described(bundle, model, arriving)
        with shelf.lock():
            if (here := twin(model, shelf.models())) is not None:  # another process was faster
                return Imported(here, None, already=True)
            done = commit(shelf, arriving, _placed(shelf, found, model))
            shelf.forget(*_adopted_twins(shelf, model))
    return Imported(done, used[0])


def source_of(bundle: Bundle) -> str:
    """What the receipt says of where the model came from: who signed stands there for ever, and that nobody did."""
    signer = bundle.signer
    if signer.vouched is Vouched.UNSIGNED:
        return "an unsigned bundle"
    if signer.vouched is Vouched.TRUSTED:
        return f"a bundle signed by {clean_line(signer.name, 60)} ({signer.fingerprint[:16]})"
    return f"a bundle signed with a key trusted once ({signer.fingerprint[:16]})"


def read_model(bundle: Bundle, model: BundleModel, job: Job) -> dict[str, str]:
    """Read all pieces of `model` without keeping anything; path of each bad one -> why."""
    bad = {}
    for file in model.files:
        for piece in file.pieces:
            if piece.path in bundle.damaged:
                bad[piece.path] = bundle.damaged[piece.path]
                continue
            job.begin(piece.path.rpartition("/")[2], piece.size)
            try:
                found = _read(bundle.root, piece.path, job)
            except OSError as error:
                bad[piece.path] = f"can't be read: {error.strerror}"
                continue
            if found != piece.sha256:
                bad[piece.path] = f"has the SHA-256 {found} instead of {piece.sha256}"
    return bad


def _bring(bundle: Bundle, file: BundleFile, target: Path, job: Job, methods: tuple[Method, ...]) -> Method:
    """One file, whole and proven, at `target`."""
    job.begin(file.name, file.size)
    sharing = tuple(method for method in methods if method is not Method.COPY)
    original = bundle.root / file.path
    if file.whole and sharing and _one_device(original, target.parent):
        with contextlib.suppress(OffGridError):  # then it is copied
            target.unlink(missing_ok=True)
            placed = place(original, target, job, sharing)
            if placed.sha256 != file.sha256:
                target.unlink()
                raise _differs(file.path, file.sha256, placed.sha256)
            return placed.method
        job.begin(file.name, file.size)
    whole = None if file.whole else hashlib.sha256()
    stretches = [Stretch(partial(open_below, bundle.root, piece.path), 0, piece.size) for piece in file.pieces]
    try:
        for piece, found in zip(file.pieces, join(stretches, target, job, whole), strict=True):
            if found != piece.sha256:
                os.truncate(target, piece.start)  # what came before is right, and is gone on from
                raise _differs(piece.path, piece.sha256, found)
    except EOFError:
        raise DamagedError(f"{clean_line(file.name)} is cut short", mend="Export it again.") from None
    except OSError as error:
        raise failed(f"Importing {file.name}", target, error) from None
    if whole is not None and whole.hexdigest() != file.sha256:
        target.unlink()
        raise _differs(file.path, file.sha256, whole.hexdigest())
    return Method.COPY


def _described(bundle: Bundle, model: BundleModel, arriving: Arriving) -> InstalledModel:
    """The model as its own header says it; nothing of what the bundle says of it is taken for that."""
    weights = [arriving.part(n) for n, file in enumerate(model.files) if file.role == "weights"]
    header = joined([read_header(path) for path in weights])
    require_model(header, model.files[0].name)
    others = model.files[len(weights) :]
    if len(others) > 1 or (others and not is_projector(read_header(arriving.part(len(weights))))):
        raise DamagedError(f"{clean_line(model.files[-1].name)} is no projector", mend="Export the model again.")
    return InstalledModel(
        id="",
        name=model.name or header.name or stem_of(model.files[0].name),
        origin=Origin.IMPORTED,
        files=(),
        check=Check.UNVERIFIED if bundle.signer.vouched is Vouched.UNSIGNED else Check.VERIFIED,
        installed=0.0,
        facts=facts_of(header, projector=bool(others)),
        repository=model.repository,
        revision=model.revision,
        publisher=model.publisher,
        source=source_of(bundle),
    )


def _placed(shelf: Shelf, found: InstalledModel, model: BundleModel) -> InstalledModel:
    """`found` with the places that its files will have, and with what a source here says of these bytes."""
    from dataclasses import replace

    names = [safe_name(file.name) for file in model.files]
    if len({name.casefold() for name in names}) != len(names):
        raise DamagedError(f"Files of {clean_line(model.label)} have one name", mend="Export the model again.")
    owner, _, repository = found.repository.partition("/")
    if not found.repository:
        owner, repository = "local", stem_of(names[0])
    check, promise = checked(shelf, list(model.hashes), Wish())
    if promise is not None:
        owner, _, repository = promise.repository.partition("/")
        found = replace(
            found,
            catalog=promise.catalog,
            repository=promise.repository,
            revision=promise.revision or found.revision,
            publisher=promise.publisher or found.publisher,
            check=Check.VERIFIED if check is Check.VERIFIED else found.check,
        )
    folder = _free_folder(shelf, safe_name(owner, "local"), safe_name(repository), names)
    return replace(
        found,
        id=new_id(names[0], {one.id for one in shelf.models()}),
        installed=shelf.clock.wall(),
        files=tuple(
            InstalledFile(folder / name, file.size, 0.0, file.sha256, file.role)
            for name, file in zip(names, model.files, strict=True)
        ),
    )


def _free_folder(shelf: Shelf, owner: str, repository: str, names: list[str]) -> Path:
    """A folder in which none of `names` is taken: nothing that is there is ever overwritten."""
    number = 1
    while True:
        folder = shelf.folder / owner / (repository if number == 1 else f"{repository}-{number}")
        if not any(os.path.lexists(folder / name) for name in names):
            return folder
        number += 1


def _require_room(
    shelf: Shelf, bundle: Bundle, model: BundleModel, arriving: Arriving, methods: tuple[Method, ...]
) -> None:
    if methods != (Method.COPY,) and all(
        file.whole and can_share(bundle.root / file.path, arriving.folder) for file in model.files
    ):
        return
    there = sum(part.stat().st_size for part in arriving.folder.glob("*.part"))
    needed, free = max(0, model.size - there) + SPARE, read_disk(shelf.folder).free
    if needed > free:
        raise NoSpace(f"{model.label}", shelf.folder, needed, free)


def _adopted_twins(shelf: Shelf, model: BundleModel) -> list[str]:
    """Adopted models with these weights: one's own copy takes their place in the list; their files stay."""
    return [
        one.id
        for one in shelf.models()
        if one.origin is Origin.ADOPTED and one.files[0].sha256 == model.files[0].sha256
    ]


def _one_device(original: Path, folder: Path) -> bool:
    try:
        return original.lstat().st_dev == folder.stat().st_dev
    except OSError:
        return False


def _read(root: Path, path: str, job: Job) -> str:
    from offgrid_tui.library.hashing import CHUNK, forget_pages

    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    with os.fdopen(open_below(root, path), "rb", buffering=0) as file:
        done = 0
        while got := file.readinto(buffer):
            digest.update(buffer[:got])
            forget_pages(file.fileno(), done, got)
            done += got
            job.advance(got)
    return digest.hexdigest()


def _differs(path: str, expected: str, found: str) -> DamagedError:
    return DamagedError(
        f"{clean_line(path)} is damaged",
        detail=f"Its SHA-256 is {found}, signed or listed was {expected}.",
        mend="Export it again, or try another medium. Nothing of it was installed.",
    )
