"""Headers over HTTP ranges: as of a local file, for a few megabytes, and nothing a server does gets past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from offgrid_tui.gguf.errors import GgufError
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.gguf.reader import parse_header, read_header
from offgrid_tui.gguf.remote import FIRST, RemoteError, RemoteMissing, RemoteSource, read_remote
from tests.support.hub import Fault, LoopbackHub, Sparse

FILE = "/org/m-GGUF/resolve/main/m-Q4_0.gguf"


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(follow_redirects=True, timeout=5, trust_env=False) as made:
        yield made


def _numbers(count: int) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in range(count // 4))


def test_the_same_as_of_a_local_file(hub: LoopbackHub, client: httpx2.Client, random_model: Path) -> None:
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": random_model.read_bytes()})
    with_ranges = parse_header(RemoteSource(client, hub.url + FILE))
    assert with_ranges == read_header(random_model)


def test_few_bytes_of_a_large_file(hub: LoopbackHub, client: httpx2.Client) -> None:
    start = _numbers(20 * 2**20)
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": Sparse(start, 40 * 10**9)})
    source = RemoteSource(client, hub.url + FILE)
    assert source.size == 40 * 10**9
    for offset in range(0, 12 * 2**20, 2**20 - 7):
        assert source.read_at(offset, 2**20) == start[offset : offset + 2**20]
    assert source.read_at(5, 3) == start[5:8]  # and back
    assert source.read_at(40 * 10**9 - 2, 10) == bytes(2)
    assert source.read_at(41 * 10**9, 10) == b""
    ranges = [request.headers["range"] for request in hub.asked("", server="cdn")]
    assert ranges[:3] == ["bytes=0-1048575", "bytes=1048576-3145727", "bytes=3145728-7340031"]
    assert len(ranges) < 9  # they grow
    assert len(hub.asked("", server="hub")) == 1  # where it lies was asked once
    assert all("if-range" in request.headers for request in hub.asked("", server="cdn")[1:])


def test_no_more_than_a_header_can_need(hub: LoopbackHub, client: httpx2.Client) -> None:
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": Sparse(b"", 40 * 10**9)})
    source = RemoteSource(client, hub.url + FILE, most=3 * FIRST)
    source.read_at(FIRST, FIRST)
    with pytest.raises(RemoteError, match="longer than any"):
        source.read_at(20 * FIRST, FIRST)


def test_an_address_that_ran_out_is_looked_up_again(hub: LoopbackHub, client: httpx2.Client) -> None:
    start = _numbers(8 * FIRST)
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": Sparse(start, 10**9)})
    source = RemoteSource(client, hub.url + FILE)
    hub.expire_links()
    assert source.read_at(FIRST, FIRST) == start[FIRST : 2 * FIRST]
    assert [r.server for r in hub.requests] == ["hub", "cdn", "cdn", "hub", "cdn"]
    hub.misbehave(Fault.REFUSE, server="cdn")
    with pytest.raises(RemoteError):
        source.read_at(5 * FIRST, FIRST)


def test_a_file_that_is_replaced_meanwhile(hub: LoopbackHub, client: httpx2.Client) -> None:
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": Sparse(b"one", 10**9, "1" * 64)})
    for other in (Sparse(b"two", 10**9, "2" * 64), Sparse(b"two", 10**8, "3" * 64)):
        source = RemoteSource(client, hub.url + FILE)
        hub.replace("org/m-GGUF", "m-Q4_0.gguf", other)
        hub.expire_links()
        with pytest.raises(RemoteError, match="replaced while it was read"):
            source.read_at(2 * FIRST, FIRST)


@pytest.mark.parametrize("fault", [Fault.OTHER_RANGE, Fault.NO_RANGES])
def test_another_range_than_was_asked_for(hub: LoopbackHub, client: httpx2.Client, fault: Fault) -> None:
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": Sparse(b"", 10**9)})
    source = RemoteSource(client, hub.url + FILE)
    hub.misbehave(fault, server="cdn")
    with pytest.raises(RemoteError) as caught:
        source.read_at(2 * FIRST, FIRST)
    assert ("no parts" in caught.value.title) is (fault is Fault.NO_RANGES)


def test_a_server_without_ranges_gives_a_short_header(
    hub: LoopbackHub, client: httpx2.Client, random_model: Path
) -> None:
    data = random_model.read_bytes()
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": Sparse(data, len(data) + 10**9)})
    hub.misbehave(Fault.NO_RANGES, server="cdn")
    source = RemoteSource(client, hub.url + FILE)
    assert parse_header(source).metadata == read_header(random_model).metadata


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status_code": 206, "content": b"x" * 10}, RemoteError),
        ({"status_code": 206, "content": b"x", "headers": {"content-range": "bytes 0-9/100"}}, RemoteError),
        ({"status_code": 206, "content": b"x" * 9, "headers": {"content-range": "bytes 5-2/100"}}, RemoteError),
        ({"status_code": 206, "content": b"x", "headers": {"content-range": "bytes 0-0/0"}}, RemoteError),
        ({"status_code": 206, "content": b"x", "headers": {"content-range": f"bytes 0-{2**40}/{2**41}"}}, RemoteError),
        ({"status_code": 206, "content": b"x", "headers": {"content-range": "bytes 0-0/" + "9" * 500}}, RemoteError),
        ({"status_code": 206, "content": b"x", "headers": {"content-range": "bytes 1-1/100"}}, RemoteError),
        ({"status_code": 200, "content": b"x", "headers": {"content-length": "-1"}}, RemoteError),
        ({"status_code": 204}, RemoteError),
        ({"status_code": 403, "headers": {"x-error-code": "Gated\x1b[31m"}}, RemoteError),
        ({"status_code": 404}, RemoteMissing),
        ({"status_code": 416}, RemoteError),
    ],
)
def test_what_servers_say(answer: dict[str, Any], error: type[Exception]) -> None:
    answer = dict(answer)
    body = httpx2.ByteStream(answer.pop("content", b""))
    transport = httpx2.MockTransport(lambda request: httpx2.Response(stream=body, **answer))
    with httpx2.Client(transport=transport) as client, pytest.raises(error) as caught:
        RemoteSource(client, "http://x.example/m.gguf")
    assert "\x1b" not in str(caught.value)


def test_an_empty_file(client: httpx2.Client, hub: LoopbackHub) -> None:
    hub.add("org/m-GGUF", {"m-Q4_0.gguf": b""})
    source = RemoteSource(client, hub.url + FILE)
    assert source.size == 0
    with pytest.raises(GgufError, match="empty"):
        parse_header(source)


def test_a_split_set(hub: LoopbackHub, client: httpx2.Client, random_model: Path, tmp_path: Path) -> None:
    paths = _split(random_model, tmp_path)
    hub.add("org/m-GGUF", {path.name: path.read_bytes() for path in paths})
    sources = [RemoteSource(client, f"{hub.url}/org/m-GGUF/resolve/main/{path.name}") for path in paths]
    assert read_remote(sources) == read_model(paths[0])
    for wrong in (sources[:1], sources[::-1], [sources[0], sources[0]]):
        with pytest.raises(GgufError, match="part"):
            read_remote(wrong)


def _split(model: Path, folder: Path) -> list[Path]:
    """`model` in two parts, each with half of its tensors."""
    import gguf

    reader = gguf.GGUFReader(model)
    half = len(reader.tensors) // 2
    paths = []
    for number, tensors in enumerate((reader.tensors[:half], reader.tensors[half:])):
        path = folder / f"m-{number + 1:05}-of-00002.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in tensors:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        paths.append(path)
    return paths


def test_the_header_says_the_size_of_all_parts(random_model: Path, tmp_path: Path) -> None:
    paths = _split(random_model, tmp_path)
    whole = read_model(paths[0])
    assert whole.file_size == sum(path.stat().st_size for path in paths)
    assert {tensor.name for tensor in whole.tensors} == {tensor.name for tensor in read_header(random_model).tensors}
    assert replace(whole, tensors=()).split is not None
