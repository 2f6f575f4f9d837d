"""The one call that says whether a model fits: screens, commands, the engine host's gate and the API ask here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from offgrid_tui.fit.alternatives import alternatives
from offgrid_tui.fit.budget import budget, verdict, vram_budget, with_taken
from offgrid_tui.fit.estimate import estimate, estimate_shape, estimate_size
from offgrid_tui.fit.model import (
    Alternative,
    Estimate,
    Fit,
    Level,
    Sibling,
    Snapshot,
    Source,
    Taken,
    Use,
    Verdict,
)
from offgrid_tui.fit.offload import layers_that_fit
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.fit.use import AUTO_LAYERS, default_use
from offgrid_tui.gguf.header import Header
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.schema import Settings

_WORST = (Level.BLOCKED, Level.OVER, Level.TIGHT, Level.SAFE)


class FitService:
    """Estimates and judges. Stateless but for a cache of what architectures need; safe to use from any thread.

    Args:
        settings: how models are loaded, and how much memory they may take.
        hardware: looks at the machine; asked once by `snapshot`.
        on_gpu: whether the engine can use a GPU; without it none of a model is planned there.
    """

    def __init__(self, settings: Settings, *, hardware: Callable[[], Hardware] = probe, on_gpu: bool = False) -> None:
        self._settings = settings
        self._hardware = hardware
        self._on_gpu = on_gpu

    def snapshot(self, taken: Taken | None = None, hardware: Hardware | None = None) -> Snapshot:
        """The machine now (a few milliseconds). Give it to the calls below when there is more than one to make.

        Args:
            taken: what the engine host has promised (`engine.reservations.taken_of` its status); None for nothing.
            hardware: where somebody has looked already.
        """
        hardware, taken, memory = hardware or self._hardware(), taken or Taken(), self._settings.memory
        return Snapshot(hardware, taken, with_taken(budget(hardware, memory), taken), vram_budget(hardware, memory))

    def use(
        self,
        trained: int | None = None,
        *,
        context: int | None = None,
        kv_type: str | None = None,
        gpu_layers: int | None = None,
    ) -> Use:
        """How a model would be loaded by the settings: see `default_use`."""
        return default_use(
            self._settings.engine,
            trained,
            context=context,
            kv_type=kv_type,
            gpu_layers=gpu_layers,
            on_gpu=self._on_gpu,
        )

    def of_header(
        self,
        header: Header,
        use: Use | None = None,
        *,
        at: Snapshot | None = None,
        siblings: Iterable[Sibling] | None = (),
    ) -> Fit:
        """The answer for a file whose header was read.

        Args:
            use: how it would be loaded; None for what the settings say.
            at: the machine at one moment; None looks now.
            siblings: what could be loaded instead; None where no alternatives at all are wanted (for lists).

        Raises:
            ValueError: a KV type that ggml does not have.
        """
        at = at or self.snapshot()
        features = at.hardware.cpu.features

        def reckon(use: Use) -> Estimate:
            return estimate(header, use, features)

        use = self._placed(use or self.use(header.context_trained), header.layers, reckon, at)
        return self._fit(reckon, Source.HEADER, use, at, siblings)

    def of_shape(
        self,
        shape: ModelShape,
        file_size: int,
        quantisation: str = "",
        use: Use | None = None,
        *,
        at: Snapshot | None = None,
        siblings: Iterable[Sibling] | None = (),
    ) -> Fit:
        """The answer where only the architecture's numbers and the size of the file are known. With `at` and without
        alternatives (`siblings=None`) it costs some microseconds.

        Raises:
            ValueError: a KV type that ggml does not have.
        """
        at = at or self.snapshot()

        def reckon(use: Use) -> Estimate:
            return estimate_shape(shape, file_size, use)

        use = self._placed(use or self.use(shape.context_trained), shape.layers, reckon, at)
        return self._fit(reckon, Source.SHAPE, use, at, siblings)

    def of_size(
        self,
        file_size: int,
        use: Use | None = None,
        *,
        trained: int | None = None,
        at: Snapshot | None = None,
        siblings: Iterable[Sibling] | None = (),
    ) -> Fit:
        """The rough answer where nothing but the size of the file is known."""
        at = at or self.snapshot()

        def reckon(use: Use) -> Estimate:
            return estimate_size(file_size, use)

        use = self._placed(use or self.use(trained), 0, reckon, at)
        return self._fit(reckon, Source.SIZE, use, at, siblings)

    def judge(self, needed: Estimate, at: Snapshot) -> tuple[Verdict, Verdict | None]:
        """The verdict about `needed`, the worse of the machine's memory and the GPUs'; and the GPUs' alone."""
        taken = at.taken
        # A GPU without memory of its own takes the machine's.
        own = needed.memory + (needed.gpu if at.hardware.unified else 0)
        memory = verdict(own, at.memory, reserved=taken.reserved, resident=taken.resident)
        if not needed.gpu:
            return memory, None
        gpu = verdict(needed.gpu, at.vram, of=" of GPU memory")
        return min(memory, gpu, key=lambda found: _WORST.index(found.level)), gpu

    def _placed(self, use: Use, layers: int, reckon: Callable[[Use], Estimate], at: Snapshot) -> Use:
        """`use`, with as many layers on the GPUs as fit where nobody said how many."""
        if use.gpu_layers != AUTO_LAYERS:
            return use
        free = at.vram.limit
        count = layers_that_fit(layers, lambda count: reckon(replace(use, gpu_layers=count)).gpu, free)
        return replace(use, gpu_layers=count)

    def _fit(
        self,
        reckon: Callable[[Use], Estimate],
        source: Source,
        use: Use,
        at: Snapshot,
        siblings: Iterable[Sibling] | None,
    ) -> Fit:
        needed = reckon(use)
        found, gpu = self.judge(needed, at)
        ways: tuple[Alternative, ...] = ()
        if siblings is not None and found.level in (Level.OVER, Level.BLOCKED):
            ways = alternatives(
                use,
                reckon,
                lambda other: self.judge(other, at)[0],
                siblings,
                lambda sibling, use: _sibling(sibling, use, needed),
            )
        return Fit(needed, found, at.memory, source, use, ways, gpu)


def _sibling(sibling: Sibling, use: Use, own: Estimate) -> Estimate:
    """What `sibling` needs: of the same model, only the weights are others."""
    if sibling.same:
        shared = own.weights_needed
        gpu = int(own.gpu * sibling.size / shared) if own.gpu and shared else 0
        return replace(own, weights=sibling.size, repacked=0, idle=0, gpu=gpu)
    known = sibling.shape
    return estimate_shape(known, sibling.size, use) if known else estimate_size(sibling.size, use)
