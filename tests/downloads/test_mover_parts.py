"""The pieces of the mover, one by one: parts and their journals, the line's speed, what is said over the pipe."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.downloads.contract import Kind, Order, OrderedFile, Patience, Said, decode_order, decode_said, encode
from offgrid_tui.downloads.errors import Stalled
from offgrid_tui.downloads.journal import read_journal
from offgrid_tui.downloads.mover.control import Control, Stop
from offgrid_tui.downloads.mover.pace import Pace, Watchdog
from offgrid_tui.downloads.mover.part import Part
from offgrid_tui.downloads.pace import delay
from offgrid_tui.downloads.rate import Meter
from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.settings.schema import NetworkSettings

DATA = bytes(range(256)) * 4000  # a megabyte


def _part(folder: Path, source: str = "s", promised: str = "", interval: int = 2**20) -> Part:
    part = Part(folder, 0, "m.gguf", source, interval, 1e9, promised)
    part.open(lambda: None)
    return part


def _begun(folder: Path, saved: int, written: int, **facts: str) -> None:
    """A part of which `saved` bytes are sure, left by a mover that died after `written`."""
    part = _part(folder)
    part.learn(**facts)
    part.write(DATA[:saved])
    part.save()
    part.write(DATA[saved:written])
    part.close()


@pytest.mark.parametrize(("saved", "written"), [(300_000, 500_000), (300_000, 300_000), (0, 5000)])
def test_it_goes_on_from_what_is_sure(tmp_path: Path, saved: int, written: int) -> None:
    _begun(tmp_path, saved, written)
    part = _part(tmp_path)
    assert (part.offset, part.verified, part.path.stat().st_size) == (saved, saved, saved)
    part.write(DATA[saved:])
    part.finish()
    assert part.path.read_bytes() == DATA
    journal = read_journal(tmp_path / "0000.journal")
    assert journal is not None and journal.sha256 == hashlib.sha256(DATA).hexdigest()
    again = _part(tmp_path)
    assert again.whole and again.offset == len(DATA)


def test_a_file_that_lost_its_end_counts_for_what_it_has(tmp_path: Path) -> None:
    _begun(tmp_path, 300_000, 300_000)
    with (tmp_path / "0000.part").open("r+b") as file:
        file.truncate(100_000)
    part = _part(tmp_path)
    assert part.offset == 100_000
    assert part.digest() == hashlib.sha256(DATA[:100_000]).hexdigest()


def test_a_whole_file_that_was_cut_is_not_whole(tmp_path: Path) -> None:
    part = _part(tmp_path)
    part.write(DATA)
    part.finish()
    with (tmp_path / "0000.part").open("r+b") as file:
        file.truncate(100_000)
    assert not _part(tmp_path).whole


def test_a_part_of_something_else_is_thrown_away(tmp_path: Path) -> None:
    _begun(tmp_path, 300_000, 300_000, promised="ab")
    assert _part(tmp_path, "other", promised="cd").offset == 0


def test_a_part_of_the_same_promise_is_kept(tmp_path: Path) -> None:
    """Begun by its name alone; the hub named the hash, and the next try knows it."""
    _begun(tmp_path, 300_000, 300_000, promised="ab")
    assert _part(tmp_path, "sha256:ab", promised="ab").offset == 300_000


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"form": 2}', b'{"form": 1, "source": "s", "offset": -5}'])
def test_a_broken_journal_costs_the_part_and_nothing_else(tmp_path: Path, text: bytes) -> None:
    _begun(tmp_path, 300_000, 300_000)
    (tmp_path / "0000.journal").write_bytes(text)
    assert _part(tmp_path).offset == 0


def test_a_slow_part_is_saved_by_time(tmp_path: Path) -> None:
    part = Part(tmp_path, 0, "m", "s", 2**40, 0.0)
    part.open(lambda: None)
    assert not part.due
    part.write(b"x")
    assert part.due
    part.save()
    assert not part.due


def test_what_is_put_aside_is_begun_anew(tmp_path: Path) -> None:
    _begun(tmp_path, 300_000, 300_000)
    aside = _part(tmp_path).put_aside()
    assert aside.stat().st_size == 300_000 and _part(tmp_path).offset == 0


# ── the line ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Moments:
    """A clock that a test moves; sleeping moves it too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def _control(folder: Path, limit: int | None = None) -> Control:
    return Control(limit=limit, stay=True, stop_file=folder / "stop", last=lambda: None)


def test_a_limit_holds_on_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments(monkeypatch)
    pace, began = Pace(_control(tmp_path, 1_000_000)), moments.now
    for _ in range(160):
        pace.take(65_536)
    rate = 160 * 65_536 / (moments.now - began)
    assert 900_000 < rate < 1_050_000


def test_a_wish_to_stop_is_heard_while_it_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Moments(monkeypatch)
    pace = Pace(_control(tmp_path, 10))
    (tmp_path / "stop").touch()
    with pytest.raises(Stop):
        pace.take(10_000)


def test_a_slow_line_stalls_but_a_slow_limit_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments(monkeypatch)
    patience = Patience(stall=30.0, least=16_384)
    watchdog = Watchdog("host", patience, lambda: None)
    moments.now += 31
    with pytest.raises(Stalled):
        watchdog.saw(1000, 0.0)
    limited = Watchdog("host", patience, lambda: 100)
    moments.now += 31
    limited.saw(2000, 0.0)
    slept = Watchdog("host", patience, lambda: None)
    moments.now += 31
    slept.saw(1000, 30.9)  # it was we who slept


def test_tries_become_rarer_and_differ() -> None:
    patience = Patience(base=1.0, longest=60.0)
    found = [delay(failures, patience) for failures in range(1, 40)]
    assert 0.5 <= found[0] <= 1.0 and all(30 <= wait <= 60 for wait in found[8:])
    assert len({delay(3, patience) for _ in range(20)}) > 1


def test_what_is_shown_never_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments(monkeypatch)
    meter = Meter(moments, 500)
    for done, arriving, shown in ((100, False, 500), (400, True, 500), (900, True, 900), (0, True, 900)):
        moments.now += 1
        meter.saw(done, arriving=arriving)
        assert meter.shown == shown
    meter = Meter(moments, 0)
    for second in range(30):
        moments.now += 1
        meter.saw(second * 1000, arriving=True)
    assert meter.rate == pytest.approx(1000) and meter.eta(29_000, 39_000) == pytest.approx(10)


# ── the pipe ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_and_what_is_said_come_back_as_they_were() -> None:
    file = OrderedFile(1, "m.gguf", "https://h/m", 5, "ab", "o/r", hub=True)
    order = Order("/f", (file,), "get it", NetworkSettings(hub_token="hf_secret"), limit=7)
    assert decode_order(encode(order)) == order
    assert "hf_secret" not in repr(order)
    said = Said(Kind.WAITING, 2, done=3, waiting="network", seconds=1.5, title="no \u2028 network")
    assert decode_said(encode(said)) == said and encode(said).count(b"\n") == 1


@pytest.mark.parametrize("line", [b"", b"x", b"[]", b"{}", b'{"kind": "party"}', json.dumps({"kind": 3}).encode()])
def test_nonsense_on_the_pipe_is_an_error_of_ours(line: bytes) -> None:
    with pytest.raises(DamagedError):
        decode_said(line)
    with pytest.raises(DamagedError):
        decode_order(line)


def test_a_said_line_fits_a_pipe_whole() -> None:
    longest = replace(Said(Kind.FAILED), title="ä" * 200, detail="ä" * 1000, mend="ä" * 200)
    assert len(encode(longest)) < 4096
