"""What a model is and can do, as far as its header tells: for lists, receipts and screens, which read no files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.header import Header

CAPABILITIES = ("chat", "tools", "thinking", "vision", "embedding")

_ENCODERS = frozenset(
    {
        "bert",
        "nomic-bert",
        "nomic-bert-moe",
        "jina-bert-v2",
        "jina-bert-v3",
        "neo-bert",
        "eurobert",
        "modern-bert",
        "gemma-embedding",
        "t5encoder",
    }
)
_SEEING = frozenset(
    {"qwen2vl", "qwen3vl", "qwen3vlmoe", "cogvlm", "hunyuan_vl", "deepseek2-ocr", "glm_ocr", "paddleocr"}
)
_PROJECTOR = "clip"
# What the templates of models that see write in the place of a picture.
_PICTURES = ("<|vision_start|>", "<|image_pad|>", "<|image_1|>", "<image>", "[IMG]", "<|image|>", "image_url")
_THINKING = re.compile(
    r"enable_thinking|<think(ing)?>|<thought>|<reasoning>|\[THINK\]|<seed:think>|<mm:think>|<\|START_THINKING\|>|"
    r"<\|begin_of_thought\|>|<\|channel\|?>(analysis|thought)|reasoning_effort"
)
_TOOLS = re.compile(r"\btools\b|\bavailable_tools\b|\bbuiltin_tools\b|\bfunctions\b")
_POOLED = (1, 2, 3)  # mean, first token, last token
_RANKS = 4  # one figure for two texts, and no vector
_GEMMA_3_SEES = 34  # layers from which on Gemma 3 sees; its templates say the same for all sizes


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Of one model. 0 and empty texts stand for what the file does not say."""

    architecture: str
    name: str
    parameters: int  # exact
    quantisation: str
    context: int  # tokens it was trained for
    layers: int
    embedding: int
    heads: int
    kv_heads: int
    key_length: int
    value_length: int
    vocabulary: int
    window: int  # tokens that windowed layers look back, as the file states it
    experts: int
    experts_used: int
    latent: bool  # keys and values are kept compressed (MLA)
    recurrent: bool  # some layers keep a state instead of all tokens
    template: bool
    capabilities: tuple[str, ...]  # in the order of CAPABILITIES
    licence: str
    projector: bool  # no model of its own: what lets another one see
    adapter: bool  # no model of its own: a LoRA


def facts_of(header: Header) -> ModelFacts:
    """Nothing here reads the file again; a capability is named only where the header shows it."""
    return ModelFacts(
        architecture=clean_line(header.architecture, 60),
        name=header.name,
        parameters=header.parameters,
        quantisation=header.quantisation,
        context=header.context_trained,
        layers=header.layers,
        embedding=header.embedding,
        heads=max(header.heads, default=0),
        kv_heads=max(header.kv_heads, default=0),
        key_length=header.key_length,
        value_length=header.value_length,
        vocabulary=header.vocabulary,
        window=header.integer("{arch}.attention.sliding_window") or 0,
        experts=header.integer("{arch}.expert_count") or 0,
        experts_used=header.integer("{arch}.expert_used_count") or 0,
        latent=bool(header.integer("{arch}.attention.kv_lora_rank")),
        recurrent=any(
            header.integer(f"{{arch}}.{key}") for key in ("ssm.state_size", "wkv.head_size", "shortconv.l_cache")
        ),
        template=bool(header.chat_template),
        capabilities=capabilities(header),
        licence=licence(header),
        projector=is_projector(header),
        adapter=header.text("general.type") == "adapter",
    )


def capabilities(header: Header) -> tuple[str, ...]:
    """What the model can do, of CAPABILITIES. A model that sees needs its projector beside it all the same."""
    if is_projector(header):
        return ("vision",) if header.metadata.get("clip.has_vision_encoder", True) else ()
    if header.text("general.type") == "adapter" or header.integer("{arch}.pooling_type") == _RANKS:
        return ()
    if _embeds(header):
        return ("embedding",)
    template = _template(header)
    found = {
        "chat": bool(template),
        "tools": bool(_TOOLS.search(template)),
        "thinking": bool(_THINKING.search(template)),
        "vision": _sees(header, template),
        "embedding": False,
    }
    return tuple(name for name in CAPABILITIES if found[name])


def licence(header: Header) -> str:
    """As the file names it: an identifier mostly, else the licence's name."""
    for key in ("general.license", "general.license.name"):
        if text := clean_line(header.text(key) or "", 80):
            return text
    return ""


def is_projector(header: Header) -> bool:
    """Whether this file is what lets another model see or hear (mmproj)."""
    return header.architecture == _PROJECTOR or header.text("general.type") == "mmproj"


def _embeds(header: Header) -> bool:
    pooling = header.integer("{arch}.pooling_type")
    return header.architecture in _ENCODERS or pooling in _POOLED


def _template(header: Header) -> str:
    """The model's template, and the one for tools that some files carry beside it."""
    parts = [header.chat_template or ""]
    if header.text("tokenizer.chat_template.tool_use") is not None:
        parts.append("{{ tools }}")
    return "\n".join(parts).strip()


def _sees(header: Header, template: str) -> bool:
    if header.architecture in _SEEING:
        return True
    if header.architecture == "gemma3":
        return header.layers >= _GEMMA_3_SEES
    return any(mark in template for mark in _PICTURES)
