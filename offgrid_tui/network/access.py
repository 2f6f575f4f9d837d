"""The one way to a client that speaks HTTP, for everybody: built from the settings, guarded by the policy."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offgrid_tui import __version__
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.network.calls import Calls
from offgrid_tui.network.errors import BadSetting
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.network.proxy import proxy_for
from offgrid_tui.network.token import Token, find_token
from offgrid_tui.settings.schema import NetworkSettings

if TYPE_CHECKING:
    import ssl

    import httpx2

    from offgrid_tui.network.guard import Bounds, Guard, Way

HUB = "https://huggingface.co"
LARGEST = 64 * 2**20  # bytes of one answer that is read into memory
_CONNECTIONS = 16  # open at once, in all
_TRUE = ("1", "on", "yes", "true")


class NetworkAccess:
    """Clients, the hub's address and the token, as the settings and the environment say. One for each policy.

    Nothing is read or opened before somebody wants to speak. Its methods may be called in any thread.
    """

    def __init__(
        self,
        policy: NetworkPolicy,
        settings: NetworkSettings,
        *,
        env: Mapping[str, str] = os.environ,
        clock: Clock | None = None,
    ) -> None:
        self.policy = policy
        self.calls = Calls()
        self._settings = settings
        self._env = env
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._ways: dict[str | None, Way] = {}
        self._tls: ssl.SSLContext | None = None
        self._guard: Guard | None = None

    # ── the hub ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def hub(self) -> str:
        """The hub's address, without a slash at its end: our own setting, HF_ENDPOINT, or Hugging Face itself.

        Raises:
            BadSetting: what is set is no address.
        """
        for text, name in ((self._settings.hub, "network.hub"), (self._env.get("HF_ENDPOINT"), "HF_ENDPOINT")):
            if text and text.strip():
                return _address(text.strip(), name)
        return HUB

    @property
    def hub_host(self) -> str:
        return urlsplit(self.hub).hostname or ""

    def token(self) -> Token | None:
        """Who asks the hub, where somebody is known. Read anew each time: `hf auth login` may have just run.

        Raises:
            BadSetting: what stands there can't be a token.
        """
        return find_token(self._settings, self._env)

    @property
    def hub_allowed(self) -> bool:
        """Whether the hub may be spoken to now; for showing and for choosing, as nothing is noted."""
        return self.policy.allows(self.hub_host) and not self._hub_offline

    def require_hub(self, purpose: str) -> None:
        """Go on only if the hub may be spoken to now.

        Raises:
            RefusedError: off-grid mode, or HF_HUB_OFFLINE.
        """
        self.policy.require(purpose, self.hub_host)
        if self._hub_offline:
            raise RefusedError(
                "HF_HUB_OFFLINE is set: the hub was not asked",
                detail=f"To {clean_line(purpose)}, OffGrid would have to speak to {self.hub_host}.",
                mend="Unset HF_HUB_OFFLINE, if this machine may use the network.",
            )

    # ── speaking ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def deadline(self) -> float:
        """Seconds that a question has where nobody says otherwise."""
        return self._settings.deadline

    def bounds(self, purpose: str, *, seconds: float | None = None, largest: int | None = LARGEST) -> Bounds:
        """What a call that begins now may take: `seconds` in all, `largest` bytes an answer (None: no bound)."""
        from offgrid_tui.network.guard import Bounds  # loads httpx2, 100 ms

        seconds = self.deadline if seconds is None else seconds
        return Bounds(purpose, self._clock.monotonic() + seconds, seconds, self._settings.timeout, largest)

    def client(self, bounds: Bounds) -> httpx2.Client:
        """A client for one call; close it afterwards. It follows redirects.

        Its methods raise what `Guard.send` raises. They block, for longer than the bounds say where a name look-up
        hangs: run them through `calls`.
        """
        import httpx2

        from offgrid_tui.network.guard import GuardedTransport

        return httpx2.Client(
            transport=GuardedTransport(self.guard, bounds),
            follow_redirects=True,
            trust_env=False,  # neither proxies nor ~/.netrc behind our back
            headers={"user-agent": f"offgrid/{__version__}"},
        )

    @property
    def guard(self) -> Guard:
        """What carries requests out, for a library that brings a client of its own."""
        from offgrid_tui.network.guard import Guard

        with self._lock:
            if self._guard is None:
                self._guard = Guard(self.policy, self._way, self._token_for, self._clock)
            return self._guard

    def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        with self._lock:
            ways, self._ways = list(self._ways.values()), {}
        for way in ways:
            way.transport.close()

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _hub_offline(self) -> bool:
        return self._env.get("HF_HUB_OFFLINE", "").strip().lower() in _TRUE

    def _token_for(self, origin: str) -> Token | None:
        import httpx2

        from offgrid_tui.network.guard import origin_of

        return self.token() if origin == origin_of(httpx2.URL(self.hub)) else None

    def _way(self, scheme: str, host: str) -> Way:
        import httpx2

        from offgrid_tui.network.guard import Way

        proxy = proxy_for(scheme, host, self._settings, self._env)
        with self._lock:
            if (way := self._ways.get(proxy)) is None:
                transport = httpx2.HTTPTransport(
                    verify=self._context(),
                    trust_env=False,
                    limits=httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
                    proxy=proxy,
                )
                way = self._ways[proxy] = Way(transport, urlsplit(proxy).hostname if proxy else None)
            return way

    def _context(self) -> ssl.SSLContext:
        """The system's certificates, and those of network.ca_file besides."""
        if self._tls is None:
            import ssl

            context = ssl.create_default_context()
            for path, name in (
                (self._settings.ca_file, "network.ca_file"),
                (self._env.get("REQUESTS_CA_BUNDLE"), "REQUESTS_CA_BUNDLE"),
            ):
                if path:
                    _trust(context, path, name)
            self._tls = context
        return self._tls


def _trust(context: ssl.SSLContext, path: str, name: str) -> None:
    import ssl

    try:
        context.load_verify_locations(os.path.expanduser(path))  # noqa: PTH111 -- a Path would fail on a 0 byte
    except ssl.SSLError:
        raise BadSetting(name, f"{clean_line(path)} holds no certificates in PEM form") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        raise BadSetting(name, f"{clean_line(path)} can't be read: {why}") from None


def _address(text: str, name: str) -> str:
    address = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(address)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine or parts.username is not None or parts.query or parts.fragment or clean_line(text, 500) != text:
        raise BadSetting(name, "It has to be an address such as https://huggingface.co, without a name or password")
    return address.rstrip("/")
