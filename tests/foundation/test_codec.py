"""The contract's lines: every message goes there and back; garbage is a ContractError and nothing else."""

from __future__ import annotations

import dataclasses
import json
import random
import string
import types
import typing
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from offgrid_tui.engine import codec, contract
from offgrid_tui.engine.codec import ContractError, decode, encode
from offgrid_tui.engine.contract import Ping

MESSAGES = [*get_args(contract.Request), *get_args(contract.Event)]
_TEXTS = ["", "a", "grüße 👍", "\x1b]52;c;x\x07", '"quoted"\\', "line\nline\r\n\u2028", "x" * 1000]


def _sample(hint: Any, rng: random.Random) -> Any:
    """A random value of a type, by its annotation."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return rng.choice([None, 1, "x", [1, {"a": []}], {"b": 2.5}, True])
    if origin is Literal:
        return rng.choice(args)
    if origin in (Union, types.UnionType):
        return _sample(rng.choice(args), rng)
    if origin is tuple:
        return tuple(_sample(args[0], rng) for _ in range(rng.randrange(3)))
    if origin is dict:
        return {rng.choice(_TEXTS): _sample(args[1], rng) for _ in range(rng.randrange(3))}
    if dataclasses.is_dataclass(hint):
        return _message(typing.cast("type[Any]", hint), rng)
    if issubclass(hint, Enum):
        return rng.choice(list(hint))
    if hint is type(None):
        return None
    if hint is bool:
        return rng.random() < 0.5
    if hint is int:
        return rng.choice([0, 1, -1, 2**31, 2**63, 10**30])
    if hint is float:
        return rng.choice([0.0, -0.5, 1e-300, 1e300, 3.0, 0.1])
    assert hint is str
    return rng.choice(_TEXTS)


def _message(kind: type[Any], rng: random.Random) -> Any:
    return kind(**{name: _sample(hint, rng) for name, hint in get_type_hints(kind).items()})


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_there_and_back(kind: type[Any]) -> None:
    rng = random.Random(kind.__name__)
    for _ in range(100):
        message = _message(kind, rng)
        line = encode(message)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert decode(line) == message


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_line_with_something_wrong_in_it(kind: type[Any]) -> None:
    """Each field in turn: missing, of each wrong type, and one too many."""
    rng = random.Random(kind.__name__)
    fields = json.loads(encode(_message(kind, rng)))
    required = {f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING}
    for name in required:
        with pytest.raises(ContractError, match=name):
            decode(json.dumps({k: v for k, v in fields.items() if k != name}).encode())
    for name in get_type_hints(kind):
        for wrong in (object, [[]], {"x": [1]}, 1.5, "", True, None, -1):
            line = json.dumps({**fields, name: {"?": 1} if wrong is object else wrong}).encode()
            _only_contract_errors(line)
        with pytest.raises(ContractError, match=name):
            decode(json.dumps({**fields, name: [["neither", {"a": "number"}], "nor a text"]}).encode())
    with pytest.raises(ContractError, match="surplus"):
        decode(json.dumps({**fields, "surplus": 1}).encode())


def test_mutated_lines() -> None:
    rng = random.Random(7)
    lines = [encode(_message(rng.choice(MESSAGES), rng)) for _ in range(300)]
    for line in lines:
        for _ in range(20):
            data = bytearray(line)
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(data))
                match rng.randrange(4):
                    case 0:
                        data[at] = rng.randrange(256)
                    case 1:
                        del data[at : at + rng.randrange(1, 9)]
                    case 2:
                        data[at:at] = rng.choice([b"[", b"{", b'"', b"null", b"1e999", b"NaN", b"\\ud800", b"\x00"])
                    case 3:
                        data[at:at] = data[rng.randrange(len(data)) :][:40]
                if not data:
                    break
            _only_contract_errors(bytes(data))


def test_random_lines() -> None:
    rng = random.Random(8)
    for _ in range(3000):
        _only_contract_errors(rng.randbytes(rng.randrange(80)))
        text = "".join(rng.choices(string.printable + '{}[]":,' * 5, k=rng.randrange(80)))
        _only_contract_errors(text.encode())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe{",
        b"{}",
        b'{"v":1}',
        b'{"v":2,"type":"Ping","id":"a"}',
        b'{"v":1,"type":"Message","role":"user","content":"x"}',  # a class of the contract, but no message
        b'{"v":1,"type":["Ping"],"id":"a"}',
        b'{"v":1,"type":"Ping","id":' + b"[" * 200_000,
        b'{"v":1,"type":"Ping","id":1' + b"0" * 5000 + b"}",
        b'{"v":1,"type":"Text","id":"a","text":"","channel":"answer","tokens":1,"elapsed_ms":1' + b"0" * 400 + b"}",
        b'{"v":1,"type":"Text","id":"a","text":"","channel":"answer","tokens":1,"elapsed_ms":NaN}',
        b'{"v":1,"type":"Text","id":"a","text":"","channel":"answer","tokens":1,"elapsed_ms":1e999}',
        b'{"v":1,"type":"Text","id":"a","text":"","channel":"answer","tokens":true,"elapsed_ms":1}',
        b'{"v":1,"type":"Text","id":"a","text":"","channel":{"answer":1},"tokens":1,"elapsed_ms":1}',
        b'{"v":1,"type":"Error","id":null,"code":["internal"],"title":"x"}',
    ],
    ids=lambda line: repr(line[:40]),
)
def test_what_is_no_message(line: bytes) -> None:
    with pytest.raises(ContractError):
        decode(line)


def test_a_line_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    line = encode(Ping("a" * 100))
    monkeypatch.setattr(codec, "MAX_LINE", len(line))
    assert decode(line) == Ping("a" * 100)
    monkeypatch.setattr(codec, "MAX_LINE", len(line) - 1)
    with pytest.raises(ContractError, match="bytes"):
        decode(line)


def test_a_lone_surrogate_does_not_make_the_line_invalid() -> None:
    line = encode(Ping("a\ud800b"))
    assert decode(line) == Ping("a?b")


def test_an_error_names_the_field() -> None:
    line = b'{"v":1,"type":"Load","id":"1","model":"m","options":{"context":"big"}}'
    with pytest.raises(ContractError, match=r"Load\.options\.context: expected int, got str"):
        decode(line)


def _only_contract_errors(line: bytes) -> None:
    try:
        message = decode(line)
    except ContractError:
        return
    assert decode(encode(message)) is not None  # whatever was taken can be passed on
