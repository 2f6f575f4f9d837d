"""Finding models: words, limits, filters, orders, and all of them together."""

from __future__ import annotations

import pytest

from offgrid_tui.catalog.model import Kind, Source
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.filter import Fits, Limit, ModelIndex, Order, Place, Query, parse
from offgrid_tui.models.model import Speed
from tests.ui_catalog.made_rows import GB, installed, row

ROWS = (
    row("Qwen3 4B", 4.0, of_model={"aliases": ("qwen3:4b",), "downloads": 50}),
    row("Llama 3.3 70B", 70.6, needs=45 * GB, size=42 * GB, speed=Speed(0.4, False), of_model={"downloads": 900}),
    row("Qwen2.5 Coder 3B", 3.1, kinds=(Kind.CODE, Kind.CHAT), quantisation="Q8_0", of_model={"updated": 9.0}),
    row("Big Coder 7B", 7.6, needs=6_500_000_000, kinds=(Kind.CODE,), size=4 * GB),
    row("Slow Coder 6B", 6.0, needs=5 * GB, kinds=(Kind.CODE,), speed=Speed(1.5, True)),
    row("Gone 9B", 9.0, state=ModelState.UNAVAILABLE, kinds=(Kind.CODE,)),
    row("nomic embed", 0.1, kinds=(Kind.EMBEDDING,), needs=GB, favourite=True),
    row("A file of mine", None, model=None, variant=None, installed=installed("mine", last_used=5.0),
        state=ModelState.INSTALLED, trust="local", needs=None),
    row("From the hub", 1.0, of_model={"source": Source.HUB}, needs=2 * GB),
)  # fmt: skip


def names(**query: object) -> list[str]:
    return [found.name for found in ModelIndex(ROWS).find(Query(**query))]  # type: ignore[arg-type]


def test_words_and_limits_are_told_apart() -> None:
    words, limits = parse("Qwen Q4 <5GB >=3b <700M")
    assert words == ("qwen", "q4")
    assert limits == (
        Limit("size", True, 5e9), Limit("parameters", False, 3e9, True), Limit("parameters", True, 7e8),
    )  # fmt: skip
    assert parse("<") == (("<",), ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("qwen", ["Qwen3 4B", "Qwen2.5 Coder 3B"]),
        ("coder q8", ["Qwen2.5 Coder 3B"]),
        ("QWEN3:4B", ["Qwen3 4B"]),
        ("local", ["A file of mine"]),
        ("mine.gguf", ["A file of mine"]),
        ("embedding", ["nomic embed"]),
        ("coder >4GB", []),
        ("coder >=4GB", ["Big Coder 7B"]),
        ("coder <3.5b", ["Qwen2.5 Coder 3B"]),
        ("no such thing", []),
    ],
)
def test_what_words_find(text: str, found: list[str]) -> None:
    assert names(text=text) == found


def test_the_best_coding_model_that_fits_comes_first() -> None:
    assert names(kind=Kind.CODE) == ["Qwen2.5 Coder 3B", "Slow Coder 6B", "Big Coder 7B", "Gone 9B"]
    assert names(kind=Kind.CODE, fits=Fits.YES) == ["Qwen2.5 Coder 3B", "Slow Coder 6B", "Big Coder 7B"]
    assert names(kind=Kind.CODE, fits=Fits.SAFE) == ["Qwen2.5 Coder 3B", "Slow Coder 6B"]


def test_what_the_engine_does_not_run_comes_last() -> None:
    rows = (row("Whisper", 0.1, kinds=(Kind.SPEECH,), needs=GB), row("Huge 70B", 70.0, needs=60 * GB))
    assert [one.name for one in ModelIndex(rows).find(Query())] == ["Huge 70B", "Whisper"]


def test_places() -> None:
    assert names(place=Place.HERE) == ["A file of mine"]
    assert names(place=Place.FAVOURITES) == ["nomic embed"]
    assert names(place=Place.HUB) == ["From the hub"]
    assert len(names(place=Place.CATALOG)) == 7
    assert ModelIndex(ROWS).places == (Place.ALL, Place.HERE, Place.FAVOURITES, Place.CATALOG, Place.HUB)
    assert ModelIndex(ROWS).kinds == (Kind.CHAT, Kind.CODE, Kind.EMBEDDING)


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (Order.SMART, ["A file of mine", "nomic embed"]),
        (Order.NAME, ["A file of mine", "Big Coder 7B"]),
        (Order.PARAMETERS, ["Llama 3.3 70B", "Gone 9B"]),
        (Order.SIZE, ["Llama 3.3 70B", "Big Coder 7B"]),
        (Order.DOWNLOADS, ["Llama 3.3 70B", "Qwen3 4B"]),
        (Order.NEWEST, ["Qwen2.5 Coder 3B", "A file of mine"]),
        (Order.USED, ["A file of mine"]),
    ],
)
def test_orders(order: Order, first: list[str]) -> None:
    assert names(order=order)[: len(first)] == first


@pytest.mark.parametrize("order", list(Order))
def test_every_order_shows_every_row(order: Order) -> None:
    assert sorted(names(order=order)) == sorted(one.name for one in ROWS)
