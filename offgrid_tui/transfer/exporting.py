"""Writes a bundle: models first, then what says which they are, the signature last. Cut off anywhere, it goes on.

While it writes, `offgrid-bundle.unfinished` stands beside the root. It holds the manifest and the signature of the
bundle that was there before, so that its models can be kept although its files are changing; both are believed only
as far as that signature proves them to be our own.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from offgrid_tui import __version__
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.foundation.errors import BusyError, DamagedError, OffGridError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.errors import NoSpace, failed
from offgrid_tui.library.hashing import sha256_of
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.receipt import to_dict
from offgrid_tui.library.work import Job
from offgrid_tui.system.durable import sync_folder
from offgrid_tui.system.locks import FileLock
from offgrid_tui.transfer import texts
from offgrid_tui.transfer.copying import Stretch, copy_range, read_back, write_small
from offgrid_tui.transfer.errors import DamagedBundle, FileTooLarge, ForeignBundle
from offgrid_tui.transfer.keys import Key, KeyStore
from offgrid_tui.transfer.layout import (
    LARGEST_TEXT,
    LICENCES,
    MANIFEST,
    PARTIAL,
    PUBLIC_KEY,
    README,
    ROOT,
    SIGNATURE,
    SUMS,
    UNFINISHED,
)
from offgrid_tui.transfer.manifest import all_pieces, parse, write
from offgrid_tui.transfer.media import Medium, room, sync_medium
from offgrid_tui.transfer.model import BundleFile, BundleModel, Manifest, Piece
from offgrid_tui.transfer.naming import Named
from offgrid_tui.transfer.plan import Plan, PlannedFile, make_plan
from offgrid_tui.transfer.signing import read_envelope, sign, verified
from offgrid_tui.transfer.strict import loads
from offgrid_tui.transfer.tree import files_below, is_partial, read_small


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did. `written` bytes are new on the medium, and were read back from it."""

    folder: Path
    models: tuple[BundleModel, ...]  # all that the bundle holds now
    added: int  # of them
    removed: int
    written: int
    key: Key


@dataclass(frozen=True, slots=True)
class Base:
    """The bundle that is on the medium, as far as it is proven to be our own."""

    models: tuple[BundleModel, ...]
    sizes: dict[str, int]  # of its files
    manifest: str
    signature: str
    digests: Mapping[str, str]  # as they were signed
    ours: frozenset[str]  # what an export that was cut off would have written
    unfinished: bool = False  # such an export is to be gone on with


def look(folder: Path, keys: KeyStore) -> Base:
    """What is on the medium already.

    Raises:
        ForeignBundle: a bundle that this home did not sign.
        HostileBundle, DamagedBundle: see reading.py.
    """
    root = folder / ROOT
    if not os.path.lexists(root):
        return Base((), {}, "", "", {}, frozenset())
    sizes = files_below(root)
    ours: frozenset[str] = frozenset()
    begun = (folder / UNFINISHED).exists()
    if begun:
        manifest, signature, ours = _journal(folder)
    else:
        manifest = _text(root, MANIFEST) if MANIFEST in sizes else ""
        signature = _text(folder, SIGNATURE) if os.path.lexists(folder / SIGNATURE) else ""
    if not manifest and not signature and (begun or all(is_partial(path) for path in sizes)):
        return Base((), sizes, "", "", {}, ours, begun)
    models, digests = _own_models(folder, keys, manifest, signature)
    return Base(models, sizes, manifest, signature, digests, ours, begun)


def plan_export(
    models: Sequence[InstalledModel], medium: Medium, library: Path, base: Base, *, remove_others: bool = False
) -> Plan:
    """What bringing `models` to `medium` takes; see plan.make_plan."""
    return make_plan(models, medium, library, base.models, base.sizes, base.ours, remove_others=remove_others)


