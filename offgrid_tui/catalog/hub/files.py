"""A repository's files as what can be had of it: quantisations, split sets and projectors, from their names.

Names come from strangers. One that leads out of its repository, or holds characters that a terminal would act on, is
refused whole rather than corrected: a corrected name is the name of another file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from offgrid_tui.catalog import fields
from offgrid_tui.catalog.credibility import Credibility
from offgrid_tui.catalog.fields import BadEntry
from offgrid_tui.catalog.model import CatalogFile, Proof, Role, Variant
from offgrid_tui.fit.quantisation import GUIDE
from offgrid_tui.foundation.text import clean_line

MOST_FILES = 20_000  # of a repository; what is behind is left out
_SHOWN = 20  # refused names that are kept
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE | re.DOTALL)
_MOST_PARTS = 1000
# As publishers write them: Q4_K_M, q8_0, UD-Q4_K_XL, IQ3_XXS, BF16, fp16, MXFP4_MOE, TQ1_0, Q4_0_4_4.
_QUANTISATION = re.compile(
    r"(?<![a-z0-9])((?:ud-)?(?:i?q[1-8](?:_(?:k_(?:xxl|xl|xs|[sml])|xxs|xs|xl|nl|[048]_[48]_[48]|[01ksm]))"
    r"|tq[12]_0|bf16|fp?16|fp?32|mxfp4(?:_moe)?|nvfp4))(?![a-z0-9])",
    re.IGNORECASE,
)
_PROJECTORS = ("F16", "BF16", "Q8_0", "F32", "")  # which one is taken where there are several: exact and not too large

# Bits for each parameter of a whole file, beside those of the guide: as llama.cpp's tools/quantize/README.md and files
# of 7-9B models have them.
_BITS: Mapping[str, float] = {one.name: one.bits for one in GUIDE} | {
    "F32": 32.0, "BF16": 16.0, "Q5_K_S": 5.6, "Q5_1": 6.0, "Q5_0": 5.6, "Q4_K_S": 4.7, "Q4_1": 5.1, "IQ4_NL": 4.7,
    "IQ4_XS": 4.5, "MXFP4": 4.4, "NVFP4": 4.6, "Q3_K_L": 4.3, "Q3_K_S": 3.7, "IQ3_M": 3.8, "IQ3_S": 3.7,
    "IQ3_XS": 3.5, "IQ3_XXS": 3.3, "Q2_K_S": 3.0, "IQ2_M": 2.9, "IQ2_S": 2.8, "IQ2_XS": 2.6, "IQ2_XXS": 2.4,
    "IQ1_M": 2.2, "IQ1_S": 2.0, "TQ2_0": 2.3, "TQ1_0": 2.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub lists it; nothing about it has been checked."""

    path: object
    size: object = None
    sha256: object = None


@dataclass(frozen=True, slots=True)
class Grouped:
    """All variants, smallest first where sizes are known; and what was left out, as one line each."""

    variants: tuple[Variant, ...]
    refused: tuple[str, ...] = ()


def group(
    repository: str, commit: str | None, files: Iterable[HubFile], credibility: Credibility, *, gated: bool
) -> Grouped:
    """What can be had of `repository` (a checked name)."""
    checked, refused = _checked(files)
    projectors = {_quantisation(file.path): file for file in checked if _is_projector(file.path)}
    projector = next((projectors[q] for q in _PROJECTORS if q in projectors), None) or next(
        iter(projectors.values()), None
    )
    sets: dict[tuple[str, int], dict[int, CatalogFile]] = {}
    for file in checked:
        if not _is_projector(file.path) and not _is_other(file.path):
            stem, number, count = _part(file.path)
            sets.setdefault((stem, count), {})[number] = file
    extra = () if projector is None else (_as_projector(projector),)
    variants = [
        _variant(repository, commit, stem, count, parts, extra, credibility, gated)
        for (stem, count), parts in sets.items()
    ]
    variants.sort(key=lambda v: (v.size is None, v.size or _BITS.get(plain(v.quantisation), 99), v.key))
    return Grouped(tuple(variants), tuple(refused))


def quantisation_of(path: str) -> str:
    """The quantisation that a file's name, or the folder it is in, tells; empty where neither does."""
    return _quantisation(path)


def plain(quantisation: str) -> str:
    """Without what a publisher puts around it: UD-Q4_K_XL is a Q4_K_M with some larger tensors."""
    text = quantisation.upper().removeprefix("UD-").removesuffix("_MOE")
    text = {"FP16": "F16", "FP32": "F32"}.get(text, text)
    return re.sub(r"_X+L$", "_L" if text.startswith("Q3") else "_M", text)


