"""Reads the held-out questions (see heldout/README.md). Nothing of them is trained on; the corpus generator reads them
only to stay away from them."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("heldout")
KINDS = ("help", "tools", "passages", "outside", "known", "memory")
# Parts that every second path has, and plain words that no corpus can do without.
_COMMON = frozenset((
    "src", "home", "var", "log", "etc", "opt", "srv", "usr", "local", "share", "tmp", "mnt", "data", "txt", "conf",
    "cfg", "csv", "out", "err", "readme", "md", "py", "first", "old", "index", "file", "make", "build", "number",
    "report", "notes", "maps", "figures", "letters", "minutes", "trace", "sunday", "november", "october", "september",
    "april", "red", "blue", "two", "four", "eleven", "twelve", "once", "year", "years", "months", "empty", "cold",
    "free", "paint", "paper", "water", "stone", "horse", "glass", "pot", "recipes", "logs",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `turns` are what the user says, one after the other; the answer to the last is judged."""

    kind: str
    turns: tuple[str, ...]
    need: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    call: str | None = None  # the tool that must be called; "" for none; None where tools play no part
    arguments: tuple[dict[str, Any], ...] = ()  # every accepted set
    called: tuple[str, dict[str, Any], str] | None = None  # a call that was made, and its result
    cite: int | None = None
    passages: tuple[str, ...] = field(default=())


def tools() -> tuple[dict[str, Any], ...]:
    """The tools that are offered with every question of the kind "tools"."""
    listed = _read("tools")["tools"]
    return tuple({"name": name, **table} for name, table in listed.items())


def questions(kind: str) -> list[Question]:
    """The questions of one of KINDS, in the order of the file."""
    if kind == "tools":
        return [_tool_question(entry) for entry in _read("tool_calls")["questions"]]
    table = _read(kind)
    if kind == "passages":
        return [_passage_question(part["texts"], entry) for part in table["passages"] for entry in part["questions"]]
    listed = []
    for entry in table["questions"]:
        turns = tuple(entry["turns"]) if "turns" in entry else (entry["ask"],)
        passages = tuple(entry["ask"].split("\n\n")[:1]) if entry.get("passage") else ()
        need, never = tuple(entry.get("need", ())), tuple(entry.get("never", ()))
        listed.append(Question(kind, turns, need, never, passages=passages))
    return listed


def everything() -> list[Question]:
    return [question for kind in KINDS for question in questions(kind)]


def argument_words() -> frozenset[str]:
    """Every number, path and word that a call of the exam needs, in lower case: the corpus does without them."""
    found: set[str] = set()
    for question in everything():
        answers = question.need if question.kind in ("memory", "passages") else ()
        for arguments in question.arguments:
            for value in arguments.values():
                text = str(value).lower()
                found.update((text, *re.split(r"[^\w]+", text), *re.split(r"[^a-z0-9.]+", text)))
        for answer in answers:
            found.update(re.split(r"[^a-z0-9]+", answer.lower()))
    # One or two digits, and what is part of every second path, can't be done without.
    return frozenset(word for word in found if len(word) > 2 and word not in _COMMON)


def _tool_question(entry: dict[str, Any]) -> Question:
    called = None
    if "result_of" in entry:
        called = (entry["result_of"], entry["given"], entry["result"])
    return Question(
        "tools",
        (entry["ask"],),
        tuple(entry.get("need", ())),
        call=entry.get("call", ""),
        arguments=tuple(entry.get("arguments", ())),
        called=called,
    )


def _passage_question(texts: list[str], entry: dict[str, Any]) -> Question:
    prompt = "\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1)) + f"\n\n{entry['ask']}"
    return Question("passages", (prompt,), tuple(entry["need"]), cite=entry.get("cite", 1), passages=tuple(texts))


def _read(name: str) -> dict[str, Any]:
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    # The keys of inline tables are what they are; json makes plain dicts of them.
    return dict(json.loads(json.dumps(table)))
