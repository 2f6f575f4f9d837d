"""The real huggingface_hub, made to speak only through us.

The library keeps one client for the whole process and reads its settings from the environment when it is imported. So
the client that it gets from us has no network of its own: it hands each request to whoever is speaking in this thread,
and refuses where nobody is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

from offgrid_tui import __version__
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.network.access import NetworkAccess

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

    from offgrid_tui.network.guard import Bounds, Guard

_SPEAKER: ContextVar[tuple[Guard, Bounds] | None] = ContextVar("speaker", default=None)


@contextmanager
def hub_api(access: NetworkAccess, bounds: Bounds) -> Iterator[HfApi]:
    """The library's API for one call, in the thread that makes it. Blocks where the network does; see `Calls`.

    The library is given no token: the guard adds it, for the hub alone, so that nothing here can log or send it.
    """
    from huggingface_hub import HfApi

    _tame()
    held = _SPEAKER.set((access.guard, bounds))
    try:
        yield HfApi(endpoint=access.hub, token=False, library_name="offgrid", library_version=__version__)
    finally:
        _SPEAKER.reset(held)


@cache
def _tame() -> None:
    """Take the library's client, its telemetry and its log from it, once."""
    from huggingface_hub import constants, set_async_client_factory, set_client_factory

    constants.HF_HUB_DISABLE_TELEMETRY = True  # an extra request, and what is installed here in the user agent
    constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
    constants.HF_HUB_OFFLINE = False  # ours to honour: NetworkAccess.require_hub
    log = logging.getLogger("huggingface_hub")  # it writes to stderr, across the screen, what a server says
    log.handlers.clear()
    log.propagate = False
    log.addHandler(logging.NullHandler())
    for name in ("httpx2", "httpcore2"):  # at INFO they write whole addresses, signatures included
        logging.getLogger(name).setLevel(logging.WARNING)
    set_client_factory(_client)
    set_async_client_factory(_no_client)


def _client() -> httpx2.Client:
    import httpx2

    class Router(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            speaker = _SPEAKER.get()
            if speaker is None:
                raise _nobody()
            guard, bounds = speaker
            return guard.send(request, bounds)

    return httpx2.Client(transport=Router(), follow_redirects=True, timeout=None, trust_env=False)


def _no_client() -> httpx2.AsyncClient:
    raise _nobody()


def _nobody() -> RefusedError:
    return RefusedError("huggingface_hub may speak only through OffGrid's network access")