def spellings(quantisation: str) -> tuple[str, str]:
    """What counts as `quantisation` when somebody looks for it: itself, and with dynamic tensors (UD-)."""
    text = quantisation.strip().upper().removeprefix("UD-")
    text = {"FP16": "F16", "FP32": "F32"}.get(text, text)
    return (text, f"UD-{text}")


def rough_size(parameters: int | None, quantisation: str) -> int | None:
    """What a file of so many parameters takes, within a tenth or two; None where that can't be said."""
    bits = _BITS.get(plain(quantisation))
    return None if bits is None or not parameters else int(parameters * bits / 8)


def gated_notes(repository: str) -> tuple[str, ...]:
    """What one should know of a repository whose owner wants to be asked first."""
    return (f"gated: accept what https://huggingface.co/{repository} asks in a browser, and set a token",)


def safe_path(value: object) -> str:
    """`value` as a path that stays inside its repository.

    Raises:
        BadEntry: it does not, or has characters that a name must not have.
    """
    path = fields.path(value)
    if path.startswith("~") or re.match(r"[A-Za-z]:", path):
        raise BadEntry("", "has to stay inside its repository")
    return path


def _checked(files: Iterable[HubFile]) -> tuple[list[CatalogFile], list[str]]:
    """GGUF files with good names, each once, by path."""
    found: dict[str, CatalogFile] = {}
    refused: list[str] = []
    for index, file in enumerate(files):
        if index >= MOST_FILES:
            refused.append(f"more than {MOST_FILES} files")
            break
        if not isinstance(file.path, str) or not file.path.lower().endswith(".gguf"):
            continue
        try:
            path = safe_path(file.path)
        except BadEntry as error:
            if len(refused) < _SHOWN:
                refused.append(f"{clean_line(file.path, 80)}: {error.what}")
            continue
        size = file.size if isinstance(file.size, int) and not isinstance(file.size, bool) and file.size >= 0 else None
        digest = file.sha256 if isinstance(file.sha256, str) and _SHA256.fullmatch(file.sha256) else None
        found.setdefault(path, CatalogFile(path, size, digest, attestations=1 if digest else 0))
    return [found[path] for path in sorted(found)], refused


def _variant(
    repository: str,
    commit: str | None,
    stem: str,
    count: int,
    parts: Mapping[int, CatalogFile],
    extra: tuple[CatalogFile, ...],
    credibility: Credibility,
    gated: bool,
) -> Variant:
    files = tuple(parts[number] for number in sorted(parts)) + extra
    proof, reason = Proof.PROVEN, ""
    if len(parts) != count:
        proof, reason = Proof.UNAVAILABLE, f"only {len(parts)} of its {count} parts are there"
    elif any(file.size is None for file in files):
        proof, reason = Proof.UNVERIFIED, "its files have not been looked at yet"
    elif any(file.sha256 is None for file in files):
        proof, reason = Proof.UNVERIFIED, "the hub gives no hash"
    return Variant(
        quantisation=_quantisation(stem + ".gguf") or _quantisation(files[0].path),
        repository=repository,
        files=files,
        revision=commit,
        publisher=credibility.publisher,
        tier=credibility.tier,
        evidence=credibility.evidence,
        proof=proof,
        reason=reason,
        notes=gated_notes(repository) if gated else (),
        gated=gated,
    )


def _part(path: str) -> tuple[str, int, int]:
    """The name without its number, which part it is, and of how many."""
    match = _PART.fullmatch(path)
    if match is None:
        return path[: -len(".gguf")], 1, 1
    number, count = int(match["number"]), int(match["count"])
    return (match["stem"], number, count) if 1 <= number <= count <= _MOST_PARTS else (path[: -len(".gguf")], 1, 1)


def _quantisation(path: str) -> str:
    """From the file's own name, the last that is in it; else from the folder it is in."""
    for name in reversed(path.split("/")):
        if found := _QUANTISATION.findall(name):
            text = str(found[-1]).upper()
            return {"FP16": "F16", "FP32": "F32"}.get(text, text)
    return ""


def _is_projector(path: str) -> bool:
    return "mmproj" in path.rpartition("/")[2].lower()


def _is_other(path: str) -> bool:
    """What is no model by itself: importance matrices, vocabularies."""
    name = path.rpartition("/")[2].lower()
    return "imatrix" in name or name.startswith("ggml-vocab")


def _as_projector(file: CatalogFile) -> CatalogFile:
    return CatalogFile(file.path, file.size, file.sha256, file.attestations, Role.PROJECTOR)
