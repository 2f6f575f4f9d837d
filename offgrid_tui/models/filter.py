"""Finding models among very many: words, limits, filters and orders over the rows of the one list.

Everything that a search looks at is prepared once for each list of rows, so that a key costs a few milliseconds with
50,000 rows. Nothing here knows a screen; the command line searches with the same words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from offgrid_tui.catalog.model import Kind, Source, Tier
from offgrid_tui.fit.model import Level
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.model import ModelRow

FLUENT = 4.0  # tokens a second: slower than that is read faster than it is written


class Place(StrEnum):
    """Which part of the list is looked at; the value is the word on screens."""

    ALL = "all"
    HERE = "installed"
    FAVOURITES = "favourites"
    CATALOG = "catalog"
    OWN = "own catalog"
    HUB = "Hugging Face"


class Fits(StrEnum):
    """Which models, by what they need."""

    ALL = "all"
    YES = "yes"  # safe or tight
    SAFE = "safe"


class Order(StrEnum):
    """What comes first."""

    BEST = "best fit"  # the most capable of those that fit and are fluent
    SMART = "smart"  # what is here and what the user marked, then by best fit
    NAME = "name"
    PARAMETERS = "parameters"
    SIZE = "size"
    SPEED = "speed"
    DOWNLOADS = "downloads"
    NEWEST = "newest"
    USED = "last used"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. `kind` None is every kind."""

    text: str = ""
    place: Place = Place.ALL
    fits: Fits = Fits.ALL
    kind: Kind | None = None
    order: Order = Order.BEST


@dataclass(frozen=True, slots=True)
class Limit:
    """Parameters (`of` "parameters") or bytes (`of` "size") below or above a number."""

    of: str
    below: bool
    value: float
    itself: bool = False  # whether the number itself will do


_LIMIT = re.compile(r"([<>])(=?)(\d+(?:\.\d+)?)(gb|mb|tb|b|m)")
_BYTES = {"mb": 1e6, "gb": 1e9, "tb": 1e12}
_PARAMETERS = {"m": 1e6, "b": 1e9}


def parse(text: str) -> tuple[tuple[str, ...], tuple[Limit, ...]]:
    """Words that must all be found, and limits: "qwen q4 <5GB >3B"."""
    words: list[str] = []
    limits: list[Limit] = []
    for token in text.casefold().split():
        match = _LIMIT.fullmatch(token)
        if match is None:
            words.append(token)
            continue
        sign, itself, number, unit = match.groups()
        of, units = ("size", _BYTES) if unit in _BYTES else ("parameters", _PARAMETERS)
        limits.append(Limit(of, sign == "<", float(number) * units[unit], bool(itself)))
    return tuple(words), tuple(limits)


_FOREIGN = (Kind.SPEECH, Kind.OTHER)  # what llama.cpp does not run
_LEVELS = {Level.SAFE: 0, Level.TIGHT: 1, None: 2, Level.OVER: 3, Level.BLOCKED: 4}
_TRUST = {tier.value: i for i, tier in enumerate(Tier)}
_HERE = (ModelState.ACTIVE, ModelState.INSTALLED, ModelState.BROKEN)


def is_here(row: ModelRow) -> bool:
    return row.installed is not None or row.state in _HERE


def kinds_of(row: ModelRow) -> tuple[Kind, ...]:
    """What it is made for; of a file that no catalog knows, what its header lets one say."""
    if row.model is not None and row.model.kinds:
        return row.model.kinds
    capabilities = row.installed.facts.capabilities if row.installed else ()
    return tuple(kind for kind in Kind if kind.value in capabilities)


def level_of(row: ModelRow) -> Level | None:
    return row.verdict.level if row.verdict else None


