"""Searching: what is asked, what comes back, and what is said where nobody can be asked."""

from __future__ import annotations

import asyncio

import pytest

from offgrid_tui.catalog.hub.model import Search, Sort
from offgrid_tui.catalog.model import Kind, Proof, Source, Tier
from offgrid_tui.foundation.errors import RefusedError, UsageError
from offgrid_tui.network.errors import BadAnswer, ServerFailed, TooManyRequests, TooSlow, Unreachable
from tests.catalog_hub.conftest import Make, WallClock
from tests.support.hub import Fault, LoopbackHub

GGUF = {"total": 4_000_000_000, "architecture": "qwen3", "context_length": 40960}


def _fill(hub: LoopbackHub) -> None:
    hub.add(
        "acme/Small-4B-GGUF",
        {"small-Q4_K_M.gguf": b"x", "small-Q8_0.gguf": b"x", "README.md": b"read"},
        downloads=50,
        likes=1,
        trending=3,
        updated="2026-05-03T10:00:00.000Z",
        gguf=GGUF,
        tags=("gguf", "text-generation", "license:apache-2.0", "base_model:quantized:acme/Small-4B"),
    )
    hub.add(
        "other/Small-Coder-GGUF",
        {"c-Q4_K_M.gguf": b"x"},
        downloads=70,
        likes=9,
        trending=1,
        updated="2026-05-02T10:00:00.000Z",
        gated="manual",
    )
    hub.add("other/Large-GGUF", {"l-Q6_K.gguf": b"x"}, downloads=10, likes=5, trending=2, gguf={"total": 70 * 10**9})
    hub.add("other/small-torch", {"model.safetensors": b"x"}, downloads=999, tags=("pytorch",))


async def test_a_row_tells_what_the_hub_told(hub: LoopbackHub, service: Make, clock: WallClock) -> None:
    _fill(hub)
    found = await service().search(Search("4b small"))
    (model,) = found.models
    assert model.variants[0].notes == ()
    assert (found.cached, found.more, found.problem, found.seen) == (False, False, None, clock.now)
    assert (model.id, model.name, model.source) == ("acme--small-4b-gguf", "Small-4B", Source.HUB)
    assert (model.parameters, model.context, model.family) == (4_000_000_000, 40960, "qwen3")
    assert (model.licence, model.base, model.maker) == ("apache-2.0", "acme/Small-4B", "acme")
    assert (model.downloads, model.likes, model.seen) == (50, 1, clock.now)
    assert model.kinds == (Kind.CHAT,)
    assert [v.quantisation for v in model.variants] == ["Q4_K_M", "Q8_0"]
    assert {v.proof for v in model.variants} == {Proof.UNVERIFIED}  # a listing tells neither size nor hash
    assert (model.variants[0].tier, model.variants[0].publisher) == (Tier.OFFICIAL, "Acme")


async def test_only_gguf_and_in_the_order_that_was_asked_for(hub: LoopbackHub, service: Make) -> None:
    _fill(hub)
    orders = {
        Sort.DOWNLOADS: ["Small-Coder", "Small-4B", "Large"],
        Sort.LIKES: ["Small-Coder", "Large", "Small-4B"],
        Sort.TRENDING: ["Small-4B", "Large", "Small-Coder"],
        Sort.NEWEST: ["Small-4B", "Small-Coder", "Large"],
    }
    for sort, names in orders.items():
        found = await service().search(Search(sort=sort))
        assert [model.name for model in found.models] == names
        offline = await service().search(Search(sort=sort), offline=True)
        assert [model.name for model in offline.models] == names
    assert all("filter=gguf" in request.path for request in hub.asked("/api/models"))


async def test_what_to_do_about_a_gated_one(hub: LoopbackHub, service: Make) -> None:
    _fill(hub)
    for offline in (False, True):
        (model,) = (await service().search(Search("coder"), offline=offline)).models
        assert model.variants[0].gated
        assert "https://huggingface.co/other/Small-Coder-GGUF" in model.variants[0].notes[0]


