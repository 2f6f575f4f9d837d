"""What a name means, and why: one answer for the command line, the screens, agents and the API.

From the surest to the most generous: an address, a path, the user's own short name, what is installed, a short name of
the catalog, a model's id or name, a file or repository of the catalog, a repository on Hugging Face, a short name with
a tag as Ollama writes it, the beginning of exactly one name. Nothing is looked up elsewhere, so the answer takes no
network: that a repository exists is not said here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from offgrid_tui.catalog import names
from offgrid_tui.catalog.errors import AmbiguousName, UnknownName
from offgrid_tui.catalog.load import Catalog
from offgrid_tui.catalog.model import CatalogModel, Variant
from offgrid_tui.foundation.text import clean_line


class Here(Protocol):
    """What is installed, as far as names go; library/model.py's InstalledModel is one."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def catalog(self) -> str: ...  # key of the catalog's variant that its bytes are; "" for none


class Meaning(StrEnum):
    """What sort of thing a name meant."""

    INSTALLED = "installed"
    MODEL = "model"  # of the catalog; the variant may be open
    REPOSITORY = "repository"  # on Hugging Face, in no catalog; the quantisation may be open
    FILE = "file"  # one file in such a repository
    PATH = "path"  # on this machine
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What `text` means. What does not belong to its meaning is empty."""

    text: str
    meaning: Meaning
    why: str  # one line
    model: CatalogModel | None = None
    variant: Variant | None = None  # None where the choice is open: take the one that fits best
    installed: str | None = None  # id of the installed model; of the best known one where several variants are here
    repository: str = ""
    quantisation: str = ""  # where one was asked for
    file: str = ""
    revision: str = ""
    path: Path | None = None
    address: str = ""
    through: tuple[str, ...] = ()  # the user's own short names on the way


class Resolver:
    """Knows the catalog, the user's short names, and through a port what is installed."""

    def __init__(
        self,
        catalog: Catalog,
        aliases: Mapping[str, str],
        installed: Callable[[], Iterable[Here]] = tuple,
        folder: Callable[[], Path] = Path.cwd,
    ) -> None:
        self._catalog = catalog
        self._aliases = {alias.casefold(): target for alias, target in aliases.items()}
        self._installed = installed
        self._folder = folder

    def resolve(self, text: str) -> Resolved:
        """What `text` means.

        Raises:
            UnknownName: nothing; names what is near.
            AmbiguousName: several things; names them.
        """
        here = tuple(self._installed())
        return replace(self._resolve(text.strip(), here, ()), text=text)

    def _resolve(self, text: str, here: tuple[Here, ...], through: tuple[str, ...]) -> Resolved:
        if not text or text != clean_line(text, 1000):
            raise UnknownName(text, why="It is empty or holds characters that no name has.")
        folded = text.casefold()
        if (target := self._aliases.get(folded)) is not None and folded != target.casefold():
            if folded in through:
                raise UnknownName(text, why="Your short names stand for each other: " + " > ".join((*through, folded)))
            found = self._resolve(target, here, (*through, folded))
            return replace(found, why=f"your short name for {clean_line(target, 100)}: {found.why}")
        for find in (self._place, self._here, self._exact, self._no_file, self._tagged, self._hub, self._begins):
            if found_one := find(text, here):
                return replace(found_one, through=through)
        raise self._unknown(text, here)

    # ── each way to mean something ─────────────────────────────────────────────────────────────────────────────────

    def _place(self, text: str, here: tuple[Here, ...]) -> Resolved | None:
        """An address of somebody else's than the hub's, or a path that is there."""
        if names.is_address(text):
            if names.in_repository(text):
                return None
            if not names.host(text):
                raise UnknownName(text, why="It begins like an address, but names no host.", mend="Check the address.")
            return Resolved(text, Meaning.ADDRESS, "an address", address=text)
        try:
            path = self._folder() / Path(text).expanduser()
            is_there = path.exists()
        except (OSError, RuntimeError, ValueError):  # a name too long, no such user, a character that no path has
            path, is_there = Path(), False
        if is_there and (names.is_path(text) or path.suffix == ".gguf"):
            known = next((each for each in here if each.path == path), None)
            if known:
                return self._of_installed(text, known, "the file of a model that is installed")
            return Resolved(text, Meaning.PATH, "a path on this machine", path=path)
        if names.is_path(text):
            raise UnknownName(text, why="There is no such file or folder.", mend="Check the path.")
        return None

    def _no_file(self, text: str, here: tuple[Here, ...]) -> Resolved | None:
        """What ends like a file, and is none that anybody knows."""
        if not text.casefold().endswith(".gguf") or names.in_repository(text):
            return None
        raise UnknownName(
            text,
            why="There is no such file here, and none in the catalog.",
            mend="Check the path; hf:org/name/file.gguf names a file on Hugging Face.",
        )

    def _here(self, text: str, here: tuple[Here, ...]) -> Resolved | None:
        """Id or name of what is installed."""
        folded = text.casefold()
        if by_id := next((each for each in here if each.id.casefold() == folded), None):
            return self._of_installed(text, by_id, "the id of an installed model")
        named = [each for each in here if each.name.casefold() == folded]
        if len(named) > 1:
            raise AmbiguousName(text, tuple(each.id for each in named))
        return self._of_installed(text, named[0], "the name of an installed model") if named else None

    def _exact(self, text: str, here: tuple[Here, ...]) -> Resolved | None:
        """What stands in the catalog: a short name, an id, a name, a variant, a file."""
        folded = text.casefold()
        if model := self._catalog.by_alias.get(folded):
            return self._of_model(text, model, "a short name in the catalog", here)
        if model := self._catalog.by_id.get(folded):
            return self._of_model(text, model, "an id in the catalog", here)
        titled = [model for model in self._catalog.models if model.name.casefold() == folded]
        if len(titled) > 1:
            raise AmbiguousName(text, tuple(model.id for model in titled))
        if titled:
            return self._of_model(text, titled[0], "a name in the catalog", here)
        if pair := self._catalog.by_key.get(text.removeprefix("hf:")):
            return self._of_variant(text, *pair, "a file in the catalog", here)
        filed = [pair for pair in self._catalog.by_key.values() if _has_file(pair[1], folded)]
        if len(filed) > 1:
            raise AmbiguousName(text, tuple(variant.key for _, variant in filed))
        return self._of_variant(text, *filed[0], "a file in the catalog", here) if filed else None

    def _tagged(self, text: str, here: tuple[Here, ...]) -> Resolved | None:
        """A name with a tag as Ollama writes it, where the words of the tag are not a short name as they stand."""
        parts = None if "/" in text else names.tag(text.casefold())
        for shorter in parts.shorter if parts else ():
            model = self._catalog.by_alias.get(shorter) or self._catalog.by_id.get(shorter)
            if model and parts:
                if not parts.quantisation:
                    return self._of_model(text, model, f"{shorter}, a short name in the catalog", here)
                return self._quantised(text, model, model.variants, parts.quantisation, here)
        return None

    def _hub(self, text: str, here: tuple[Here, ...]) -> Resolved | None:
        """A repository on Hugging Face, or a file in it: from the catalog where it is there."""
        asked = names.in_repository(text)
        if asked is None:
            return None
        wanted = asked.repository.casefold()
        if asked.file:
            for model, variant in self._catalog.by_key.values():
                pinned = not asked.revision or asked.revision == variant.revision
                if pinned and variant.repository.casefold() == wanted and _has_file(variant, asked.file.casefold()):
                    return self._of_variant(text, model, variant, "a file in the catalog", here)
            why = "a file on Hugging Face, in no catalog"
            return Resolved(
                text, Meaning.FILE, why, repository=asked.repository, file=asked.file, revision=asked.revision
            )
        models = [m for m in self._catalog.models if any(v.repository.casefold() == wanted for v in m.variants)]
        if len(models) != 1 or asked.revision:
            why = "a repository on Hugging Face, in no catalog"
            repository, quantisation = asked.repository, asked.quantisation
            return Resolved(
                text, Meaning.REPOSITORY, why, None, None, None, repository, quantisation, revision=asked.revision
            )
        variants = tuple(v for v in models[0].variants if v.repository.casefold() == wanted)
        why = "a repository in the catalog"
        if asked.quantisation:
            fitting = [v for v in variants if names.same_quantisation(v.quantisation, asked.quantisation)]
            if len(fitting) == 1:
                return self._of_variant(text, models[0], fitting[0], why, here)
            return Resolved(
                text,
                Meaning.REPOSITORY,
                f"{why}, which does not list its {clean_line(asked.quantisation, 40)}",
                repository=variants[0].repository,
                quantisation=asked.quantisation,
            )
        if len(variants) == 1:
            return self._of_variant(text, models[0], variants[0], why, here)
        return replace(self._of_model(text, models[0], why, here), repository=variants[0].repository)

    def _begins(self, text: str, here: tuple[Here, ...]) -> Resolved | None:
        """The beginning of one model's id, name or short name; several models are listed."""
        folded = text.casefold()
        begun = [m for m in self._catalog.models if any(word.startswith(folded) for word in _words(m))]
        if len(folded) < 3 or not begun:
            return None
        if len(begun) > 1:
            raise AmbiguousName(text, tuple(_shown(model) for model in begun))
        return self._of_model(text, begun[0], "the only model whose name begins so", here)

    # ── the answers ────────────────────────────────────────────────────────────────────────────────────────────────

    def _of_installed(self, text: str, here: Here, why: str) -> Resolved:
        model, variant = self._catalog.by_key.get(here.catalog, (None, None))
        return Resolved(text, Meaning.INSTALLED, why, model, variant, here.id, path=here.path)

    def _of_model(self, text: str, model: CatalogModel, why: str, here: tuple[Here, ...]) -> Resolved:
        keys = [variant.key for variant in model.variants]
        present = sorted((each for each in here if each.catalog in keys), key=lambda each: keys.index(each.catalog))
        only = model.variants[0] if len(model.variants) == 1 else None
        return Resolved(text, Meaning.MODEL, why, model, only, present[0].id if present else None)

    def _of_variant(
        self, text: str, model: CatalogModel, variant: Variant, why: str, here: tuple[Here, ...]
    ) -> Resolved:
        installed = next((each.id for each in here if each.catalog == variant.key), None)
        return Resolved(text, Meaning.MODEL, why, model, variant, installed, variant.repository, variant.quantisation)

    def _quantised(
        self, text: str, model: CatalogModel, variants: tuple[Variant, ...], wanted: str, here: tuple[Here, ...]
    ) -> Resolved:
        """The first of `variants` (they stand by proof and trust) in this quantisation."""
        for variant in variants:
            if names.same_quantisation(variant.quantisation, wanted):
                return self._of_variant(text, model, variant, f"{model.id} in {variant.quantisation}", here)
        has = ", ".join(dict.fromkeys(variant.quantisation for variant in variants if variant.quantisation))
        raise UnknownName(
            text,
            why=f"The catalog has {model.id} in {has or 'no quantisation'}.",
            mend="Take one of these, or a repository: hf.co/org/name:QUANT.",
        )

    def _unknown(self, text: str, here: tuple[Here, ...]) -> UnknownName:
        import difflib  # 13 ms that only a mistake costs

        known: dict[str, str] = {alias: alias for alias in self._aliases}
        known |= {word.casefold(): word for each in here for word in (each.id, each.name)}
        known |= {word: word if ":" in word else _shown(model) for model, word in self._all_words()}
        found = difflib.get_close_matches(text.casefold()[:100], known, n=6, cutoff=0.65)
        return UnknownName(text, near=tuple(dict.fromkeys(known[word] for word in found))[:4])

    def _all_words(self) -> Iterator[tuple[CatalogModel, str]]:
        return ((model, word) for model in self._catalog.models for word in _words(model))


def _words(model: CatalogModel) -> tuple[str, ...]:
    return (*model.aliases, model.id, model.name.casefold())


def _shown(model: CatalogModel) -> str:
    return model.aliases[0] if model.aliases else model.id


def _has_file(variant: Variant, folded: str) -> bool:
    """Whether its first file has this path, or this name."""
    path = variant.files[0].path.casefold() if variant.files else ""
    return bool(path) and folded in (path, path.rpartition("/")[2])