class ModelIndex:
    """Rows, prepared for being searched. Another list of rows needs another index."""

    def __init__(self, rows: Iterable[ModelRow]) -> None:
        self.rows: tuple[ModelRow, ...] = tuple(sorted(rows, key=lambda row: row.name.casefold()))
        self._texts = [_text(row) for row in self.rows]
        self._kinds = [kinds_of(row) for row in self.rows]
        self._levels = [level_of(row) for row in self.rows]
        self._orders: dict[Order, list[int]] = {Order.NAME: list(range(len(self.rows)))}
        self.kinds: tuple[Kind, ...] = tuple(sorted({k for kinds in self._kinds for k in kinds}, key=list(Kind).index))
        self.places: tuple[Place, ...] = tuple(p for p in Place if any(map(_IN_PLACE[p], self.rows)))

    def find(self, query: Query) -> list[ModelRow]:
        """The rows that `query` asks for, in its order."""
        rows = self.rows
        words, limits = parse(query.text)
        found: Sequence[int] = self._order(query.order)
        if query.fits is not Fits.ALL:
            levels = self._levels
            wanted = (Level.SAFE,) if query.fits is Fits.SAFE else (Level.SAFE, Level.TIGHT)
            found = [i for i in found if levels[i] in wanted and rows[i].state is not ModelState.UNAVAILABLE]
        if query.kind is not None:
            kinds, kind = self._kinds, query.kind
            found = [i for i in found if kind in kinds[i]]
        if query.place is not Place.ALL:
            within = _IN_PLACE[query.place]
            found = [i for i in found if within(rows[i])]
        for word in words:
            texts = self._texts
            found = [i for i in found if word in texts[i]]
        for limit in limits:
            found = [i for i in found if _keeps(limit, rows[i])]
        return [rows[i] for i in found]

    def _order(self, order: Order) -> list[int]:
        if order not in self._orders:
            keys = [_KEYS[order](row) for row in self.rows]
            self._orders[order] = sorted(range(len(keys)), key=keys.__getitem__)  # stable: names stay in order
        return self._orders[order]


def _text(row: ModelRow) -> str:
    """What words are looked for in."""
    model, variant, installed = row.model, row.variant, row.installed
    parts = [row.name, row.quantisation, row.trust, row.state.value]
    if row.provider != "local":
        parts.append(row.provider)
    if model is not None:
        parts += [model.id, model.family, model.maker, model.licence, *model.aliases, *model.capabilities]
        parts += [kind.value for kind in model.kinds]
    if variant is not None:
        parts += [variant.repository, variant.publisher]
    if installed is not None:
        parts += [installed.repository, installed.publisher, installed.path.name, installed.facts.architecture]
    return " ".join(parts).casefold()


def _keeps(limit: Limit, row: ModelRow) -> bool:
    value = row.size if limit.of == "size" else row.parameters
    if value is None:
        return False
    if value == limit.value:
        return limit.itself
    return (value < limit.value) is limit.below


_IN_PLACE: dict[Place, Callable[[ModelRow], bool]] = {
    Place.ALL: lambda row: True,
    Place.HERE: is_here,
    Place.FAVOURITES: lambda row: row.favourite,
    Place.CATALOG: lambda row: row.model is not None and row.model.source in (Source.CATALOG, Source.BUNDLED),
    Place.OWN: lambda row: row.model is not None and row.model.source is Source.OWN,
    Place.HUB: lambda row: row.model is not None and row.model.source is Source.HUB,
}


def _best(row: ModelRow) -> int:
    """One number, the best lowest: can it be had, does it fit, is it fluent, how capable is it, who vouches for it."""
    slow = row.speed is not None and row.speed.tokens < FLUENT
    kinds = kinds_of(row)
    foreign = bool(kinds) and all(kind in _FOREIGN for kind in kinds)
    class_ = 200 * (row.state is ModelState.UNAVAILABLE) + 100 * foreign + 10 * _LEVELS[level_of(row)] + slow
    capable = min(row.parameters or 0, 10**13)
    return class_ * 10**15 - capable * 10 + _TRUST.get(row.trust, 9)


def _smart(row: ModelRow) -> int:
    first = 3 * (row.state is ModelState.ACTIVE) + 2 * is_here(row) + row.favourite
    return _best(row) - first * 10**18  # 64 bits hold all of it: such numbers are compared fastest


def _most(value: float | None) -> float:
    """The most first, what is not known last."""
    return -value if value is not None else float("inf")


_KEYS: dict[Order, Callable[[ModelRow], float]] = {
    Order.BEST: _best,
    Order.SMART: _smart,
    Order.PARAMETERS: lambda row: _most(row.parameters),
    Order.SIZE: lambda row: _most(row.size),
    Order.SPEED: lambda row: _most(row.speed.tokens if row.speed else None),
    Order.DOWNLOADS: lambda row: _most(row.model.downloads if row.model else None),
    Order.NEWEST: lambda row: _most((row.model.updated if row.model else None) or _installed(row)),
    Order.USED: lambda row: _most(row.installed.last_used if row.installed else None),
}


def _installed(row: ModelRow) -> float | None:
    return row.installed.installed if row.installed else None
