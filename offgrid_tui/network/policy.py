"""Off-grid mode, enforced at one place: whatever would send a byte outward asks here first."""

from __future__ import annotations

import ipaddress
from collections import deque
from dataclasses import dataclass

from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.settings.schema import NetworkSettings

_LEDGER = 1000  # entries kept; the oldest go first


@dataclass(frozen=True, slots=True)
class Contact:
    """One question to the policy: who wanted to speak to whom, for what, and the answer. `when` in Unix seconds."""

    purpose: str
    host: str
    when: float
    allowed: bool


class NetworkPolicy:
    """Says who may speak outward, and remembers what it said."""

    def __init__(self, settings: NetworkSettings, *, clock: Clock | None = None) -> None:
        self._offgrid = settings.offgrid
        self._clock = clock or SystemClock()
        self._ledger: deque[Contact] = deque(maxlen=_LEDGER)

    @property
    def offgrid(self) -> bool:
        """Whether nothing may leave this machine."""
        return self._offgrid

    @property
    def ledger(self) -> tuple[Contact, ...]:
        """What was asked since the start, oldest first; at most the last thousand."""
        return tuple(self._ledger)

    def allows(self, host: str) -> bool:
        """Whether `host` may be spoken to now; asked for showing only, so nothing is written to the ledger."""
        return not self._offgrid or stays_here(host)

    def require(self, purpose: str, host: str) -> None:
        """Go on only if `host` may be spoken to.

        Args:
            purpose: what for, as a user would say it: "build the engine".
            host: a host name or an address, without scheme and port.

        Raises:
            RefusedError: off-grid mode is on and `host` is not this machine itself.
        """
        allowed = self.allows(host)
        purpose, host = clean_line(purpose), clean_line(host)
        self._ledger.append(Contact(purpose, host, self._clock.wall(), allowed))
        if not allowed:
            raise RefusedError(
                "off-grid mode is on: nothing was sent",
                detail=f"To {purpose}, OffGrid would have to speak to {host}.",
                mend="If this machine may use the network, set offgrid = false under [network] in config.toml.",
            )


def stays_here(host: str) -> bool:
    """Whether `host` is this machine's loopback, by its literal name: a name that has to be resolved does not count,
    since resolving it would ask the network."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