def export(plan: Plan, base: Base, keys: KeyStore, key: Key, clock: Clock, job: Job, lock: Path) -> Exported:
    """Carry out `plan`. Blocks for as long as the bytes take; when it returns, the medium may be pulled.

    Args:
        lock: a file of this home that only one export at a time may hold.

    Raises:
        NoSpace: there is no room for it, or no longer.
        DamagedError: a model's own file changed, or the medium gives back other bytes than it was given.
        Stopped: somebody stopped it; the next one goes on.
        FileTooLarge: the medium refuses files of a size that its filesystem is not known to refuse.
        BusyError: another export to the same place is under way.
        OffGridError: the system refuses.
    """
    medium = plan.medium
    if medium.read_only:
        raise RefusedError(
            f"{clean_line(str(medium.folder))} is read-only", mend="Use a medium that can be written to."
        )
    private = keys.private(key)
    held = FileLock(lock, what="the export")
    if not held.try_acquire():
        raise BusyError("Another export to this place is under way", mend="Wait until it is done.")
    try:
        _require_room(plan)
        root = medium.folder / ROOT
        root.mkdir(parents=True, exist_ok=True)
        _begin(plan, base)
        for path in plan.stray:
            (root / path).unlink(missing_ok=True)
        models = [*plan.keep]
        written = 0
        for named, files in zip(plan.write, plan.files, strict=True):
            done = [_write_file(root, file, job) for file in files]
            written += sum(file.size for file in done)
            models.append(_write_papers(root, named, tuple(done)))
        models.sort(key=lambda one: (one.label.casefold(), one.files[0].path))
        _require_kept(root, plan.keep, base)
        digests = _write_texts(root, models, key, clock)
        _require_complete(root, digests)
        write_small(medium.folder / PUBLIC_KEY, key.pem.encode())
        write_small(medium.folder / SIGNATURE, sign(ROOT, digests, private).encode())
        sync_medium(medium.folder)
        (medium.folder / UNFINISHED).unlink(missing_ok=True)
        sync_folder(medium.folder)
        sync_medium(medium.folder)
    except OSError as error:
        if error.errno == errno.EFBIG and medium.largest is None:
            raise FileTooLarge(medium.folder) from None
        raise failed(f"Writing to {medium.folder.name or medium.folder}", medium.folder, error) from None
    finally:
        held.release()
    return Exported(medium.folder, tuple(models), len(plan.write), len(plan.remove), written, key)


def _own_models(
    folder: Path, keys: KeyStore, manifest: str, signature: str
) -> tuple[tuple[BundleModel, ...], Mapping[str, str]]:
    if not signature:
        raise ForeignBundle(folder, "it is not signed.")
    try:
        envelope = read_envelope(signature.encode())
    except DamagedBundle as error:
        raise ForeignBundle(folder, error.detail) from None
    mine = next((key for key in keys.known() if key.own and key.hint == envelope.hint), None)
    if mine is not None and mine.revoked is not None:
        raise ForeignBundle(folder, f"it is signed with {mine.name}, which you revoked.")
    if mine is None:
        raise ForeignBundle(folder, "it is signed with a key that is not one of your own.")
    digests = verified(envelope, mine.load())
    if digests.get(MANIFEST) != hashlib.sha256(manifest.encode()).hexdigest():
        raise ForeignBundle(folder, "its manifest is not what was signed.")
    return parse(manifest.encode()).models, digests


def _journal(folder: Path) -> tuple[str, str, frozenset[str]]:
    try:
        value = loads(_text(folder, UNFINISHED))
        return str(value["manifest"]), str(value["signature"]), frozenset(str(path) for path in value["planned"])
    except (KeyError, TypeError, ValueError):
        raise ForeignBundle(folder, f"{UNFINISHED} can't be read.") from None


def _text(folder: Path, name: str) -> str:
    return read_small(folder, name, LARGEST_TEXT).decode("utf-8", "replace")


def _begin(plan: Plan, base: Base) -> None:
    papers = {path for one in plan.write for path in (one.receipt, *one.licences())}
    value = {
        "note": "An export to this medium was not finished. Run it again where it was begun; it goes on from here.",
        "planned": sorted({*plan.paths, *papers, *plan.stray, *base.ours}),
        "manifest": base.manifest,
        "signature": base.signature,
    }
    write_small(plan.medium.folder / UNFINISHED, json.dumps(value, ensure_ascii=False).encode())


def _require_room(plan: Plan) -> None:
    free = room(plan.medium.folder) + plan.frees
    if plan.needed > free:
        raise NoSpace(f"{len(plan.write)} models", plan.medium.folder, plan.needed, free)


def _write_file(root: Path, file: PlannedFile, job: Job) -> BundleFile:
    """Copy one file of a model and read it back; once more where pieces of an earlier try were not the right ones."""
    source = file.source
    known = source.sha256
    if known is None:
        job.begin(source.path.name, source.size)
        known = sha256_of(source.path, job)
    target = root / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in (target.parent, *target.parent.parents):
        sync_folder(folder)
        if folder == root.parent:
            break
    there = set()
    for piece in file.pieces:
        size = _size(root / piece.path)
        if size == piece.size:
            there.add(piece.path)
        elif size is not None:
            (root / piece.path).unlink()
    for again in (False, True):
        try:
            pieces, whole = _pass(root, file, there, job)
        except EOFError:
            raise _changed(source.path) from None
        if whole == known:
            return BundleFile(file.path, source.size, known, source.role, pieces)
        if again or not there:
            break
        for path in there:  # an earlier export wrote them, of other bytes or not well
            (root / path).unlink(missing_ok=True)
        there = set()
    raise _changed(source.path)


