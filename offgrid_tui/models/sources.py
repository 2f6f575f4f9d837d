"""What can be had, from every source together; and the model inside the package as one that is here."""

from __future__ import annotations

import threading
from pathlib import Path

from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Source, Variant
from offgrid_tui.library.model import Check, Facts, InstalledFile, InstalledModel, Origin
from offgrid_tui.library.ports import Promise
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.resources import STARTER_MODEL


class Sources:
    """Blocking; safe to use from any thread. The catalog is read when it is first needed, and again by `models`."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._models: tuple[CatalogModel, ...] | None = None
        self._hashes: dict[str, tuple[CatalogModel, Variant, CatalogFile]] = {}

    def models(self) -> tuple[CatalogModel, ...]:
        """Every model that can be had, read now.

        Raises:
            DamagedError: our own catalog is missing or broken.
        """
        with self._lock:
            self._models = load_catalog(self._paths).models
            self._hashes = {}
            for model in self._models:
                for variant in model.variants:
                    for file in variant.files:
                        if file.sha256:
                            self._hashes.setdefault(file.sha256, (model, variant, file))
            return self._models

    def promise(self, sha256: str) -> Promise | None:
        """Whose bytes have this hash, by the catalog."""
        if self._models is None:
            self.models()
        found = self._hashes.get(sha256)
        if found is None:
            return None
        model, variant, file = found
        return Promise(
            catalog=variant.key,
            name=model.name,
            repository=file.repository or variant.repository,
            file=file.path,
            revision=variant.revision or "",
            publisher=variant.publisher,
        )

    def bundled(self) -> tuple[InstalledModel, ...]:
        """Models inside the package, as installed ones that nobody can remove."""
        models = self._models if self._models is not None else self.models()
        return tuple(_inside(model, STARTER_MODEL) for model in models if model.source is Source.BUNDLED)


def _inside(model: CatalogModel, path: Path) -> InstalledModel:
    variant, status = model.variants[0], path.stat()
    return InstalledModel(
        id=model.id,
        name=model.name,
        origin=Origin.BUNDLED,
        files=(InstalledFile(path, status.st_size, status.st_mtime, variant.files[0].sha256),),
        check=Check.VERIFIED,
        installed=status.st_mtime,
        facts=Facts(
            parameters=model.parameters,
            quantisation=variant.quantisation,
            context=model.context,
            licence=model.licence,
            capabilities=model.capabilities,
            template=True,
        ),
        publisher=variant.publisher,
        source="inside OffGrid",
        catalog=variant.key,
        pinned=True,
    )
