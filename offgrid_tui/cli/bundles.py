"""What the commands across the gap share: the service over an opened home, and what they say of bundles."""

from __future__ import annotations

import re
from typing import Any

from offgrid_tui.cli.models import Opened
from offgrid_tui.foundation.errors import UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.errors import spaced
from offgrid_tui.transfer.exporting import Exported
from offgrid_tui.transfer.model import BundleModel, Compared, Signer, Vouched
from offgrid_tui.transfer.service import Prepared, TransferService

_VOUCHED = {
    Vouched.TRUSTED: "signed by {name}, who is trusted here",
    Vouched.UNKNOWN: "signed with a key that is not trusted here",
    Vouched.UNCHECKED: "signed with a key that is not here, so the signature can't be checked",
    Vouched.REVOKED: "signed with the key {name}, which was revoked",
    Vouched.UNSIGNED: "not signed",
}
_SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def service(opened: Opened, paths: Paths) -> TransferService:
    return TransferService(paths, opened.models.library, opened.bus)


def size_of(text: str) -> int:
    """Bytes that `text` means: 650M, 1G; in powers of two.

    Raises:
        UsageError: it is no size.
    """
    match = re.fullmatch(r"(\d{1,15})([kmg]?)i?b?", text.strip().lower())
    if match is None or not int(match[1]):
        raise UsageError(f"{clean_line(text)} is no size", mend="Write 650M or 1G.")
    return int(match[1]) * _SIZES[match[2]]


def signer_line(signer: Signer) -> str:
    text = _VOUCHED[signer.vouched].format(name=clean_line(signer.name) or "a key of yours")
    return f"{text}\n  {spaced(signer.fingerprint)}" if signer.fingerprint else text


def signer_json(signer: Signer) -> dict[str, Any]:
    return {
        "vouched": signer.vouched.value,
        "fingerprint": signer.fingerprint or None,
        "name": signer.name or None,
    }


def plan_lines(prepared: Prepared) -> list[str]:
    """What an export would do, in lines."""
    plan = prepared.plan
    lines = []
    for one, files in zip(plan.write, plan.files, strict=True):
        parts = sum(len(file.pieces) for file in files)
        cut = f", in {parts} parts" if parts > len(files) else ""
        label = clean_line(f"{one.model.name} {one.model.facts.quantisation}".strip())
        lines.append(f"write   {label}, {bytes_text(one.model.size)}{cut}")
    lines += [f"keep    {clean_line(one.label)}, {bytes_text(one.size)}" for one in plan.keep]
    lines += [f"remove  {clean_line(one.label)}, {bytes_text(one.size)}" for one in plan.remove]
    return lines


def plan_json(prepared: Prepared) -> dict[str, Any]:
    plan = prepared.plan
    return {
        "folder": str(plan.medium.folder),
        "filesystem": plan.medium.kind,
        "largest_file": plan.medium.largest,
        "free_bytes": plan.medium.free,
        "needed_bytes": plan.needed,
        "write": [
            {
                "id": one.model.id,
                "name": one.model.name,
                "size_bytes": one.model.size,
                "paths": [piece.path for file in files for piece in file.pieces],
            }
            for one, files in zip(plan.write, plan.files, strict=True)
        ],
        "keep": [model_json(one) for one in plan.keep],
        "remove": [model_json(one) for one in plan.remove],
    }


def exported_json(done: Exported) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "added": done.added,
        "removed": done.removed,
        "written_bytes": done.written,
        "key": {"name": done.key.name, "fingerprint": done.key.fingerprint},
        "safe_to_remove": True,
        "models": [model_json(model) for model in done.models],
    }


def tell_exported(done: Exported) -> None:
    count = len(done.models)
    print(
        f"{clean_line(str(done.folder))}: {count} model{'' if count == 1 else 's'}, "
        f"{bytes_text(done.written)} written and read back, signed by {done.key.name}"
    )
    print(f"  {spaced(done.key.fingerprint)}")
    print("Everything is on the medium; it is safe to remove.")


def model_json(model: BundleModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "quantisation": model.facts.quantisation,
        "size_bytes": model.size,
        "repository": model.repository or None,
        "revision": model.revision or None,
        "licence": model.facts.licence,
        "files": [
            {"path": file.path, "size_bytes": file.size, "sha256": file.sha256, "parts": len(file.pieces)}
            for file in model.files
        ],
    }


def compared_json(one: Compared) -> dict[str, Any]:
    return {
        **model_json(one.model),
        "standing": one.standing.value,
        "here": one.here.id if one.here is not None else None,
        "problem": one.problem or None,
    }
