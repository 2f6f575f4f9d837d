"""What each variant needs on this machine: from the header where the file is here, else from what sources say."""

from __future__ import annotations

import logging
from pathlib import Path

from offgrid_tui.catalog.model import CatalogModel, Variant
from offgrid_tui.fit.model import Fit, Snapshot
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.library.model import InstalledModel

log = logging.getLogger(__name__)
_KEPT = 200  # headers; each some kilobytes


class Fits:
    """Blocking: reads headers of installed files, each once for as long as the file stays what it was."""

    def __init__(self, service: FitService) -> None:
        self.service = service
        self._headers: dict[tuple[Path, int, float], Header | None] = {}

    def of(
        self, model: CatalogModel | None, variant: Variant | None, installed: InstalledModel | None, at: Snapshot
    ) -> Fit | None:
        """None where not even a size is known, or the settings name a KV type that ggml does not have."""
        try:
            if installed is not None and (header := self.header(installed)) is not None:
                return self.service.of_header(header, at=at, siblings=None)
            size = installed.size if installed is not None else variant.size if variant is not None else None
            if size is None:
                return None
            if model is not None and model.shape is not None:
                quantisation = variant.quantisation if variant is not None else ""
                return self.service.of_shape(model.shape, size, quantisation, at=at, siblings=None)
            trained = model.context if model is not None else None
            return self.service.of_size(size, trained=trained, at=at, siblings=None)
        except ValueError:
            return None

    def header(self, installed: InstalledModel) -> Header | None:
        """None where the file can't be read now."""
        first = installed.files[0]
        key = (first.path, first.size, first.mtime)
        if key not in self._headers:
            if len(self._headers) >= _KEPT:
                self._headers.pop(next(iter(self._headers)))
            try:
                self._headers[key] = read_model(first.path)
            except OffGridError as error:
                log.info("no header of %s: %s", first.path, error.title)
                return None
        return self._headers[key]
