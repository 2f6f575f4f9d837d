"""Who may answer. A provider takes the contract's requests and gives the contract's events, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from offgrid_tui.engine.contract import Count, Event, Generate, Load


class Provider(Protocol):
    """The local engine, another program on this machine, or a server somewhere.

    Failures of a request are raised as `EngineError` (offgrid_tui.engine.errors), never yielded: whoever iterates
    gets events until Done, or an exception. Closing the iterator, or cancelling the task that iterates, stops the
    generation at its source.
    """

    name: str  # "local"; unique
    label: str  # what the screen shows where the provider is not the local engine: "scripted answers"

    def load(self, request: Load) -> AsyncIterator[Event]:
        """LoadProgress…, then Loaded."""
        ...

    def generate(self, request: Generate) -> AsyncIterator[Event]:
        """LoadProgress…, Loaded, Prefill…, Text…, Done. Loaded comes first in every answer, so that what is shown
        names the model that answers."""
        ...

    async def count(self, request: Count) -> int:
        """Tokens of the prompt as it would be sent."""
        ...

    async def close(self) -> None:
        """Let go of connections. What others use goes on."""
        ...
