"""Every field of a catalog with every sort of value: taken, or refused with words."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from offgrid_tui.catalog import parse
from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.fields import BadEntry
from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Source, Variant
from offgrid_tui.fit.shape import ModelShape

VALUES: list[Any] = [
    *(True, False, 0, -1, 1, 2**60, 1.5, float("inf"), float("nan"), datetime.date(2020, 1, 1)),
    *("", "x", "\x1b", "a/b", "../b", "A" * 2000, [], [[]], [1], ["x"], [{}], {}, {"a": 1}, None),
]
NOBODY = Publishers({})
SHAPE = {"architecture": "llama", "layers": 2, "embedding": 4, "heads": 1, "kv_heads": 1}
FILE = {"path": "x.gguf"}


def names(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def model(table: Any) -> CatalogModel:
    return parse.model("x", table, Source.OWN, ())


def variant(table: Any) -> Variant:
    return parse.variant(table, NOBODY)


CASES = [
    *((model, lambda key, value: {key: value}, key) for key in [*names(CatalogModel), "hidden"]),
    *((model, lambda key, value: {"shape": SHAPE | {key: value}}, key) for key in names(ModelShape)),
    *(
        (variant, lambda key, value: {"repository": "a/b", "files": [FILE], key: value}, key)
        for key in [*names(Variant), "unavailable"]
    ),
    *(
        (variant, lambda key, value: {"repository": "a/b", "files": [FILE | {key: value}]}, key)
        for key in names(CatalogFile)
    ),
]


@pytest.mark.parametrize(("make", "table", "key"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_whatever_stands_in_a_field(make: Any, table: Any, key: str) -> None:
    refused = 0
    for value in VALUES:
        try:
            made = make(table(key, value))
        except BadEntry as error:
            assert error.what and "\x1b" not in error.what
            refused += 1
        else:
            assert "\x1b" not in repr(made)
            assert ".." not in repr(getattr(made, "files", ""))
    assert 0 < refused < len(VALUES) + 1


@pytest.mark.parametrize("value", VALUES)
def test_whatever_stands_for_a_table(value: Any) -> None:
    for make in (model, variant, lambda table: parse.publisher("x", table)):
        try:
            make(value)
        except BadEntry as error:
            assert error.what
        else:
            assert value == {}
