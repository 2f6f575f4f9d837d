"""The files of a bundle that are written for people and for coreutils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.transfer.errors import spaced
from offgrid_tui.transfer.keys import Key
from offgrid_tui.transfer.layout import LICENCES, PUBLIC_KEY, ROOT, SIGNATURE, SUMS
from offgrid_tui.transfer.model import BundleModel


def readme(models: Sequence[BundleModel], program: str, key: Key) -> str:
    lines = [
        f"Language models, written by {program}.",
        "",
        "To bring them to a machine with OffGrid:",
        "",
        "    offgrid import FOLDER          the folder that holds offgrid-bundle",
        "",
        "To check them by hand, in this folder:",
        "",
        f"    sha256sum -c {SUMS}",
        "",
        f"{SIGNATURE}, beside this folder, is a signature of OpenSSF Model Signing; its own command checks it with the",
        "public key of whoever made it:",
        "",
        f"    model_signing verify key {ROOT} --signature {SIGNATURE} --public_key KEY.pub",
        "",
        f"The key lies beside it as {PUBLIC_KEY}, but a key that comes with what it signs proves nothing: compare its",
        "fingerprint with what its owner tells you.",
        "",
        f"    {spaced(key.fingerprint)}",
        "",
        "What is here:",
        "",
    ]
    parts = False
    for model in models:
        lines.append(f"  {clean_line(model.label)}, {bytes_text(model.size)}")
        for file in model.files:
            lines.append(f"    {file.path}" + ("" if file.whole else f"  in {len(file.pieces)} parts"))
            parts = parts or not file.whole
    if parts:
        lines += [
            "",
            "A file in parts is joined by",
            "",
            "    cat FILE.gguf.0* > FILE.gguf",
            "",
            "since this medium, or one that it was made for, can't hold it whole.",
        ]
    return "\n".join([*lines, "", f"Under which terms they may be used: {LICENCES}.", ""])


def licences(models: Sequence[BundleModel]) -> str:
    """What is known of the licence of each model, as its file or its source says it."""
    lines = [
        "What the models say of their licences. A licence's own text, where one came with a model, lies beside it.",
        "",
    ]
    for model in models:
        lines.append(clean_line(model.label))
        lines.append(f"  licence: {clean_line(model.facts.licence) or 'its file does not say'}")
        if model.repository:
            at = f", commit {clean_line(model.revision)}" if model.revision else ""
            lines.append(f"  from: {clean_line(model.repository)}{at}")
        if model.publisher:
            lines.append(f"  publisher: {clean_line(model.publisher)}")
        lines += [f"  text: {paper}" for paper in model.papers if not paper.endswith(".json")]
        lines.append("")
    return "\n".join(lines)


def sums(digests: Mapping[str, str]) -> str:
    """In the format of `sha256sum`; the file itself is not among them."""
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests) if path != SUMS)