async def test_filters(hub: LoopbackHub, service: Make) -> None:
    _fill(hub)
    hub.add("other/Unknown-GGUF", {"u-Q4_K_M.gguf": b"x"}, downloads=5)  # neither size nor parameters

    async def names(search: Search) -> list[tuple[str, list[str]]]:
        online, offline = await service().search(search), await service().search(search, offline=True)
        assert [m.id for m in online.models] == [m.id for m in offline.models]
        return [(m.name, [v.quantisation for v in m.variants]) for m in online.models]

    await service().search(Search())
    assert [name for name, _ in await names(Search(author="ACME"))] == ["Small-4B"]
    assert await names(Search("small", quantisation="q8_0")) == [("Small-4B", ["Q8_0"])]
    assert await names(Search(max_size=3_000_000_000)) == [("Small-4B", ["Q4_K_M"])]
    assert (await service().search(Search(max_size=2_999_999_999))).unsized == 2


async def test_pages(hub: LoopbackHub, service: Make) -> None:
    for number in range(25):
        hub.add(f"org/m{number:02}-GGUF", {"m-Q4_0.gguf": b"x"}, downloads=100 - number)
    hub.page = 7  # the hub pages too, and its Link header is followed
    seen = []
    for page in (1, 2, 3):
        found = await service().search(Search(page=page, limit=10))
        assert found.more is (page < 3)
        seen += [model.name for model in found.models]
        offline = await service().search(Search(page=page, limit=10), offline=True)
        assert offline.models == found.models
    assert seen == [f"m{number:02}" for number in range(25)]
    for bad in (Search(page=0), Search(limit=0), Search(limit=101), Search(page=11, limit=100)):
        with pytest.raises(UsageError):
            await service().search(bad)


async def test_an_answer_is_given_again_until_it_is_old(hub: LoopbackHub, service: Make, clock: WallClock) -> None:
    _fill(hub)
    first = await service().search(Search("small"))
    clock.now += 100
    again = await service().search(Search("SMALL "))  # in another process it would be the same
    assert again.cached and again.problem is None
    assert (again.seen, again.models) == (first.seen, first.models)
    assert len(hub.requests) == 1
    clock.now += 600
    assert not (await service().search(Search("small"))).cached
    assert len(hub.requests) == 2


async def test_equal_questions_are_asked_once(hub: LoopbackHub, service: Make) -> None:
    _fill(hub)
    one = service()
    answers = await asyncio.gather(*(one.search(Search("small")) for _ in range(20)))
    assert len(hub.requests) == 1
    assert all(answer.models == answers[0].models for answer in answers)


async def test_who_gives_up_does_not_end_it_for_the_others(hub: LoopbackHub, service: Make) -> None:
    _fill(hub)
    one = service()
    impatient = asyncio.create_task(one.search(Search("small")))
    patient = asyncio.create_task(one.search(Search("small")))
    await asyncio.sleep(0)
    impatient.cancel()
    assert len((await patient).models) == 2


