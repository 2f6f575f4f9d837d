"""Keys of one's own, and whose keys are trusted: files in the configuration folder.

    keys/<name>.key   private, 0600; one's own      keys/<name>.pub   its public half, to be given away
    keys/trust.json   public keys of others that are trusted, and all that were revoked

A key is named by its fingerprint: the SHA-256 of its DER form (SubjectPublicKeyInfo), so that
`openssl pkey -pubin -in FILE -outform DER | sha256sum` gives the same digits.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import DamagedError, NotFoundError, OffGridError, RefusedError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.system.durable import atomic_write
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.errors import RevokedKey
from offgrid_tui.transfer.signing import hint_of, public_pem
from offgrid_tui.transfer.strict import loads

if TYPE_CHECKING:  # its native code costs 60 ms, which only who signs or verifies pays
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

FIRST = "offgrid"  # the name of the key that a first export makes
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_LARGEST = 64 * 2**10  # bytes of a key file that are read
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
SHORTEST = 8  # digits of a fingerprint that name a key


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that is known here."""

    name: str
    fingerprint: str
    hint: str  # how signatures name it
    pem: str
    own: bool = False  # the private half is here
    added: float = 0.0  # Unix seconds; 0 of one's own
    revoked: float | None = None

    def load(self) -> EllipticCurvePublicKey:
        return load_public(self.pem.encode())