def _pass(root: Path, file: PlannedFile, there: set[str], job: Job) -> tuple[tuple[Piece, ...], str]:
    """The pieces that are on the medium, and the SHA-256 of the file that they make together, both as read back."""
    whole = hashlib.sha256()
    pieces = []
    job.begin(file.path.rpartition("/")[2], file.source.size + sum(p.size for p in file.pieces if p.path not in there))
    read = os.open(file.source.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for piece in file.pieces:
            path = root / piece.path
            given = None
            if piece.path not in there:
                given = copy_range(Stretch(partial(os.dup, read), piece.start, piece.size), path, job)
            found = read_back(path, job, whole.update if len(file.pieces) > 1 else None)
            if given is not None and found != given:
                path.unlink()
                raise DamagedError(
                    "The medium gives back other bytes than it was given",
                    detail=f"{piece.path}: written {given}, read {found}.",
                    mend="Don't trust this medium; use another one.",
                )
            pieces.append(Piece(piece.path, piece.start, piece.size, found))
    finally:
        os.close(read)
    return tuple(pieces), whole.hexdigest() if len(pieces) > 1 else pieces[0].sha256


def _changed(path: Path) -> DamagedError:
    return DamagedError(
        f"{clean_line(path.name)} is not what its receipt says",
        detail="Its bytes changed after they were recorded.",
        mend="Run `offgrid verify`, and bring the model anew.",
    )


def _write_papers(root: Path, named: Named, files: tuple[BundleFile, ...]) -> BundleModel:
    model = named.model
    papers = []
    for path, source in named.licences().items():
        write_small(root / path, source.read_bytes())
        papers.append(path)
    receipt = to_dict(model, model.path.parent) if _together(model) else {}
    for item, file in zip(receipt.get("files", ()), files, strict=False):
        item["path"] = file.name
        item["sha256"] = file.sha256
    if receipt:
        receipt["source"] = ""  # a path of this machine is nobody's business
        write_small(root / named.receipt, (json.dumps(receipt, ensure_ascii=False, indent=2) + "\n").encode())
        papers.append(named.receipt)
    return BundleModel(
        name=model.name,
        files=files,
        facts=model.facts,
        repository=model.repository,
        revision=model.revision,
        publisher=model.publisher,
        catalog=model.catalog,
        installed=model.installed,
        check=model.check.value,
        papers=tuple(papers),
    )


def _together(model: InstalledModel) -> bool:
    return all(file.path.parent == model.path.parent for file in model.files)


def _require_kept(root: Path, models: Sequence[BundleModel], base: Base) -> None:
    """The small files of models that stay are those that were signed before."""
    for path in {paper for model in models for paper in model.papers}:
        if hashlib.sha256((root / path).read_bytes()).hexdigest() != base.digests.get(path):
            raise DamagedBundle(
                f"{path} was changed after it was signed.", mend="Remove offgrid-bundle and export anew."
            )


def _write_texts(root: Path, models: Sequence[BundleModel], key: Key, clock: Clock) -> dict[str, str]:
    """Write the small files; path -> SHA-256 of all files of the bundle."""
    program = f"offgrid {__version__}"
    digests = {path: piece.sha256 for path, piece in all_pieces(models).items()}
    for model in models:
        for paper in model.papers:
            digests[paper] = hashlib.sha256((root / paper).read_bytes()).hexdigest()
    small = {
        LICENCES: texts.licences(models),
        README: texts.readme(models, program, key),
        MANIFEST: write(Manifest(tuple(models), clock.wall(), program)),
    }
    for path, text in small.items():
        write_small(root / path, text.encode())
        digests[path] = hashlib.sha256(text.encode()).hexdigest()
    text = texts.sums(digests)
    write_small(root / SUMS, text.encode())
    digests[SUMS] = hashlib.sha256(text.encode()).hexdigest()
    return digests


def _require_complete(root: Path, digests: dict[str, str]) -> None:
    """Nothing is signed that is not there, and nothing lies there that is not signed."""
    for path in files_below(root):
        if path.endswith(PARTIAL):
            (root / path).unlink()
    found = files_below(root)
    if found.keys() != digests.keys():
        odd = sorted(found.keys() ^ digests.keys())
        raise OffGridError(
            "The bundle changed while it was written", detail=clean_line(", ".join(odd[:5]), 300), mend="Export again."
        )
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