async def test_off_grid_answers_from_what_was_seen(hub: LoopbackHub, service: Make, clock: WallClock) -> None:
    _fill(hub)
    await service().search(Search("small"))
    then, clock.now = clock.now, clock.now + 3600
    # The hub has to be elsewhere: this machine itself may be spoken to off the grid.
    away = service(offgrid=True, hub="https://hub.invalid")
    found = await away.search(Search("small"))
    assert [model.name for model in found.models] == ["Small-Coder", "Small-4B"]
    assert found.cached and found.seen == then
    assert isinstance(found.problem, RefusedError)
    nothing = await away.search(Search("large"))
    assert nothing.models == () and nothing.seen is None  # it was never seen, so there is no such row
    offline = service(env={"HF_HUB_OFFLINE": "1"})
    assert isinstance((await offline.search(Search("coder"))).problem, RefusedError)
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.BUSY, ServerFailed),
        (Fault.RATE_LIMIT, TooManyRequests),
        (Fault.GARBAGE, BadAnswer),
        (Fault.WRONG_SHAPE, BadAnswer),
        (Fault.ENDLESS, BadAnswer),
        (Fault.BLACK_HOLE, TooSlow),
        (Fault.TRICKLE, TooSlow),
        (Fault.SLOW_HEADERS, TooSlow),
    ],
)
async def test_a_hub_that_misbehaves(hub: LoopbackHub, service: Make, fault: Fault, error: type[Exception]) -> None:
    _fill(hub)
    await service().search(Search("small"))
    hub.misbehave(fault)
    one = service(timeout=0.3, deadline=0.6)
    found = await one.search(Search("small"), fresh=0)
    assert isinstance(found.problem, error)
    assert [model.name for model in found.models] == ["Small-Coder", "Small-4B"] and found.cached
    if isinstance(found.problem, TooManyRequests):
        assert found.problem.wait == 55
        assert "55 s" in found.problem.detail
    assert len(hub.requests) == 2  # the library's own retries are not made


async def test_a_server_that_sends_now_and_then_keeps_no_thread(hub: LoopbackHub, service: Make) -> None:
    hub.misbehave(Fault.SLOW_HEADERS, times=1)
    _fill(hub)
    one = service(timeout=0.3, deadline=0.3)
    assert isinstance((await one.search(Search("small"))).problem, TooSlow)
    while one._access.calls.running:
        await asyncio.sleep(0.01)
    assert (await one.search(Search("small"))).problem is None


async def test_a_hub_that_wants_rest_gets_it(hub: LoopbackHub, service: Make) -> None:
    _fill(hub)
    hub.misbehave(Fault.RATE_LIMIT, times=1, wait=200)
    one = service()
    for text in ("small", "coder", "large"):
        problem = (await one.search(Search(text))).problem
        assert isinstance(problem, TooManyRequests) and problem.wait is not None and 190 < problem.wait <= 200
    assert len(hub.requests) == 1
    assert (await service().search(Search("small"))).problem is None


async def test_everything_for_the_one_list(hub: LoopbackHub, service: Make) -> None:
    _fill(hub)
    one = service()
    found = await one.search(Search())
    assert await one.everything() == found.models


async def test_nobody_there(hub: LoopbackHub, service: Make) -> None:
    with LoopbackHub() as gone:
        url = gone.url
    found = await service(hub=url).search(Search("small"))
    assert isinstance(found.problem, Unreachable) and found.models == ()


async def test_hostile_rows_are_cleaned_or_left_out(hub: LoopbackHub, service: Make) -> None:
    evil = "\x1b]52;c;aGk=\x07"
    hub.add(
        "bad/Evil-GGUF",
        {
            f"m{evil}-Q4_0.gguf": b"x",
            "../../etc/passwd-Q4_0.gguf": b"x",
            "/abs-Q4_0.gguf": b"x",
            "a\\b-Q4_0.gguf": b"x",
            "C:/b-Q4_0.gguf": b"x",
            "fine-Q4_0.gguf": b"x",
        },
        tags=("gguf", f"license:mit{evil}\n", "base_model:../../x"),
        gguf={"architecture": evil + "q" * 500, "total": -5, "context_length": True},
    )
    hub.add("bad/../x-GGUF", {"m-Q4_0.gguf": b"x"})
    hub.add("bad/no-name-GGUF", {"m-Q4_0.gguf": b"x"}, extra={"id": f"bad/{evil}"})
    hub.add("bad/no-files-GGUF", {"../m-Q4_0.gguf": b"x"})
    found = await service().search(Search())
    (model,) = found.models
    assert [file.path for v in model.variants for file in v.files] == ["fine-Q4_0.gguf"]
    assert "\x1b" not in repr(model) and "\x07" not in repr(model)
    assert (model.base, model.parameters, model.context, len(model.family)) == ("", None, None, 40)
