"""Off-grid mode refuses what would leave, and everything asked is remembered."""

from __future__ import annotations

import pytest

from offgrid_tui.foundation.errors import ExitCode, RefusedError
from offgrid_tui.network.policy import Contact, NetworkPolicy, stays_here
from offgrid_tui.settings.schema import NetworkSettings


class FixedClock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        self.now += 1
        return self.now


def test_on_the_grid_everything_is_allowed_and_noted() -> None:
    policy = NetworkPolicy(NetworkSettings(), clock=FixedClock())
    policy.require("search models", "hub.example")
    assert not policy.offgrid
    assert policy.ledger == (Contact("search models", "hub.example", 101.0, True),)


def test_off_the_grid_only_this_machine() -> None:
    policy = NetworkPolicy(NetworkSettings(offgrid=True), clock=FixedClock())
    with pytest.raises(RefusedError) as caught:
        policy.require("build the engine", "packages.example")
    assert caught.value.exit_code == ExitCode.REFUSED
    assert "build the engine" in caught.value.detail
    assert "packages.example" in caught.value.detail
    assert "offgrid = false" in caught.value.mend
    policy.require("ask a local server", "127.0.0.1")
    assert [(c.host, c.when, c.allowed) for c in policy.ledger] == [
        ("packages.example", 101.0, False),
        ("127.0.0.1", 102.0, True),
    ]


def test_asking_for_showing_leaves_no_trace() -> None:
    policy = NetworkPolicy(NetworkSettings(offgrid=True))
    assert not policy.allows("hub.example")
    assert policy.ledger == ()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("169.254.1.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("", False),
        ("hub.example", False),
    ],
)
def test_what_stays_on_this_machine(host: str, here: bool) -> None:
    assert stays_here(host) is here


def test_the_ledger_is_bounded_and_safe_to_show() -> None:
    policy = NetworkPolicy(NetworkSettings())
    for number in range(1500):
        policy.require("x\x1b[31m", f"host{number}\n")
    assert len(policy.ledger) == 1000
    assert policy.ledger[-1].host == "host1499"
    assert policy.ledger[0].purpose == "x[31m"
