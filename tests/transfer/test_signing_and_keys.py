"""Signatures, and whose count."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import DamagedError, NotFoundError, RefusedError, UsageError
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.errors import DamagedBundle, HostileBundle, RevokedKey
from offgrid_tui.transfer.keys import KeyStore, load_public
from offgrid_tui.transfer.signing import Envelope, read_envelope, sign, verified

# Written by model_signing 1.1.1 (`model_signing sign key`) over a folder with a.txt ("one") and sub/b.txt ("two").
THEIR_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqQbiVFBqI6whSL59tsx7tIIlzIp6
ew5XqkA7ppSEQ9Tn1lJ/bywxFN/CWJM06k/o8a/j9QJoJ0CqLLzC+ywZYA==
-----END PUBLIC KEY-----
"""
THEIR_SIGNATURE = (
    '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"h'
    'int":"e01714a815a56a52c48ad89602a1f5682e567ef818a799faf4652c8365d8469c"},"tlogEntries":[]},"dsseEnve'
    'lope":{"payload":"ewogICJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwKICAic3ViamVjdCI6IF'
    "sKICAgIHsKICAgICAgIm5hbWUiOiAibW9kZWwiLAogICAgICAiZGlnZXN0IjogewogICAgICAgICJzaGEyNTYiOiAiMTE5MTRjMT"
    "lhMjhhOThjNTdkMTJmM2NjZTZjMzJiNzk0NDc4NGY0YjQ3ODFhNzA2YzI0ZWIxZGMyODRlMjg1NiIKICAgICAgfQogICAgfQogIF"
    "0sCiAgInByZWRpY2F0ZVR5cGUiOiAiaHR0cHM6Ly9tb2RlbF9zaWduaW5nL3NpZ25hdHVyZS92MS4wIiwKICAicHJlZGljYXRlIj"
    "ogewogICAgInNlcmlhbGl6YXRpb24iOiB7CiAgICAgICJoYXNoX3R5cGUiOiAic2hhMjU2IiwKICAgICAgIm1ldGhvZCI6ICJmaW"
    "xlcyIsCiAgICAgICJhbGxvd19zeW1saW5rcyI6IGZhbHNlLAogICAgICAiaWdub3JlX3BhdGhzIjogWwogICAgICAgICIuZ2l0Ii"
    "wKICAgICAgICAiLmdpdGlnbm9yZSIsCiAgICAgICAgIi5naXRhdHRyaWJ1dGVzIiwKICAgICAgICAiLmdpdGh1YiIKICAgICAgXQ"
    "ogICAgfSwKICAgICJyZXNvdXJjZXMiOiBbCiAgICAgIHsKICAgICAgICAiYWxnb3JpdGhtIjogInNoYTI1NiIsCiAgICAgICAgIm"
    "RpZ2VzdCI6ICI3NjkyYzNhZDM1NDBiYjgwM2MwMjBiM2FlZTY2Y2Q4ODg3MTIzMjM0ZWEwYzZlNzE0M2MwYWRkNzNmZjQzMWVkIi"
    "wKICAgICAgICAibmFtZSI6ICJhLnR4dCIKICAgICAgfSwKICAgICAgewogICAgICAgICJhbGdvcml0aG0iOiAic2hhMjU2IiwKIC"
    "AgICAgICAiZGlnZXN0IjogIjNmYzRjY2ZlNzQ1ODcwZTJjMGQ5OWY3MWYzMGZmMDY1NmM4ZGVkZDQxY2MxZDdkM2QzNzZiMGRiZT"
    'Y4NWUyZjMiLAogICAgICAgICJuYW1lIjogInN1Yi9iLnR4dCIKICAgICAgfQogICAgXQogIH0KfQ==","payloadType":"appli'
    'cation/vnd.in-toto+json","signatures":[{"sig":"MEUCIFrLGdt0PNQAM+ZUEn1LKlq3r4AvAPfDXk/Oo+BmGKfvAiEA/'
    'VrTLa1xqOlsFJ1vpM/WpZzBy626ueH3Tx6a362Appo=","keyid":""}]}}'
)
DIGESTS = {"a.txt": hashlib.sha256(b"one").hexdigest(), "sub/b.txt": hashlib.sha256(b"two").hexdigest()}


@pytest.fixture
def store(home: Paths) -> KeyStore:
    return KeyStore(home)


def test_what_the_reference_signed_is_verified() -> None:
    envelope = read_envelope(THEIR_SIGNATURE.encode())
    assert verified(envelope, load_public(THEIR_KEY)) == DIGESTS
    assert envelope.hint == hashlib.sha256(THEIR_KEY).hexdigest()


