"""The receipt of an import: what arrived, to be carried back to whoever sent it. Signed where there is a key.

Beside the bundle, outside its root: offgrid-receipt.json, and offgrid-receipt.sig in the format of signing.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui import __version__
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.copying import write_small
from offgrid_tui.transfer.keys import KeyStore
from offgrid_tui.transfer.layout import LARGEST_TEXT, MANIFEST
from offgrid_tui.transfer.model import Bundle, BundleModel
from offgrid_tui.transfer.signing import sign
from offgrid_tui.transfer.tree import read_small
from offgrid_tui.transfer.wish import now_text

RECEIPT = "offgrid-receipt.json"
SIGNATURE = "offgrid-receipt.sig"
NAME = "offgrid-receipt"  # of what is signed


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where the receipt was written; `beside` is None where the medium can't be written to."""

    kept: Path
    beside: Path | None
    signed: bool


def write_receipt(
    paths: Paths,
    bundle: Bundle,
    here: Sequence[BundleModel],
    refused: Sequence[tuple[BundleModel, str]],
    keys: KeyStore,
    clock: Clock,
) -> Receipt:
    """Say what of `bundle` is here now; keep that in this home, and beside the bundle where that can be written.

    Raises:
        OSError: this home can't be written.
        OffGridError: the bundle has gone meanwhile.
    """
    manifest = read_small(bundle.root, MANIFEST, LARGEST_TEXT)
    value = {
        "kind": "offgrid receipt",
        "form": 1,
        "program": f"offgrid {__version__}",
        "made": now_text(clock.wall()),
        "bundle": {
            "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
            "created": bundle.manifest.created,
            "signer": bundle.signer.fingerprint,
            "vouched": bundle.signer.vouched.value,
        },
        "here": [
            {"name": one.label, "files": [{"path": file.path, "sha256": file.sha256} for file in one.files]}
            for one in here
        ],
        "refused": [{"name": one.label, "why": why} for one, why in refused],
    }
    text = (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
    signature = _signature(text, keys)
    kept = paths.state / "receipts" / f"{now_text(clock.wall()).replace(':', '')}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_small(kept, text)
    beside: Path | None = bundle.root.parent / RECEIPT
    try:
        write_small(bundle.root.parent / RECEIPT, text)
        if signature:
            write_small(kept.with_suffix(".sig"), signature.encode())
            write_small(bundle.root.parent / SIGNATURE, signature.encode())
        else:  # of an earlier receipt
            (bundle.root.parent / SIGNATURE).unlink(missing_ok=True)
    except OSError:
        beside = None
    return Receipt(kept, beside, bool(signature))


def _signature(text: bytes, keys: KeyStore) -> str:
    try:
        key = keys.own()
        if key is None:
            return ""
        return sign(NAME, {RECEIPT: hashlib.sha256(text).hexdigest()}, keys.private(key))
    except OffGridError:
        return ""  # a key that can't be used must not take the receipt with it
