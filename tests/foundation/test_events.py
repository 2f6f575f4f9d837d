"""The bus: in order, by type, and no subscriber can hurt another."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest

from offgrid_tui.foundation.events import Bus


@dataclass(frozen=True)
class Happened:
    number: int


@dataclass(frozen=True)
class HappenedTwice(Happened):
    pass


def test_by_type_and_in_order() -> None:
    bus, seen = Bus(), []
    bus.subscribe(Happened, lambda e: seen.append(("first", e)))
    bus.subscribe(HappenedTwice, lambda e: seen.append(("special", e)))
    bus.subscribe(object, lambda e: seen.append(("all", e)))
    bus.publish(Happened(1))
    bus.publish(HappenedTwice(2))
    bus.publish("other")
    assert seen == [
        ("first", Happened(1)),
        ("all", Happened(1)),
        ("first", HappenedTwice(2)),
        ("special", HappenedTwice(2)),
        ("all", HappenedTwice(2)),
        ("all", "other"),
    ]


def test_a_subscriber_that_raises_is_logged_and_alone(caplog: pytest.LogCaptureFixture) -> None:
    bus, seen = Bus(), []

    def broken(event: Happened) -> None:
        raise ZeroDivisionError("the screen fell over")

    bus.subscribe(Happened, broken)
    bus.subscribe(Happened, seen.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(Happened(1))
    assert seen == [Happened(1)]
    assert "the screen fell over" in caplog.text


def test_leaving_also_from_within() -> None:
    bus, seen = Bus(), []

    def once(event: Happened) -> None:
        seen.append(event)
        leave()

    leave = bus.subscribe(Happened, once)
    bus.subscribe(Happened, seen.append)
    bus.publish(Happened(1))
    bus.publish(Happened(2))
    leave()  # again: nothing happens
    assert seen == [Happened(1), Happened(1), Happened(2)]


def test_publishing_from_within() -> None:
    bus, seen = Bus(), []
    bus.subscribe(Happened, lambda e: seen.append(e.number))
    bus.subscribe(Happened, lambda e: bus.publish(Happened(e.number - 1)) if e.number else None)
    bus.publish(Happened(3))
    assert seen == [3, 2, 1, 0]
