"""docs/catalog.md: its example works, and it names every field that there is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Proof, Tier, Variant
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.system.paths import Paths

TEXT = (Path(__file__).resolve().parent.parent.parent / "docs/catalog.md").read_text("utf-8")


def test_the_example_works(home: Paths) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    home.config.mkdir(parents=True)
    (home.config / "catalog.toml").write_text(example, "utf-8")
    catalog = load_catalog(home)
    assert catalog.problems == ()
    model = catalog.by_alias["house:7b"]
    assert [(variant.proof, variant.tier) for variant in model.variants] == [
        (Proof.PROVEN, Tier.COMMUNITY),
        (Proof.UNVERIFIED, Tier.LOCAL),
    ]


def test_every_field_is_named() -> None:
    inner = {"id", "source", "downloads", "likes", "updated", "seen"}  # of a model, but not of its table
    inner |= {"publisher", "tier", "evidence", "proof", "reason"}  # derived from the others
    for kind in (CatalogModel, Variant, CatalogFile, ModelShape):
        for field in dataclasses.fields(kind):
            assert field.name in inner or f"`{field.name}`" in TEXT, field.name
