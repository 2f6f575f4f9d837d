"""ChatML with tools in the Hermes/Qwen style: as the Jinja template that goes into the GGUF, and as a function that
renders the same with the places of the assistant's own words, for training. A test holds the two together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

BEGIN, END = "<|im_start|>", "<|im_end|>"
TOOLS_INTRO = (
    "Tools are offered between <tools> and </tools>. To call one, answer with its name and arguments as JSON between "
    "<tool_call> and </tool_call>."
)

CHAT_TEMPLATE = (
    """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- '"""
    + TOOLS_INTRO
    + """\\n<tools>' }}
    {%- for tool in tools %}
        {%- set function = tool.function if tool.function is defined else tool %}
        {{- '\\n' + (function | tojson) }}
    {%- endfor %}
    {{- '\\n</tools><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'system' %}
        {%- if not loop.first %}
            {{- '<|im_start|>system\\n' + message.content + '<|im_end|>\\n' }}
        {%- endif %}
    {%- elif message.role == 'assistant' and message.tool_calls %}
        {{- '<|im_start|>assistant\\n' + (message.content or '') }}
        {%- for tool_call in message.tool_calls %}
            {%- set function = tool_call.function if tool_call.function is defined else tool_call %}
            {{- '<tool_call>{"name": ' + (function.name | tojson) + ', "arguments": ' }}
            {{- function.arguments if function.arguments is string else (function.arguments | tojson) }}
            {{- '}</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""
)


def render(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = (), *, prompt: bool = False
) -> list[tuple[str, bool]]:
    """The text of a conversation in pieces; True marks what the assistant says (with the end of its turn).

    With `prompt` the beginning of the assistant's next turn follows.
    """
    pieces: list[tuple[str, bool]] = []
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    if tools:
        listed = "\n".join(_json(tool.get("function", tool)) for tool in tools)
        intro = f"{system}\n\n{TOOLS_INTRO}" if system else TOOLS_INTRO
        pieces.append((f"{BEGIN}system\n{intro}\n<tools>\n{listed}\n</tools>{END}\n", False))
    elif system:
        pieces.append((f"{BEGIN}system\n{system}{END}\n", False))
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "system" and index == 0:
            continue
        if role != "assistant":
            pieces.append((f"{BEGIN}{role}\n{message['content']}{END}\n", False))
            continue
        said = message["content"] or ""
        for tool_call in message.get("tool_calls", ()):
            function = tool_call.get("function", tool_call)
            name, arguments = _json(function["name"]), _json(function["arguments"])
            said += f'<tool_call>{{"name": {name}, "arguments": {arguments}}}</tool_call>'
        pieces += [(f"{BEGIN}assistant\n", False), (f"{said}{END}", True), ("\n", False)]
    if prompt:
        pieces.append((f"{BEGIN}assistant\n", False))
    return pieces


def _json(value: object) -> str:
    """JSON as the templates of llama.cpp and of transformers write it."""
    return json.dumps(value, ensure_ascii=False)
