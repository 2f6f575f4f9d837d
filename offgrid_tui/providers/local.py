"""The local engine as a provider: llama.cpp on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import Count, Event, Generate, Load, LoadProgress
from offgrid_tui.providers.readiness import EngineReadiness


class LocalProvider:
    """Answers from a GGUF file through the engine host. Asks that come while the engine is still being built wait for
    it, and say how far it is: LoadProgress of phase `engine`."""

    name = "local"
    label = ""

    def __init__(self, client: EngineClient, readiness: EngineReadiness) -> None:
        self._client = client
        self._readiness = readiness

    async def load(self, request: Load) -> AsyncIterator[Event]:
        async for progress in self._until_ready(request):
            yield progress
        async for event in self._client.load(request):
            yield event

    async def generate(self, request: Generate) -> AsyncIterator[Event]:
        async for progress in self._until_ready(request):
            yield progress
        async for event in self._client.generate(request):
            yield event

    async def count(self, request: Count) -> int:
        async for _ in self._until_ready(request):
            pass
        return await self._client.count(request)

    async def close(self) -> None:
        """Nothing to let go of: the client belongs to whoever made it."""

    async def _until_ready(self, request: Load | Generate | Count) -> AsyncIterator[LoadProgress]:
        async for fraction, elapsed in self._readiness.wait():
            yield LoadProgress(request.id, request.model, "engine", fraction, 1000 * elapsed)
