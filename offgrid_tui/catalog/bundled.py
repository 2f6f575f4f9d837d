"""The model inside the package, Pocket, as a row of the catalog, made from the file itself."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Kind, Proof, Source, Tier, Variant
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.gguf.facts import facts_of
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.system.resources import STARTER_MODEL

ID = "pocket"


def bundled_model(file: Path = STARTER_MODEL) -> CatalogModel | None:
    """Pocket; None where the package has no such file, or one that is no model."""
    try:
        stat = file.stat()
        return _read(file, stat.st_size, stat.st_mtime_ns)
    except (OSError, OffGridError):
        return None


@lru_cache(maxsize=2)  # hashing takes some 10 ms, and the file changes with the program only
def _read(file: Path, size: int, mtime: int) -> CatalogModel:
    header = read_header(file)
    facts = facts_of(header)
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    variant = Variant(
        quantisation=header.quantisation,
        repository="",
        files=(CatalogFile(file.name, size, sha256),),
        publisher="OffGrid",
        tier=Tier.OFFICIAL,
        evidence="made by OffGrid, and inside its package",
        proof=Proof.PROVEN,
    )
    return CatalogModel(
        id=ID,
        name="Pocket",
        source=Source.BUNDLED,
        variants=(variant,),
        family="Pocket",
        maker="OffGrid",
        parameters=header.parameters,
        context=header.context_trained or None,
        licence=facts.licence or "apache-2.0",  # as all of OffGrid
        kinds=(Kind.CHAT,),
        capabilities=tuple(word for word in facts.capabilities if word != Kind.CHAT),
        aliases=("pocket", "guide"),
    )
