"""How a conversation becomes the prompt: by the chat template in the model's own file.

Where that is missing or broken, ChatML stands in for it, and `Template.name` says so.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

from offgrid_tui.engine.contract import ErrorCode, Message, Reasoning, Tool
from offgrid_tui.engine.worker import thinking
from offgrid_tui.engine.worker.problem import Problem
from offgrid_tui.engine.worker.rendering import RefusedError, Renderer, RenderError

MAX_TEMPLATE = 2**20  # characters
_SPARE_OUTPUT = 2**20
_PROBE = "Is anybody there?"

CHATML = """\
{% for message in messages %}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
"""


class Template:
    """The template of one model, tried once when it is made. For one thread."""

    def __init__(self, source: str | None, renderer: Renderer, *, bos: str, eos: str) -> None:
        self._renderer = renderer
        self._specials = {"bos_token": bos, "eos_token": eos}
        self._source = source or CHATML
        self._merges_system = False
        self.warnings: list[str] = []
        self.name = "gguf"
        reason = "the file has none" if not source else self._fault()
        if reason:
            self._source = CHATML
            self.name = f"chatml (fall-back: {reason})"
            self.warnings.append(f"chat template: ChatML is used, because {reason}; answers may be worse")
        elif not self._takes_system():
            self._merges_system = True
            self.warnings.append("the chat template knows no system prompt: it is put before the first question")
        self.knows_thinking = thinking.known_to(self._source) or "enable_thinking" in self._source

    @property
    def switches_thinking(self) -> bool:
        return "enable_thinking" in self._source

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        reasoning: Reasoning = Reasoning(),  # noqa: B008 - frozen
        *,
        answer_begun: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> str:
        """The prompt for the next answer; with `answer_begun` the last message is the beginning of it.

        Raises:
            Problem: the template refused the conversation (BAD_REQUEST) or failed (TEMPLATE_BROKEN).
            RenderCancelled: `cancelled()` became true.
        """
        begun = messages[-1].content if answer_begun else ""
        listed = [_message(message) for message in (messages[:-1] if answer_begun else messages)]
        if self._merges_system:
            listed = _merge_system(listed)
        values: dict[str, Any] = {}
        if tools:
            values["tools"] = [_tool(tool) for tool in tools]
        if reasoning.mode != "auto" and self.switches_thinking:
            values["enable_thinking"] = reasoning.mode == "on"
        try:
            try:
                return self._render(listed, values, cancelled) + begun
            except RenderError:
                if not any(message.tool_calls for message in messages):
                    raise
                # Most templates take the arguments of a call as a mapping, some as text.
                return self._render(_with_arguments_as_text(listed), values, cancelled) + begun
        except RefusedError as refusal:
            raise Problem(
                ErrorCode.BAD_REQUEST,
                "The model's chat template refuses this conversation",
                str(refusal),
                "Change the order or the roles of the messages.",
            ) from None
        except RenderError as error:
            raise Problem(
                ErrorCode.TEMPLATE_BROKEN,
                "The model's chat template failed",
                str(error),
                "Take another conversion of this model.",
            ) from None

    def _render(
        self, messages: list[dict[str, Any]], values: dict[str, Any], cancelled: Callable[[], bool] = lambda: False
    ) -> str:
        size = sum(len(message["content"]) for message in messages) + len(str(values))
        return self._renderer.render(
            self._source,
            {"messages": messages, "add_generation_prompt": True, **self._specials, **values},
            4 * size + _SPARE_OUTPUT,
            cancelled,
        )

    def _fault(self) -> str | None:
        """Why the file's template cannot be used."""
        if len(self._source) > MAX_TEMPLATE:
            return f"its own is longer than {MAX_TEMPLATE} characters"
        try:
            text = self._render([{"role": "user", "content": _PROBE}], {})
        except RenderError as error:
            return f"its own failed: {error}"
        return None if _PROBE in text else "its own leaves the question out"

    def _takes_system(self) -> bool:
        system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": _PROBE}
        try:
            return "Be brief." in self._render([system, user], {})
        except RenderError:
            return False


def _message(message: Message) -> dict[str, Any]:
    value: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        value["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        value["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        value["name"] = message.name
    return value


def _with_arguments_as_text(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    changed = copy.deepcopy(messages)
    for message in changed:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    return changed


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _merge_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what the system messages say before the first question."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    others = [dict(message) for message in messages if message["role"] != "system"]
    if system and others and others[0]["role"] == "user":
        others[0]["content"] = f"{system}\n\n{others[0]['content']}"
    elif system:
        others.insert(0, {"role": "user", "content": system})
    return others
