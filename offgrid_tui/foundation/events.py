"""A typed bus: services say what happened, and never know who listens.

Subscribers are plain callables, called in the publisher's thread in the order in which they subscribed; they must
return at once. A subscriber that raises is logged and does not stop the others: a broken screen must not break a
download.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

E = TypeVar("E")
log = logging.getLogger(__name__)


class Bus:
    """Publishes events (frozen dataclasses, named in the past tense) to those who subscribed to their type."""

    def __init__(self) -> None:
        self._subscribers: list[tuple[type[Any], Callable[[Any], None]]] = []

    def subscribe(self, kind: type[E], callback: Callable[[E], None]) -> Callable[[], None]:
        """Call `callback` with every event that is an instance of `kind`. Returns the function that ends it."""
        entry = (kind, callback)
        self._subscribers.append(entry)

        def unsubscribe() -> None:
            if entry in self._subscribers:
                self._subscribers.remove(entry)

        return unsubscribe

    def publish(self, event: object) -> None:
        for kind, callback in tuple(self._subscribers):
            if isinstance(event, kind):
                try:
                    callback(event)
                except Exception:
                    log.exception("a subscriber of %s failed", kind.__name__)
