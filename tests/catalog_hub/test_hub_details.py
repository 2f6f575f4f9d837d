"""One repository: its files, whether they changed, and a header that is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from offgrid_tui.catalog.hub.errors import (
    BadName,
    FileMissing,
    Gated,
    RepositoryMissing,
    RevisionMissing,
    TokenRejected,
)
from offgrid_tui.catalog.hub.model import Search
from offgrid_tui.catalog.model import Proof
from offgrid_tui.foundation.errors import NotFoundError, RefusedError
from offgrid_tui.gguf.errors import GgufError
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.gguf.remote import RemoteError
from offgrid_tui.network.errors import BadAnswer, TooSlow
from tests.catalog_hub.conftest import Make, WallClock
from tests.support.hub import Bytes, Fault, LoopbackHub, Sparse

NAME = "acme/m-GGUF"
TOKEN = "hf_letmein"


async def test_files_with_sizes_and_hashes(hub: LoopbackHub, service: Make, clock: WallClock) -> None:
    data = b"GGUF" * 10
    repository = hub.add(NAME, {"m-Q4_0.gguf": data, "mmproj-F16.gguf": b"eyes", "../m-Q8_0.gguf": b"x"})
    found = await service().details(NAME)
    (variant,) = found.model.variants
    assert (found.commit, variant.revision, found.cached) == (repository.head, repository.head, False)
    assert (variant.proof, variant.size) == (Proof.PROVEN, 44)
    assert variant.files[0].sha256 == Bytes(data).sha256
    assert found.refused == ("../m-Q8_0.gguf: has to stay inside its repository",)
    assert found.model.capabilities == ("vision",)


async def test_what_was_seen_stands_in(hub: LoopbackHub, service: Make, clock: WallClock) -> None:
    hub.add(NAME, {"m-Q4_0.gguf": b"x"})
    first = await service().details(NAME)
    clock.now += 100
    again = await service().details(NAME.upper())
    assert again.cached and again.model == first.model and len(hub.requests) == 1
    clock.now += 3600
    hub.misbehave(Fault.BUSY)
    later = await service().details(NAME)
    assert later.model == first.model and later.problem is not None and later.seen == first.seen
    hub.behave()
    await service().search(Search("m-gguf"))  # a listing without sizes does not take them away
    assert (await service().details(NAME, offline=True)).model.variants[0].size == 1
    hub.replace(NAME, "m-Q4_0.gguf", b"other")
    await service().search(Search("m-gguf"), fresh=0)  # but a new commit does
    with pytest.raises(NotFoundError):
        await service().details(NAME, offline=True)


async def test_a_pinned_commit(hub: LoopbackHub, service: Make) -> None:
    old = hub.add(NAME, {"m-Q4_0.gguf": b"old"}).head
    new = hub.replace(NAME, "m-Q4_0.gguf", b"newer")
    assert (await service().details(NAME, revision=old)).model.variants[0].size == 3
    assert (await service().details(NAME)).commit == new
    with pytest.raises(RevisionMissing):
        await service().details(NAME, revision="f" * 40)


async def test_what_is_not_there(hub: LoopbackHub, service: Make) -> None:
    hub.add("acme/torch", {"model.safetensors": b"x"})
    hub.add("acme/private-GGUF", {"m-Q4_0.gguf": b"x"}, private=True, readers=frozenset({TOKEN}))
    hub.tokens.add(TOKEN)
    with pytest.raises(FileMissing):
        await service().details("acme/torch")
    for name in ("acme/none-GGUF", "acme/private-GGUF"):
        with pytest.raises(RepositoryMissing, match="There is no repository"):
            await service().details(name)
    with pytest.raises(RepositoryMissing):
        await service(hub_token=TOKEN).details("acme/none-GGUF")
    assert (await service(hub_token=TOKEN).details("acme/private-GGUF")).model.variants
    problem = (await service(hub_token="hf_wrong").search(Search())).problem
    assert isinstance(problem, TokenRejected)
    for bad in ("acme", "../../etc", "acme/m\x1b", "a/b/c"):
        with pytest.raises(BadName):
            await service().details(bad)
    with pytest.raises(BadName):
        await service().details(NAME, revision="../x")


async def test_a_repository_that_went_away_is_forgotten(hub: LoopbackHub, service: Make) -> None:
    hub.add(NAME, {"m-Q4_0.gguf": b"x"})
    await service().details(NAME)
    del hub.repositories[NAME]
    with pytest.raises(RepositoryMissing):
        await service().details(NAME, fresh=-1)
    assert (await service().search(Search(), offline=True)).models == ()


# ── updates ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_repository_holds_now(hub: LoopbackHub, service: Make) -> None:
    hub.add(NAME, {"m-Q4_0.gguf": b"one", "README.md": b"a"})
    commit = hub.replace(NAME, "m-Q4_0.gguf", b"two")
    now = await service().newest(NAME)
    assert (now.commit, now.updated) == (commit, 1777629600.0)
    assert now.files == {"m-Q4_0.gguf": Bytes(b"two").sha256, "README.md": None}
    await service().newest(NAME)
    assert len(hub.requests) == 2  # an update check is never answered from before
    with pytest.raises(RepositoryMissing):
        await service().newest("acme/gone-GGUF")


async def test_an_update_check_asks_or_refuses(hub: LoopbackHub, service: Make) -> None:
    with pytest.raises(RefusedError):
        await service(offgrid=True, hub="https://hub.invalid").newest(NAME)
    hub.add(NAME, {"m-Q4_0.gguf": b"x"})
    for fault, error in ((Fault.GARBAGE, BadAnswer), (Fault.WRONG_SHAPE, BadAnswer), (Fault.BLACK_HOLE, TooSlow)):
        hub.behave()
        hub.misbehave(fault)
        with pytest.raises(error):
            await service(timeout=0.3, deadline=0.5).newest(NAME)


# ── headers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_header_at_the_far_end(hub: LoopbackHub, service: Make, random_model: Path) -> None:
    hub.add(NAME, {"m-Q4_0.gguf": random_model.read_bytes()})
    variant = (await service().details(NAME)).model.variants[0]
    assert await service().header(variant) == read_header(random_model)
    assert f"/resolve/{variant.revision}/" in hub.asked("/resolve/")[0].path
    hub.replace(NAME, "m-Q4_0.gguf", b"something else")  # the commit is pinned
    assert await service().header(variant) == read_header(random_model)


async def test_no_header(hub: LoopbackHub, service: Make) -> None:
    hub.tokens.add(TOKEN)
    hub.add(NAME, {"m-Q4_0.gguf": Sparse(b"GGUF", 40 * 10**9), "n-Q8_0.gguf": b"<html>"}, gated="manual")
    small, large = sorted((await service().details(NAME)).model.variants, key=lambda v: v.size or 0)
    for token in (None, TOKEN):
        with pytest.raises(Gated, match="gated") as caught:
            await service(hub_token=token).header(small)
        assert f"{hub.url}/{NAME}" in caught.value.mend
        assert ("hf auth login" in caught.value.mend) is (token is None)
    hub.repositories[NAME].gated = False
    with pytest.raises(GgufError, match="not a GGUF file"):
        await service().header(small)
    with pytest.raises(GgufError):
        await service().header(large)
    hub.repositories[NAME].commits.clear()
    hub.add(NAME, {"x-Q2_K.gguf": b"x"})
    with pytest.raises((NotFoundError, RemoteError)):
        await service().header(small)
    with pytest.raises(BadName):
        service().file_address(NAME, "../x.gguf")
