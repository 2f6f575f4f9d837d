"""Reads the catalog that ships with OffGrid, lays the user's own over it, and adds the model inside the package.

Reading and checking takes some 60 ms, most of it the TOML parser's, so a program does it once and hands the result on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from offgrid_tui.catalog import parse
from offgrid_tui.catalog.bundled import bundled_model
from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.fields import BadEntry
from offgrid_tui.catalog.model import CatalogModel, Source, Variant
from offgrid_tui.catalog.own import OwnCatalog, read_own
from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.settings.schema import SettingProblem
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.resources import resource

FILE = "catalog.toml"  # ours, and in the configuration folder the user's
FORM = 1  # of the file; see tools/catalog/build.py


@dataclass(frozen=True)
class Catalog:
    """All models that can be had, the one inside the package first, then the user's own, then ours by id."""

    models: tuple[CatalogModel, ...]
    publishers: Publishers
    problems: tuple[SettingProblem, ...] = ()  # entries of the user's that could not be used

    @cached_property
    def by_id(self) -> Mapping[str, CatalogModel]:
        return {model.id: model for model in self.models}

    @cached_property
    def by_alias(self) -> Mapping[str, CatalogModel]:
        """Short name, in lower case -> model; where two have it, the one that comes first in `models`."""
        found: dict[str, CatalogModel] = {}
        for model in self.models:
            for alias in model.aliases:
                found.setdefault(alias, model)
        return found

    @cached_property
    def by_key(self) -> Mapping[str, tuple[CatalogModel, Variant]]:
        """Key of a variant -> it, and its model."""
        return {variant.key: (model, variant) for model in self.models for variant in model.variants}

    @cached_property
    def by_sha256(self) -> Mapping[str, tuple[tuple[CatalogModel, Variant], ...]]:
        """Hash of a first file -> the variants that begin with it: the same bytes may lie in several repositories."""
        found: dict[str, tuple[tuple[CatalogModel, Variant], ...]] = {}
        for model, variant in self.by_key.values():
            if variant.files and (sha := variant.files[0].sha256):
                found[sha] = (*found.get(sha, ()), (model, variant))
        return found


def load_catalog(paths: Paths) -> Catalog:
    """The catalog as it is for this user.

    Raises:
        DamagedError: our own file is missing or broken: the installation is incomplete.
    """
    ours, own = _read_ours(), read_own(paths.config / FILE)
    problems = list(own.problems)
    known = {name: parse.publisher(name, table) for name, table in ours["publishers"].items()}
    for name, table in own.publishers.items():
        try:
            known[name] = parse.publisher(clean_line(name), table)
        except BadEntry as error:
            problems.append(own.problem(_joined("publishers", name, error.key), error.what))
    publishers = Publishers(known)
    found = [bundled] if (bundled := bundled_model()) else []
    taken: set[str] = set()
    for id, table in own.models.items():
        if model := _own_model(id, table, ours["models"].get(id, {}), publishers, own, problems):
            found.append(model)
        if model or (isinstance(table, dict) and table.get("hidden") is True):
            taken.add(id)
    found += _our_models(ours["models"], taken, publishers)
    return Catalog(tuple(found), publishers, tuple(problems))


def _read_ours() -> dict[str, Any]:
    path = resource(FILE)
    try:
        with path.open("rb") as stream:
            tables = tomllib.load(stream)
        if (
            tables["form"] != FORM
            or not isinstance(tables["models"], dict)
            or not isinstance(tables["publishers"], dict)
        ):
            raise ValueError(f"its form is not {FORM}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(str(path), str(error)) from None
    return tables


def _our_models(tables: Mapping[str, Any], taken: set[str], publishers: Publishers) -> Iterable[CatalogModel]:
    for id, table in tables.items():
        if id not in taken:
            try:
                variants = tuple(parse.variant(item, publishers) for item in table["variants"])
                yield parse.model(id, table, Source.CATALOG, variants)
            except (BadEntry, KeyError, TypeError) as error:
                raise _broken(FILE, f"{id}: {error}") from None


def _own_model(
    id: str, table: Any, ours: dict[str, Any], publishers: Publishers, own: OwnCatalog, problems: list[SettingProblem]
) -> CatalogModel | None:
    """The user's entry over ours, where there is one. None where it is hidden, or cannot be used."""
    here = _joined("models", id)
    if not isinstance(table, dict):
        problems.append(own.problem(here, f"{clean_line(id, 60)} has to be a table"))
        return None
    if table.get("hidden") is True:
        return None
    raw = table.get("variants", [])
    variants: dict[str, Variant] = {}
    for index, item in enumerate(raw if isinstance(raw, list) else []):
        try:
            variant = parse.variant(item, publishers)
            variants.setdefault(variant.key, variant)
        except BadEntry as error:
            problems.append(own.problem(_joined(here, f"variants[{index}]", error.key).replace("[0]", ""), error.what))
    for item in ours.get("variants", ()):
        variant = parse.variant(item, publishers)
        variants.setdefault(variant.key, variant)
    try:
        model = parse.model(id, {**ours, **table}, Source.OWN, tuple(variants.values()))
    except BadEntry as error:
        problems.append(own.problem(_joined(here, error.key).replace("[0]", ""), error.what))
        return None
    if not variants:
        if isinstance(raw, list) and not raw:
            problems.append(own.problem(here, f"{clean_line(id, 60)} has no variants, so nothing can be had of it"))
        return None
    return replace(model, variants=tuple(variants.values()))


def _joined(*keys: str) -> str:
    return ".".join(key for key in keys if key)


def _broken(path: str, why: str) -> DamagedError:
    return DamagedError(
        "OffGrid's own catalog cannot be read",
        detail=f"{path}: {why}",
        mend="Install OffGrid again: pip install --force-reinstall offgrid-tui.",
    )
