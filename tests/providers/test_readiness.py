"""Asking before there is an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from offgrid_tui.engine.builder.find import EngineInfo
from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.events import EngineBuildFailed, EngineBuildProgressed, EngineBuilt
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.providers.readiness import BuildEvent, EngineReadiness, find_or_build
from offgrid_tui.settings.schema import EngineSettings, NetworkSettings, Settings
from offgrid_tui.system.paths import Paths

Publish = Callable[[BuildEvent], None]


class Building:
    """A build that goes on when told to, and ends as told."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends: Iterator[Exception | None] = iter(ends)
        self.runs = 0
        self.publish: Publish | None = None
        self.go_on = asyncio.Event()

    async def __call__(self, publish: Publish) -> None:
        self.runs += 1
        self.publish = publish
        await self.go_on.wait()
        self.go_on.clear()
        if (error := next(self.ends)) is not None:
            if isinstance(error, EngineError):
                publish(EngineBuildFailed(error))
            raise error
        publish(EngineBuilt(EngineInfo("/usr/bin/python3", "built")))


async def wait(readiness: EngineReadiness) -> list[tuple[float, float]]:
    return [step async for step in readiness.wait()]


@pytest.fixture
async def told() -> list[object]:
    return []


@pytest.fixture
async def bus(told: list[object]) -> Bus:
    bus = Bus()
    bus.subscribe(object, told.append)
    return bus


async def test_an_engine_that_is_there_costs_those_who_ask_nothing(bus: Bus, told: list[object]) -> None:
    async def nothing_to_do(_: Publish) -> None:
        pass

    readiness = EngineReadiness(bus, nothing_to_do)
    assert await wait(readiness) == [] == await wait(readiness)
    assert told == []
    await readiness.close()


async def test_all_who_ask_see_how_far_it_is(bus: Bus, told: list[object]) -> None:
    building = Building(None)
    readiness = EngineReadiness(bus, building)
    readiness.start()
    early = asyncio.create_task(wait(readiness))
    while building.publish is None:
        await asyncio.sleep(0)
    for done in (43, 97):
        building.publish(EngineBuildProgressed("compiling", done, 193, done / 10))
        for _ in range(3):
            await asyncio.sleep(0)
    late = asyncio.create_task(wait(readiness))
    await asyncio.sleep(0)
    building.go_on.set()
    assert await early == [(43 / 193, 4.3), (97 / 193, 9.7)]
    assert await late == [(97 / 193, 9.7)]
    assert [type(e) for e in told] == [EngineBuildProgressed, EngineBuildProgressed, EngineBuilt]
    assert await wait(readiness) == []
    assert building.runs == 1


async def test_after_a_failure_the_next_question_tries_again(bus: Bus) -> None:
    missing = EngineError(ErrorCode.ENGINE_MISSING, "No C++ compiler", mend="apt install g++")
    building = Building(missing, None)
    readiness = EngineReadiness(bus, building)
    building.go_on.set()
    with pytest.raises(EngineError) as caught:
        await wait(readiness)
    assert caught.value is missing
    building.go_on.set()
    assert await wait(readiness) == []
    assert building.runs == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(RefusedError("Off-grid mode is on"), ErrorCode.ENGINE_MISSING), (OSError("boom"), ErrorCode.INTERNAL)],
)
async def test_whatever_goes_wrong_is_told_and_typed(
    bus: Bus, told: list[object], error: Exception, code: ErrorCode
) -> None:
    building = Building(error)
    building.go_on.set()
    with pytest.raises(EngineError) as caught:
        await wait(EngineReadiness(bus, building))
    assert caught.value.code is code
    (event,) = told
    assert isinstance(event, EngineBuildFailed) and event.error is caught.value


async def test_closing_ends_those_who_wait(bus: Bus) -> None:
    building = Building()
    readiness = EngineReadiness(bus, building)
    waiting = asyncio.create_task(wait(readiness))
    while not building.runs:
        await asyncio.sleep(0)
    await readiness.close()
    with pytest.raises(EngineError):
        await waiting


async def test_an_interpreter_that_the_settings_name_needs_no_build(home: Paths, bus: Bus) -> None:
    settings = Settings(engine=EngineSettings(python="/usr/bin/python3"), network=NetworkSettings(offgrid=True))
    assert await wait(EngineReadiness(bus, find_or_build(home, settings, NetworkPolicy(settings.network)))) == []


async def test_off_grid_without_an_engine_is_told_as_such(
    home: Paths, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offgrid_tui.providers.readiness.find_engine", lambda *_: None)
    settings = Settings(network=NetworkSettings(offgrid=True))
    with pytest.raises(EngineError, match="off-grid"):
        await wait(EngineReadiness(bus, find_or_build(home, settings, NetworkPolicy(settings.network))))
