"""Signatures in the format of OpenSSF Model Signing 1.x, so that other tools can check what we sign.

A Sigstore bundle holds a DSSE envelope around an in-toto statement, which names every file below the signed root with
its SHA-256. The key is an elliptic curve one (NIST P-256; others of the family are verified too), and the bundle names
it by the SHA-256 of its PEM text.

Sources: https://github.com/ossf/model-signing-spec, https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md,
https://github.com/in-toto/attestation/tree/main/spec/v1, https://docs.sigstore.dev/about/bundle/.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from offgrid_tui.transfer.errors import DamagedBundle, HostileBundle
from offgrid_tui.transfer.strict import loads

if TYPE_CHECKING:  # its native code costs 60 ms, which only who signs or verifies pays
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signature as it was read; nothing of it is proven yet."""

    hint: str  # SHA-256 of the key's PEM text; empty where the signer did not say
    payload: bytes
    signature: bytes


def sign(name: str, digests: Mapping[str, str], key: EllipticCurvePrivateKey) -> str:
    """The signature document.

    Args:
        name: of what is signed.
        digests: path below the root -> SHA-256 in hexadecimal digits, for every file.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    payload = json.dumps(_statement(name, digests), ensure_ascii=False).encode()
    signature = key.sign(_pae(payload), ec.ECDSA(_hash_for(key.curve.key_size)))
    document = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint_of(key.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(document) + "\n"


def read_envelope(text: bytes) -> Envelope:
    """The envelope in a signature file.

    Raises:
        DamagedBundle: it is none, or of a kind that needs the network to be checked.
    """
    try:
        document = loads(text)
        if document["mediaType"] != _BUNDLE:
            raise ValueError
        material, envelope = document["verificationMaterial"], document["dsseEnvelope"]
        (one,) = envelope["signatures"]
        if envelope["payloadType"] != _PAYLOAD or "publicKey" not in material:
            raise ValueError
        hint = (material["publicKey"] or {}).get("hint") or ""
        if not isinstance(hint, str) or (hint and not _is_digest(hint)):
            raise ValueError
        return Envelope(hint, _decoded(envelope["payload"]), _decoded(one["sig"]))
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise DamagedBundle("Its signature file is not one of OpenSSF Model Signing with a key.") from None


def verified(envelope: Envelope, key: EllipticCurvePublicKey) -> dict[str, str]:
    """What was signed: path below the root -> SHA-256.

    Raises:
        DamagedBundle: the signature is not of this key, or what it signs contradicts itself.
        HostileBundle: it names one path twice.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key.verify(envelope.signature, _pae(envelope.payload), ec.ECDSA(_hash_for(key.curve.key_size)))
    except InvalidSignature:
        raise DamagedBundle("The signature does not fit: something was changed after it was signed.") from None
    try:
        return _resources(loads(envelope.payload))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DamagedBundle("What was signed is not a list of files with their SHA-256.") from None


def hint_of(key: EllipticCurvePublicKey) -> str:
    """How a signature names its key."""
    return hashlib.sha256(public_pem(key)).hexdigest()


def public_pem(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _statement(name: str, digests: Mapping[str, str]) -> dict[str, Any]:
    paths = sorted(digests)
    together = hashlib.sha256(b"".join(bytes.fromhex(digests[path]) for path in paths)).hexdigest()
    return {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": together}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [],
            },
            "resources": [{"name": path, "algorithm": "sha256", "digest": digests[path]} for path in paths],
        },
    }


def _resources(statement: Any) -> dict[str, str]:
    if statement["_type"] != _STATEMENT or statement["predicateType"] != _PREDICATE:
        raise ValueError
    (subject,) = statement["subject"]
    predicate = statement["predicate"]
    if predicate["serialization"]["method"] != "files":
        raise ValueError  # hashes of pieces of files: not what our manifest names
    found: dict[str, str] = {}
    together = hashlib.sha256()
    for item in predicate["resources"]:
        path, digest = item["name"], item["digest"]
        if item["algorithm"] != "sha256" or not isinstance(path, str) or not _is_digest(digest):
            raise ValueError
        if path in found:
            raise HostileBundle(f"Its signature names {path} twice.")
        found[path] = digest
        together.update(bytes.fromhex(digest))
    if together.hexdigest() != subject["digest"]["sha256"]:
        raise ValueError
    return found


def _pae(payload: bytes) -> bytes:
    """What is signed of a DSSE envelope (pre-authentication encoding)."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _hash_for(bits: int) -> Any:
    from cryptography.hazmat.primitives import hashes

    known: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    return known[bits]


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= _HEX
