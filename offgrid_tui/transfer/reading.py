"""Reads a bundle from a medium as a stranger's: structure first, then the signature, then what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.transfer.errors import (
    DamagedBundle,
    HostileBundle,
    NoBundle,
    RevokedKey,
    UnfinishedBundle,
    UnknownKey,
    Unsigned,
)
from offgrid_tui.transfer.keys import Key, KeyStore, public_key
from offgrid_tui.transfer.layout import (
    LARGEST_PAPER,
    LARGEST_TEXT,
    MANIFEST,
    PUBLIC_KEY,
    ROOT,
    SIGNATURE,
    TEXTS,
    UNFINISHED,
    is_paper,
)
from offgrid_tui.transfer.manifest import all_pieces, parse
from offgrid_tui.transfer.model import Bundle, Manifest, Signer, Vouched
from offgrid_tui.transfer.signing import Envelope, read_envelope, verified
from offgrid_tui.transfer.tree import files_below, read_small


def folder_of(path: Path) -> Path | None:
    """The folder that holds the bundle which `path` names: the folder itself, or the root in it; None where there is
    none."""
    if path.name == ROOT and (path / MANIFEST).is_file():
        return path.parent
    if (path / ROOT).is_dir() or (path / UNFINISHED).is_file():
        return path
    return None


def read_bundle(path: Path, keys: KeyStore) -> Bundle:
    """The bundle in `path`, with its signature checked, and all of its small files against it.

    Models are not read: pieces of the wrong size are told in `damaged`, wrong bytes are found when they are read.

    Raises:
        NoBundle: there is none.
        UnfinishedBundle: it was not written to its end.
        HostileBundle: it holds what no export writes.
        DamagedBundle: it is not what was signed.
    """
    folder = folder_of(path)
    if folder is None:
        raise NoBundle(str(path))
    if (folder / UNFINISHED).exists():
        raise UnfinishedBundle(folder)
    root = folder / ROOT
    sizes = files_below(root)
    signer, digests = read_signer(folder, keys)
    if MANIFEST not in sizes:
        raise DamagedBundle("It has no manifest.")
    manifest = parse(_small(root, MANIFEST, LARGEST_TEXT, digests))
    damaged = _require_listed(manifest, sizes, digests)
    for name in sizes:
        if name != MANIFEST and (name in TEXTS or is_paper(name)):
            _small(root, name, LARGEST_TEXT if name in TEXTS else LARGEST_PAPER, digests)
    return Bundle(root, manifest, signer, damaged)


def require_allowed(bundle: Bundle, *, trust_once: bool = False, unsigned: bool = False) -> None:
    """Go on only if somebody vouches for the bundle whom this home trusts, or its user does so now.

    Raises:
        UnknownKey, RevokedKey, Unsigned: nobody does.
    """
    signer = bundle.signer
    if signer.vouched is Vouched.REVOKED:
        raise RevokedKey(signer.name, signer.fingerprint)
    if signer.vouched is Vouched.UNCHECKED or (signer.vouched is Vouched.UNKNOWN and not trust_once):
        raise UnknownKey(signer.fingerprint, signer.public_key)
    if signer.vouched is Vouched.UNSIGNED and not unsigned:
        raise Unsigned


def read_signer(folder: Path, keys: KeyStore) -> tuple[Signer, Mapping[str, str] | None]:
    """Who signed, and what: path -> SHA-256. None where nothing was signed, or it can't be checked.

    Raises:
        DamagedBundle: the signature does not fit.
        HostileBundle: it is no file, or too large.
    """
    if not _is_there(folder / SIGNATURE):
        return Signer(Vouched.UNSIGNED), None
    envelope = read_envelope(read_small(folder, SIGNATURE, LARGEST_TEXT))
    for known in keys.known():
        if known.hint == envelope.hint or (not envelope.hint and _fits(envelope, known)):
            digests = verified(envelope, known.load())
            vouched = Vouched.TRUSTED if known.revoked is None else Vouched.REVOKED
            return Signer(vouched, known.fingerprint, known.name, _beside(folder)), digests
    beside = _beside(folder)
    if beside is not None:
        # A key that came with the bundle proves only that nothing was changed since; whose it is, it can't say.
        try:
            found = public_key(read_small(folder, PUBLIC_KEY, LARGEST_PAPER), "")
        except DamagedError:
            raise DamagedBundle(f"{PUBLIC_KEY} is no public key.") from None
        if not envelope.hint or found.hint == envelope.hint:
            return Signer(Vouched.UNKNOWN, found.fingerprint, "", beside), verified(envelope, found.load())
    return Signer(Vouched.UNCHECKED, envelope.hint), None


def _require_listed(manifest: Manifest, sizes: Mapping[str, int], digests: Mapping[str, str] | None) -> dict[str, str]:
    """Every file is one that the manifest lists, and the other way round; pieces that are missing or cut short."""
    pieces = all_pieces(manifest.models)
    papers = {paper for model in manifest.models for paper in model.papers}
    listed = {*pieces, *papers, *TEXTS}
    if more := sorted(sizes.keys() - listed):
        raise HostileBundle(f"It holds files that it does not list: {_some(more)}.")
    if missing := sorted((papers | {MANIFEST}) - sizes.keys()):
        raise DamagedBundle(f"It lacks {_some(missing)}.")
    if digests is not None:
        if digests.keys() != listed & (pieces.keys() | sizes.keys()):
            raise DamagedBundle("What was signed is not what the manifest lists.")
        if wrong := sorted(path for path, piece in pieces.items() if digests[path] != piece.sha256):
            raise DamagedBundle(f"The manifest gives other hashes than those that were signed: {_some(wrong)}.")
    damaged = {}
    for path, piece in pieces.items():
        if path not in sizes:
            damaged[path] = "is missing"
        elif sizes[path] != piece.size:
            damaged[path] = f"has {sizes[path]} bytes instead of {piece.size}"
    return damaged


def _small(root: Path, path: str, most: int, digests: Mapping[str, str] | None) -> bytes:
    data = read_small(root, path, most)
    if digests is not None and hashlib.sha256(data).hexdigest() != digests.get(path):
        raise DamagedBundle(f"{path} is not what was signed.")
    return data


def _fits(envelope: Envelope, key: Key) -> bool:
    """Whether `key` made the signature, where it does not say whose it is."""
    try:
        verified(envelope, key.load())
    except DamagedBundle:
        return False
    return True


def _beside(folder: Path) -> Path | None:
    return folder / PUBLIC_KEY if _is_there(folder / PUBLIC_KEY) else None


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DamagedBundle(f"{path.name} can't be read: {error.strerror}.") from None
    return True


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