def test_what_we_sign_has_the_same_form_as_the_reference(store: KeyStore) -> None:
    key = store.create()
    ours = sign("model", DIGESTS, store.private(key))
    assert verified(read_envelope(ours.encode()), key.load()) == DIGESTS
    mine, theirs = json.loads(ours), json.loads(THEIR_SIGNATURE)

    def form(value: object) -> object:
        if isinstance(value, dict):
            return {name: form(item) for name, item in value.items()}
        return [form(item) for item in value] if isinstance(value, list) else type(value)

    assert form(mine) == form(theirs)
    import base64

    statements = [json.loads(base64.b64decode(one["dsseEnvelope"]["payload"])) for one in (mine, theirs)]
    for one in statements:
        one["predicate"]["serialization"].pop("ignore_paths")
    assert statements[0] == statements[1]


def test_a_signature_of_another_key_does_not_fit(store: KeyStore) -> None:
    envelope = read_envelope(THEIR_SIGNATURE.encode())
    with pytest.raises(DamagedBundle):
        verified(envelope, store.create().load())


def test_a_path_that_was_signed_twice_is_refused(store: KeyStore) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from offgrid_tui.transfer.signing import _pae

    key = store.create()
    statement = json.loads(read_envelope(sign("m", DIGESTS, store.private(key)).encode()).payload)
    resources = statement["predicate"]["resources"]
    resources.append(resources[0])
    payload = json.dumps(statement).encode()
    signature = store.private(key).sign(_pae(payload), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(HostileBundle):
        verified(Envelope(key.hint, payload, signature), key.load())


def test_a_private_key_is_private(store: KeyStore) -> None:
    key = store.create("mine")
    path = store.folder / "mine.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    store.private(key)
    path.chmod(0o640)
    with pytest.raises(RefusedError, match="Others may read"):
        store.private(key)
    path.chmod(0o600)
    path.write_bytes((store.folder / "mine.pub").read_bytes())
    with pytest.raises(DamagedError):
        store.private(key)


def test_the_fingerprint_is_what_openssl_computes(store: KeyStore) -> None:
    key = store.create()
    try:
        done = subprocess.run(
            ["openssl", "pkey", "-pubin", "-outform", "DER"], input=key.pem.encode(), capture_output=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("there is no openssl")
    assert hashlib.sha256(done.stdout).hexdigest() == key.fingerprint


def test_names_of_keys(store: KeyStore) -> None:
    store.create("one")
    for name in ("one", "../x", "", "A", "a" * 50, "trust"):
        with pytest.raises(UsageError):
            store.create(name)
    assert [key.name for key in store.known()] == ["one"]


def test_trust_and_revoke(store: KeyStore, home: Paths, tmp_path: Path) -> None:
    other = KeyStore(Paths.from_environment({"OFFGRID_HOME": str(tmp_path / "other"), "HOME": str(tmp_path)}))
    theirs = other.create()
    store.trust(theirs.pem.encode(), "them\x1b[2J")
    (key,) = store.known()
    assert (key.name, key.fingerprint, key.own, key.revoked) == ("them[2J", theirs.fingerprint, False, None)
    assert store.find(theirs.fingerprint[:8]).name == key.name
    assert store.find(" ".join([theirs.fingerprint[:8], theirs.fingerprint[8:16]])).name == key.name
    with pytest.raises(NotFoundError):
        store.find(theirs.fingerprint[:7])
    assert store.revoke(key.name).revoked is not None
    assert store.known()[0].revoked is not None
    with pytest.raises(RevokedKey):
        store.trust(theirs.pem.encode(), "again")

    mine = store.create("mine")
    store.revoke("mine")
    with pytest.raises(RevokedKey):
        store.own("mine")
    assert store.own() is None and mine.fingerprint in {key.fingerprint for key in store.known()}


def test_what_is_no_key_is_not_trusted(store: KeyStore) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    public = serialization.PublicFormat.SubjectPublicKeyInfo
    others = [
        private.public_key().public_bytes(serialization.Encoding.PEM, public)
        for private in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1()))
    ]
    for text in (b"", b"\x00" * 100, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", *others):
        with pytest.raises(DamagedError):
            store.trust(text, "x")
    assert store.known() == ()


def test_a_damaged_list_is_not_passed_over(store: KeyStore) -> None:
    """What was revoked stands in it."""
    key = store.create("mine")
    store.revoke("mine")
    (store.folder / "trust.json").write_text("{")
    with pytest.raises(DamagedError):
        store.own("mine")
    with pytest.raises(DamagedError):
        store.trust(key.pem.encode(), "again")
