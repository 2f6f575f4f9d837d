"""What to send for a wish: of each model that is wanted, the variant that suits the machine which wishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from offgrid_tui.catalog.model import CatalogModel, Proof, Variant
from offgrid_tui.catalog.names import same_quantisation
from offgrid_tui.catalog.resolver import Meaning, Resolved, Resolver
from offgrid_tui.fit.model import Fit, Level, Snapshot, Use
from offgrid_tui.fit.recommend import Candidate, Label, recommend
from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.speed import SpeedEstimator, active_share
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.transfer.wish import Target, Want, WishList

# Of variants with what each needs there, and the model's parameters, the one to take.
Choose = Callable[[Sequence[tuple[Variant, Fit | None]], int | None], Variant | None]
SPARE = 64 * 2**20  # bytes of the target's disk that stay free


@dataclass(frozen=True, slots=True)
class Choice:
    """What one want comes to."""

    want: Want
    name: str
    quantisation: str = ""
    size: int | None = None
    fit: Fit | None = None  # on the target
    variant: Variant | None = None  # to be had from the network where it is not here
    installed: InstalledModel | None = None  # it is here
    there: bool = False  # the target has it
    problem: str = ""  # why there is nothing to send

    @property
    def label(self) -> str:
        return f"{self.name} {self.quantisation}".strip()

    @property
    def missing(self) -> bool:
        """It would be sent, and is not here."""
        return not self.there and not self.problem and self.installed is None


class Fulfiller:
    """Chooses for one wish. Blocking: asks the catalog and reckons.

    Args:
        here: models of this home, the whole ones.
        asked: what a hub said of repositories that are in no catalog, by their names.
    """

    def __init__(
        self,
        wish: WishList,
        catalog: Sequence[CatalogModel],
        resolver: Resolver,
        here: Iterable[InstalledModel],
        fit: FitService,
        choose: Choose,
        asked: Mapping[str, CatalogModel] | None = None,
    ) -> None:
        self._asked = asked or {}
        self._wish = wish
        self._catalog = catalog
        self._resolver = resolver
        self._here = [model for model in here if not model.problem]
        self._fit = fit
        self._choose = choose
        self._at: Snapshot = wish.target.snapshot()

    def choices(self) -> tuple[Choice, ...]:
        """One for each want, in their order."""
        return tuple(self._choice(want) for want in self._wish.wants)

    def _choice(self, want: Want) -> Choice:
        if want.use:
            return self._for_use(want)
        try:
            found = self._resolver.resolve(want.name)
        except OffGridError as error:
            return Choice(want, want.name, problem=f"{error.title}. {error.detail}".strip())
        if (asked := self._asked.get(found.repository)) is not None:
            return self._of_repository(want, asked, found)
        installed = next(
            (
                one
                for one in self._here
                if one.id == found.installed or (one.repository and one.repository == found.repository)
            ),
            None,
        )
        if found.model is not None:
            quantisation = want.quantisation or found.quantisation
            # A model that is named by what is installed here is wanted in what suits the other machine.
            by_id = installed is not None and want.name == installed.id
            named = found.variant if found.meaning is not Meaning.INSTALLED or by_id else None
            return self._of_model(want, found.model, quantisation, named)
        if installed is not None:
            return self._of_installed(want, installed)
        return Choice(want, want.name, problem="It is in no catalog here, and not installed here.")

    def _of_repository(self, want: Want, model: CatalogModel, found: Resolved) -> Choice:
        if found.file:
            for variant in model.variants:
                if any(found.file in (file.path, file.path.rpartition("/")[2]) for file in variant.files):
                    return self._of_model(want, model, "", variant)
            return Choice(want, model.name, problem=f"The repository has no {found.file}.")
        return self._of_model(want, model, want.quantisation or found.quantisation, None)

    def _for_use(self, want: Want) -> Choice:
        target = self._wish.target
        speeds = SpeedEstimator(target.bandwidth) if target.bandwidth else None
        best: dict[str, tuple[CatalogModel, Variant]] = {}
        candidates = []
        for model in self._catalog:
            if not model.kinds or not model.parameters:
                continue
            variant = self._choose([(one, self._of(model, one)) for one in self._proven(model)], model.parameters)
            fit = self._of(model, variant) if variant is not None else None
            if variant is None or fit is None or not variant.size or self._no_room(variant):
                continue
            share = active_share(model.shape) if model.shape is not None else 1.0
            best[variant.key] = (model, variant)
            candidates.append(
                Candidate(
                    key=variant.key,
                    name=model.name,
                    quantisation=variant.quantisation,
                    size=variant.size,
                    roles=("chat",) if model.kinds[0].value == "vision" else (model.kinds[0].value,),
                    parameters=model.parameters,
                    needs=fit.verdict.needs,
                    level=fit.verdict.level,
                    active=share,
                    speed=speeds.tokens_per_second(int(variant.size * share)) if speeds is not None else None,
                    context=model.context,
                )
            )
        for found in recommend(candidates, (want.use,)):
            if found.label is Label.BALANCED and found.pick is not None:
                model, variant = best[found.pick.key]
                return self._sent(want, model, variant)
        return Choice(want, want.use, problem=f"Nothing for {want.use} is known that fits there.")

    def _of_model(self, want: Want, model: CatalogModel, quantisation: str, named: Variant | None) -> Choice:
        variants = [named] if named is not None else self._proven(model)
        if quantisation:
            variants = [one for one in variants if same_quantisation(one.quantisation, quantisation)]
        variants = [one for one in variants if not self._no_room(one)] or variants
        variant = self._choose([(one, self._of(model, one)) for one in variants], model.parameters)
        if variant is None:
            return Choice(want, model.name, quantisation, problem="It has no such variant that can be had.")
        return self._sent(want, model, variant)

    def _sent(self, want: Want, model: CatalogModel, variant: Variant) -> Choice:
        fit = self._of(model, variant)
        hashes = {file.sha256 for file in variant.files if file.sha256}
        installed = next(
            (
                one
                for one in self._here
                if one.catalog == variant.key or (hashes and hashes == {file.sha256 for file in one.files})
            ),
            None,
        )
        there = bool(hashes) and hashes <= self._wish.have
        problem = self._problem(variant.size, fit)
        return Choice(
            want,
            model.name,
            variant.quantisation,
            variant.size,
            fit,
            variant,
            installed,
            there,
            "" if there else problem,
        )

    def _of_installed(self, want: Want, model: InstalledModel) -> Choice:
        """A model that no catalog knows, as it is here."""
        fit = self._fit.of_size(
            model.size, self._use(model.facts.context), trained=model.facts.context, at=self._at, siblings=None
        )
        there = {file.sha256 for file in model.files} <= self._wish.have
        problem = "" if there else self._problem(model.size, fit)
        quantisation = model.facts.quantisation
        return Choice(want, model.name, quantisation, model.size, fit, None, model, there, problem)

    def _problem(self, size: int | None, fit: Fit | None) -> str:
        target = self._wish.target
        if target.disk_free and size is not None and size + SPARE > target.disk_free:
            return f"It takes {bytes_text(size)}, and the disk there has {bytes_text(target.disk_free)} free."
        if fit is not None and fit.verdict.level in (Level.OVER, Level.BLOCKED):
            return f"It does not fit there: {fit.verdict.reason}."
        return ""

    def _of(self, model: CatalogModel, variant: Variant) -> Fit | None:
        if variant.size is None:
            return None
        try:
            use = self._use(model.context)
            if model.shape is not None:
                return self._fit.of_shape(
                    model.shape, variant.size, variant.quantisation, use, at=self._at, siblings=None
                )
            return self._fit.of_size(variant.size, use, trained=model.context, at=self._at, siblings=None)
        except ValueError:  # a KV type that ggml does not have
            return None

    def _use(self, trained: int | None) -> Use:
        return self._wish.target.use(self._fit.use(trained))

    def _proven(self, model: CatalogModel) -> list[Variant]:
        return [one for one in model.variants if one.proof is Proof.PROVEN] or [
            one for one in model.variants if one.proof is not Proof.UNAVAILABLE
        ]

    def _no_room(self, variant: Variant) -> bool:
        free = self._wish.target.disk_free
        return bool(free and variant.size and variant.size + SPARE > free)


def target_fits(target: Target) -> str:
    """The machine that wishes, in a line."""
    gpu = f", {bytes_text(target.gpu_memory)} of GPU memory" if target.gpu_memory else ""
    disk = f", {bytes_text(target.disk_free)} of disk free" if target.disk_free else ""
    return f"{bytes_text(target.memory)} of memory, {bytes_text(target.share)} for models{gpu}{disk}"


def to_ask(wish: WishList, resolver: Resolver) -> dict[str, str]:
    """Repositories that a hub has to be asked about: name -> revision, empty where none was named."""
    found = {}
    for want in wish.wants:
        try:
            meant = resolver.resolve(want.name) if want.name else None
        except OffGridError:
            continue
        if meant is not None and meant.meaning in (Meaning.REPOSITORY, Meaning.FILE):
            found[meant.repository] = meant.revision
    return found
