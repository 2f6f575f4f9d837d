"""Which variant of which model a name means, for commands that fetch it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from offgrid_tui.catalog.hub.service import HubService
from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Proof, Tier, Variant
from offgrid_tui.catalog.names import same_quantisation
from offgrid_tui.catalog.resolver import Meaning, Resolved
from offgrid_tui.cli.models import Opened
from offgrid_tui.engine.builder.find import uses_gpu
from offgrid_tui.fit.model import Verdict
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import NotFoundError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.models.listed import details_of
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be had. `installed` where it is here already; then `variant` may be missing."""

    name: str
    variant: Variant | None
    verdict: Verdict | None = None  # whether it fits this machine, where that is known
    installed: InstalledModel | None = None


class Finder:
    """Asks the catalog first, and the hub only for what is in no catalog."""

    def __init__(self, opened: Opened, hub: HubService, paths: Paths, settings: Settings) -> None:
        self._opened = opened
        self._hub = hub
        self._paths = paths
        self._settings = settings

    async def find(self, text: str, quantisation: str = "", file: str = "") -> Wanted:
        """What `text` means.

        Args:
            quantisation: to be taken instead of the one that fits best.
            file: to be taken from a repository, by its path or name.

        Raises:
            UnknownName, AmbiguousName: see catalog/resolver.py.
            UsageError: it is a path.
            NotFoundError: there is no such quantisation or file.
            OffGridError: the hub could not be asked.
        """
        found = self._opened.resolver.resolve(text)
        quantisation = quantisation or found.quantisation
        match found.meaning:
            case Meaning.PATH:
                raise UsageError(
                    f"{clean_line(text)} is a file on this machine",
                    mend=f"Import it: offgrid import {clean_line(text)}",
                )
            case Meaning.ADDRESS:
                return Wanted(_name_of(found.address), _of_address(found.address))
            case Meaning.REPOSITORY | Meaning.FILE:
                return await self._in_repository(found, quantisation, file or found.file)
        if found.installed and not quantisation and not file:
            model = next(one for one in self._opened.models.library.models if one.id == found.installed)
            return Wanted(model.name, found.variant, installed=model)
        if found.model is None:
            raise NotFoundError(
                f"{clean_line(text)} is in no catalog, so there is nothing else to get of it",
                mend="Name a repository: org/name, with --file or --quant.",
            )
        return self._in_catalog(found, found.model, quantisation, file)

    def _in_catalog(self, found: Resolved, model: CatalogModel, quantisation: str, file: str) -> Wanted:
        row = self._opened.row(found)
        verdict = row.verdict if row is not None else None
        if not quantisation and not file:
            variant = found.variant or (row.variant if row is not None else None) or model.variants[0]
            here = row is not None and row.variant is not None and row.variant.key == variant.key
            return self._known(model.name, variant, verdict if here else None)
        variants = [found.variant] if found.variant is not None and not quantisation else list(model.variants)
        return self._known(model.name, _choose(model.name, variants, quantisation, file), None)

    def _known(self, name: str, variant: Variant, verdict: Verdict | None) -> Wanted:
        installed = (
            one for one in self._opened.models.library.models if one.catalog == variant.key and not one.problem
        )
        return Wanted(name, variant, verdict, next(installed, None))

    async def _in_repository(self, found: Resolved, quantisation: str, file: str) -> Wanted:
        details = await self._hub.details(found.repository, revision=found.revision or None)
        model = details.model
        if quantisation or file:
            return self._known(model.name, _choose(model.name, list(model.variants), quantisation, file), None)
        fit = FitService(self._settings, on_gpu=await asyncio.to_thread(uses_gpu, self._paths, self._settings))
        row = (await asyncio.to_thread(details_of, model, fit)).row
        if row.variant is None:
            raise NotFoundError(f"{clean_line(found.repository)} has nothing that can be had")
        return self._known(model.name, row.variant, row.verdict)


def _choose(name: str, variants: list[Variant], quantisation: str, file: str) -> Variant:
    fitting = [
        variant
        for variant in variants
        if (not quantisation or same_quantisation(variant.quantisation, quantisation))
        and (not file or any(file in (one.path, one.path.rpartition("/")[2]) for one in variant.files))
    ]
    if not fitting:
        has = ", ".join(dict.fromkeys(variant.quantisation for variant in variants if variant.quantisation))
        raise NotFoundError(
            f"{clean_line(name)} has no {clean_line(file or quantisation)}",
            detail=f"It has {has}." if has else "",
            mend="`offgrid show NAME` lists what it has.",
        )
    return min(fitting, key=lambda variant: list(Proof).index(variant.proof))


def _of_address(address: str) -> Variant:
    """A file of no repository: nobody promises its bytes."""
    path = f"{_name_of(address)}.gguf"
    return Variant("", "", (CatalogFile(path, None, None, url=address),), tier=Tier.COMMUNITY)


def _name_of(address: str) -> str:
    name = clean_line(address.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2], 100)
    return name.removesuffix(".gguf") or "model"
