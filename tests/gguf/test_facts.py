"""What a header shows of a model's abilities."""

from __future__ import annotations

from typing import Any

import pytest

from offgrid_tui.gguf.facts import capabilities, facts_of
from offgrid_tui.gguf.header import Header

CHAT = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
TOOLS = CHAT + "{% if tools %}{{ tools | tojson }}{% endif %}"
THINKING = TOOLS + "{% if enable_thinking is false %}<think>\n\n</think>{% endif %}"


def header(architecture: str, template: str | None = None, **keys: Any) -> Header:
    """`__` in a key stands for a dot; one that begins with `general` or `clip` is not the architecture's."""
    metadata: dict[str, Any] = {"general.architecture": architecture}
    for key, value in keys.items():
        key = key.replace("__", ".")
        metadata[key if key.startswith(("general.", "clip.", "tokenizer.")) else f"{architecture}.{key}"] = value
    if template is not None:
        metadata["tokenizer.chat_template"] = template
    return Header(3, "little", 32, 0, 0, metadata, ())


@pytest.mark.parametrize(
    "model, can",
    [
        (header("llama"), ()),  # a base model: it only goes on with a text
        (header("llama", CHAT), ("chat",)),
        (header("qwen2", TOOLS), ("chat", "tools")),
        (header("qwen3", THINKING), ("chat", "tools", "thinking")),
        (header("llama", CHAT, tokenizer__chat_template__tool_use="{{ tools }}"), ("chat", "tools")),
        (header("qwen2vl", CHAT), ("chat", "vision")),
        (header("llama", CHAT + "<image>"), ("chat", "vision")),
        (header("gemma3", CHAT + "<start_of_image>", block_count=26), ("chat",)),
        (header("gemma3", CHAT + "<start_of_image>", block_count=34), ("chat", "vision")),
        (header("gpt-oss", TOOLS + "<|channel|>analysis<|message|>"), ("chat", "tools", "thinking")),
        (header("nomic-bert"), ("embedding",)),
        (header("qwen3", THINKING, pooling_type=3), ("embedding",)),
        (header("qwen3", CHAT, pooling_type=0), ("chat",)),
        (header("bert", pooling_type=4), ()),  # a reranker
        (header("clip", clip__has_vision_encoder=True), ("vision",)),
        (header("clip", clip__has_vision_encoder=False, clip__has_audio_encoder=True), ()),
        (header("llama", general__type="adapter"), ()),
    ],
    ids=lambda value: value.architecture if isinstance(value, Header) else "+".join(value) or "none",
)
def test_capabilities(model: Header, can: tuple[str, ...]) -> None:
    assert capabilities(model) == can


def test_the_words_functions_in_prose_and_tools_in_names_do_not_count() -> None:
    assert capabilities(header("llama", CHAT + "{# a toolset #}")) == ("chat",)


def test_a_mixture_with_latent_attention() -> None:
    found = facts_of(
        header(
            "deepseek2",
            CHAT,
            block_count=27,
            embedding_length=2048,
            context_length=163840,
            attention__head_count=16,
            attention__head_count_kv=1,
            attention__key_length=576,
            attention__value_length=512,
            attention__kv_lora_rank=512,
            expert_count=64,
            expert_used_count=6,
            general__license="mit\x1b[31m",
            general__name="Lite\nmodel",
        )
    )
    assert (found.experts, found.experts_used, found.latent, found.recurrent) == (64, 6, True, False)
    assert (found.layers, found.heads, found.kv_heads, found.key_length, found.context) == (27, 16, 1, 576, 163840)
    assert (found.licence, found.name) == ("mit[31m", "Lite model")  # nothing that a terminal obeys
    assert found.template and not found.projector and not found.adapter


def test_windows_and_states() -> None:
    assert facts_of(header("gemma2", attention__sliding_window=4096)).window == 4096
    assert facts_of(header("mamba", ssm__state_size=16)).recurrent
    assert facts_of(header("lfm2", shortconv__l_cache=3)).recurrent
    assert facts_of(header("rwkv7", wkv__head_size=64)).recurrent
    assert facts_of(header("clip")).projector
    assert facts_of(header("llama", general__type="adapter")).adapter


def test_a_licence_by_name() -> None:
    assert facts_of(header("llama", general__license__name="Gemma Terms of Use")).licence == "Gemma Terms of Use"
    assert facts_of(header("llama")).licence == ""
    assert facts_of(header("llama", general__license=7)).licence == ""
