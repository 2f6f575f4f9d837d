"""One piece of training text: a conversation with tools, as the program would send it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Conversation:
    """`messages` as in the OpenAI API (roles system, user, assistant, tool; arguments of tool calls are objects);
    `tools` as `{"name", "description", "parameters"}`. `kind` says which generator made it."""

    kind: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = field(default=())

    def to_json(self) -> str:
        value: dict[str, Any] = {"kind": self.kind, "messages": list(self.messages)}
        if self.tools:
            value["tools"] = list(self.tools)
        return json.dumps(value, ensure_ascii=False)

    @staticmethod
    def from_json(line: str) -> Conversation:
        value = json.loads(line)
        return Conversation(value["kind"], tuple(value["messages"]), tuple(value.get("tools", ())))


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": [{"name": name, "arguments": arguments}]}


def result(text: str) -> dict[str, Any]:
    return {"role": "tool", "content": text}
