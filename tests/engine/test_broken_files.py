"""Files that are no models, or no longer: each ends in a typed error, and the host lives on."""

from __future__ import annotations

import asyncio
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import ErrorCode, Load, Loaded, LoadOptions
from offgrid_tui.engine.errors import EngineError
from tests.engine.asking import answer, question, words
from tests.support.models import RECITATION

FILES = 300
DEADLINE = 60.0  # seconds for one file, on a machine that is very busy
HEADER = 40_000  # bytes at the start of the model in which a flip is not lost among weights and vocabulary

# What a file that was changed by chance may rightly be called.
_WRONG = {
    ErrorCode.NOT_GGUF,
    ErrorCode.TRUNCATED,
    ErrorCode.DAMAGED,
    ErrorCode.NO_TOKENIZER,
    ErrorCode.UNSUPPORTED,
    ErrorCode.UNSUPPORTED_ARCHITECTURE,
    ErrorCode.TOO_LARGE,
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.LOAD_FAILED,
}
_UINT32 = struct.pack("<I", 4)  # the type that stands between a key and its number
Change = Callable[[bytearray, random.Random], None]


def cut_anywhere(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def cut_in_header(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(HEADER) :]


def flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 8))):
        data[chance.randrange(HEADER)] ^= 1 << chance.randrange(8)


def absurd_number(data: bytearray, chance: random.Random) -> None:
    """Put a number where one may stand: lengths, counts, dimensions, offsets."""
    number = chance.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1))
    at = chance.randrange(4, HEADER - 8)
    data[at : at + 8] = struct.pack("<Q", number)


def absurd_value(data: bytearray, chance: random.Random) -> None:
    """Change a number that llama.cpp builds the model from."""
    keys = (b"llama.block_count", b"llama.embedding_length", b"llama.attention.head_count", b"llama.context_length")
    keys += (b"llama.feed_forward_length", b"llama.rope.dimension_count", b"llama.attention.head_count_kv")
    at = data.find(chance.choice(keys))
    if at >= 0:
        end = data.index(_UINT32, at) + len(_UINT32)
        data[end : end + 4] = struct.pack("<I", chance.choice((0, 1, 3, 7, 511, 512, 65_537, 2**31 - 1, 2**32 - 1)))


def rename_a_tensor(data: bytearray, chance: random.Random) -> None:
    for name in chance.sample((b"token_embd", b"output_norm", b"blk.0.attn_q", b"blk.1.ffn_up", b"blk.0.ffn_norm"), 2):
        at = data.find(name)
        if at >= 0:
            data[at] ^= 1


def no_model_at_all(data: bytearray, chance: random.Random) -> None:
    noise = chance.randbytes(500)
    data[:] = chance.choice((b"", b"G", b"GGUF", b"PK\x03\x04" * 50, noise, b"GGUF" + noise))


CHANGES: tuple[Change, ...] = (
    cut_anywhere,
    cut_in_header,
    flip_bits,
    flip_bits,
    absurd_number,
    absurd_value,
    rename_a_tensor,
    no_model_at_all,
)


async def load(client: EngineClient, path: Path) -> EngineError | None:
    """What became of it; None: it loaded."""
    request = Load(path.name, str(path), LoadOptions(context=256, slots=1))
    try:
        async with asyncio.timeout(DEADLINE):
            events = [event async for event in client.load(request)]
    except EngineError as error:
        assert error.title
        return error
    assert isinstance(events[-1], Loaded)
    await client.unload(str(path))
    return None


@pytest.mark.timeout(900)
async def test_three_hundred_broken_files(
    client: EngineClient,
    random_model: Path,
    reciter: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(300)
    whole = random_model.read_bytes()
    assert words(await answer(client, question(reciter))) == RECITATION
    before = await client.status()
    found: Counter[str] = Counter()
    deaths = 0
    for number in range(FILES):
        change = CHANGES[number % len(CHANGES)]
        data = bytearray(whole)
        change(data, chance)
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(data)
        error = await load(client, path)
        code = error.code if error is not None else None
        deaths += error is not None and "returncode" in error.data
        found[code.value if code else "loaded"] += 1
        assert code is None or code in _WRONG, f"{change.__name__} {number}: {code}"
        if change in (cut_anywhere, cut_in_header):
            expected = ErrorCode.TRUNCATED if data.startswith(b"GGUF") else ErrorCode.NOT_GGUF
            assert code in (expected, ErrorCode.TRUNCATED), f"{number}: {code}"
        if change is no_model_at_all:
            assert code in (ErrorCode.NOT_GGUF, ErrorCode.TRUNCATED, ErrorCode.DAMAGED)
        path.unlink()
    after = await client.status()
    assert before is not None and after is not None
    assert before.pid == after.pid, "the host lived on"
    assert words(await answer(client, question(reciter))) == RECITATION
    record_property("outcomes", dict(found))
    record_property("worker deaths", deaths)
    print(f"\nof {FILES} files: {dict(found)}; worker deaths: {deaths}")


@pytest.mark.parametrize("kind", ["missing", "folder", "unreadable name", "relative", "device"])
async def test_what_is_no_file(client: EngineClient, tmp_path: Path, kind: str) -> None:
    path, code = {
        "missing": (str(tmp_path / "none.gguf"), ErrorCode.NOT_FOUND),
        "folder": (str(tmp_path), ErrorCode.NOT_GGUF),
        "unreadable name": (str(tmp_path / ("x" * 300)), ErrorCode.NOT_FOUND),
        "relative": ("model.gguf", ErrorCode.BAD_REQUEST),
        "device": ("/dev/zero", ErrorCode.NOT_GGUF),
    }[kind]
    with pytest.raises(EngineError) as caught:
        await answer(client, question(path))
    assert caught.value.code is code


async def test_a_file_without_a_tokenizer(client: EngineClient, random_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(random_model.read_bytes().replace(b"tokenizer.ggml.model", b"tokenizer.ggml.modex", 1))
    with pytest.raises(EngineError) as caught:
        await answer(client, question(path))
    assert caught.value.code is ErrorCode.NO_TOKENIZER


async def test_an_architecture_that_llama_cpp_does_not_know(
    client: EngineClient, random_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "strange.gguf"
    path.write_bytes(random_model.read_bytes().replace(b"llama", b"lxama"))
    with pytest.raises(EngineError) as caught:
        await answer(client, question(path))
    assert caught.value.code is ErrorCode.UNSUPPORTED_ARCHITECTURE