class KeyStore:
    """The keys of one home. Every method may wait for a disk."""

    def __init__(self, paths: Paths, clock: Clock | None = None) -> None:
        self.folder = paths.config / "keys"
        self._clock = clock or SystemClock()

    def known(self) -> tuple[Key, ...]:
        """One's own first, then the others, by name; the revoked among them.

        Raises:
            DamagedError: the list of trusted keys can't be read.
        """
        listed = self._listed()
        revoked = {key.fingerprint: key.revoked for key in listed if key.revoked is not None}
        own = []
        for path in sorted(self.folder.glob("*.pub")):
            if path.with_suffix(".key").exists():
                key = public_key(_read(path), path.stem)
                own.append(replace(key, own=True, revoked=revoked.get(key.fingerprint)))
        mine = {key.fingerprint for key in own}
        return (*own, *sorted((key for key in listed if key.fingerprint not in mine), key=lambda key: key.name))

    def create(self, name: str = FIRST) -> Key:
        """Make a pair of keys.

        Raises:
            UsageError: the name can't be one of a file, or is taken.
            OffGridError: the folder can't be written.
        """
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        if not _NAME.fullmatch(name) or name == "trust":
            raise UsageError(
                f"{clean_line(name, 60)} can't be the name of a key",
                mend="Use up to 40 lower-case letters, digits, dots, hyphens and underscores.",
            )
        private = ec.generate_private_key(ec.SECP256R1())
        text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = public_pem(private.public_key())
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._lock():
                if (self.folder / f"{name}.key").exists():
                    raise UsageError(f"There is a key {name} already", mend="Choose another name.")
                # The public half first: a private one without it would be no key of the list.
                atomic_write(self.folder / f"{name}.pub", public, mode=0o644)
                atomic_write(self.folder / f"{name}.key", text, mode=0o600)
        except OSError as error:
            raise OffGridError("The key could not be written", detail=f"{self.folder}: {error.strerror}.") from None
        return replace(public_key(public, name), own=True)

    def own(self, name: str = "") -> Key | None:
        """The key to sign with: the one of that name, else the first that is not revoked; None where there is none.

        Raises:
            NotFoundError: there is none of that name.
            RevokedKey: it was revoked.
        """
        mine = [key for key in self.known() if key.own]
        if not name:
            return next((key for key in mine if key.revoked is None), None)
        found = next((key for key in mine if key.name == name), None)
        if found is None:
            raise NotFoundError(f"There is no key {clean_line(name)} of your own", mend="See `offgrid keys list`.")
        if found.revoked is not None:
            raise RevokedKey(found.name, found.fingerprint)
        return found

    def private(self, key: Key) -> EllipticCurvePrivateKey:
        """The private half.

        Raises:
            RefusedError: others may read it.
            DamagedError: it is no such key.
        """
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = self.folder / f"{key.name}.key"
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RefusedError(
                f"Others may read the private key {key.name}",
                detail=str(path),
                mend=f"Run `chmod 600 {path}`, and think about who may have read it.",
            )
        try:
            found = load_pem_private_key(_read(path), None)
        except (ValueError, TypeError):
            found = None
        if not isinstance(found, ec.EllipticCurvePrivateKey) or hint_of(found.public_key()) != key.hint:
            raise DamagedError(
                f"The private key {key.name} can't be used", detail=f"{path} does not fit {key.name}.pub."
            )
        return found

    def trust(self, pem: bytes, name: str) -> Key:
        """Trust what is signed with this public key from now on.

        Raises:
            DamagedError: it is no public key.
            RevokedKey: it was revoked; that stands.
        """
        key = replace(public_key(pem, clean_line(name, 60) or "unnamed"), added=self._clock.wall())
        with self._locked():
            known = self._listed()
            for one in known:
                if one.fingerprint == key.fingerprint and one.revoked is not None:
                    raise RevokedKey(one.name, one.fingerprint)
            self._write([*(one for one in known if one.fingerprint != key.fingerprint), key])
        return key

    def revoke(self, text: str) -> Key:
        """Never again accept the key that `text` (a name, or the first digits of a fingerprint) means.

        Raises:
            NotFoundError, UsageError: it means none, or several.
        """
        found = self.find(text)
        revoked = replace(found, own=False, revoked=found.revoked or self._clock.wall())
        with self._locked():
            self._write([*(one for one in self._listed() if one.fingerprint != found.fingerprint), revoked])
        return replace(revoked, own=found.own)

    def find(self, text: str) -> Key:
        """The key that `text` means: a name, or at least 8 digits of a fingerprint.

        Raises:
            NotFoundError, UsageError: it means none, or several.
        """
        digits = re.sub(r"[\s:]", "", text.lower()).removeprefix("sha256")
        found = [
            key
            for key in self.known()
            if key.name == text or (len(digits) >= SHORTEST and key.fingerprint.startswith(digits))
        ]
        if not found:
            raise NotFoundError(f"No key is known as {clean_line(text)}", mend="See `offgrid keys list`.")
        if len(found) > 1:
            raise UsageError(f"{clean_line(text)} means several keys", mend="Give more digits of the fingerprint.")
        return found[0]

    def _listed(self) -> list[Key]:
        path = self.folder / "trust.json"
        try:
            value = loads(path.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError):
            raise self._damaged() from None
        try:
            return [_from_dict(item) for item in value["keys"]]
        except (KeyError, TypeError, ValueError, AttributeError, DamagedError):
            raise self._damaged() from None

    def _damaged(self) -> DamagedError:
        # Going on without it would accept what was revoked.
        return DamagedError(
            "The list of trusted keys can't be read",
            detail=str(self.folder / "trust.json"),
            mend="Restore it, or remove it and trust each key again. What was revoked stood in it.",
        )

    def _write(self, keys: list[Key]) -> None:
        value = {
            "form": 1,
            "keys": [{"name": key.name, "pem": key.pem, "added": key.added, "revoked": key.revoked} for key in keys],
        }
        atomic_write(self.folder / "trust.json", json.dumps(value, ensure_ascii=False, indent=2) + "\n", mode=0o600)

    def _locked(self) -> FileLock:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._lock()

    def _lock(self) -> FileLock:
        return FileLock(self.folder / ".lock", what="the keys")


def public_key(pem: bytes, name: str) -> Key:
    """The public key in `pem`.

    Raises:
        DamagedError: it is none that can sign bundles.
    """
    from cryptography.hazmat.primitives import serialization

    key = load_public(pem)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(name, hashlib.sha256(der).hexdigest(), hint_of(key), public_pem(key).decode())


def load_public(pem: bytes) -> EllipticCurvePublicKey:
    """
    Raises:
        DamagedError: it is no public key on one of the curves that signatures use.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise DamagedError(
            "This is not a public key for bundles",
            detail="It should be an elliptic curve key (P-256) in PEM form.",
            mend="Ask for what `offgrid keys export` wrote.",
        )
    return key


def read_public(path: Path) -> bytes:
    """The bytes of a file that should be a public key.

    Raises:
        NotFoundError, RefusedError: it is not there, or can't be read.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {clean_line(str(path))}", mend="Check the path.") from None
    except OSError as error:
        raise RefusedError(f"{clean_line(str(path))} can't be read", detail=f"{error.strerror}.") from None


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for ever
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_LARGEST)


def _from_dict(item: Any) -> Key:
    revoked = item["revoked"]
    key = public_key(item["pem"].encode(), clean_line(str(item["name"]), 60))
    return replace(key, added=float(item["added"]), revoked=None if revoked is None else float(revoked))
