"""The words and figures that stand beside an answer."""

from __future__ import annotations

from pathlib import PurePath

from textual.content import Content

from offgrid_tui.chat.guide import NAME, is_guide
from offgrid_tui.chat.model import Figures, Turn, TurnState
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.foundation.units import duration, rate, tokens

_STOP_WORDS = {
    "end": "ended by itself",
    "stop_string": "met a stop string",
    "length": "cut at the token limit",
    "context": "the context is full",
    "cancelled": "stopped",
    "tool_calls": "asked for a tool",
}


def stem(model: str | None) -> str:
    """A model's name before it said its own: its file's, without folder and ending."""
    if is_guide(model):
        return NAME
    return clean_line(PurePath(model).name.removesuffix(".gguf"), 60) if model else "model"


def _seconds(ms: float | None) -> str:
    return duration(None if ms is None else ms / 1000)


def headline(figures: Figures) -> list[str]:
    """What is read first, the most important first: speed, length, time to the first token."""
    parts = []
    if figures.decode_tps is not None:
        parts.append(rate(figures.decode_tps))
    if figures.completion_tokens is not None:
        parts.append(f"{tokens(figures.completion_tokens)} tok")
    if figures.ttft_ms is not None:
        parts.append(f"TTFT {_seconds(figures.ttft_ms)}")
    return parts


def details(turn: Turn) -> str:
    """What the rest of an answer cost, in one line; empty where nothing was measured."""
    f = turn.figures
    parts = []
    if f.prompt_tokens is not None:
        prompt = f"prompt {tokens(f.prompt_tokens)} tok"
        if f.cached_tokens:
            prompt += f" ({tokens(f.cached_tokens)} reused)"
        if f.prefill_tps is not None:
            prompt += f" at {rate(f.prefill_tps)}"
        parts.append(prompt)
    if f.load_ms:
        parts.append(f"loaded in {_seconds(f.load_ms)}")
    if f.layers and f.gpu_layers:
        parts.append(f"{f.gpu_layers}/{f.layers} layers on the GPU")
    if f.stop_reason and turn.state is TurnState.COMPLETE:
        parts.append(_STOP_WORDS.get(f.stop_reason, clean_line(f.stop_reason, 40)))
    return " · ".join(parts)


def thought(turn: Turn) -> str:
    """thought for 3.1 s (184 tokens)"""
    f = turn.figures
    text = "thought"
    if f.thinking_ms is not None and f.thinking_ms >= 1:
        text += f" for {_seconds(f.thinking_ms)}"
    if f.thinking_tokens is not None:
        text += f" ({tokens(f.thinking_tokens)} tokens)"
    return text


def note(turn: Turn) -> Content | None:
    """What has to be said about how the answer ended; None where it simply ended."""
    if turn.state is TurnState.STOPPED:
        return Content.assemble(("■ ", "$warn"), ("stopped, what came is kept", "$muted"))
    if turn.state is TurnState.FAILED:
        title, _, rest = clean(turn.error or "The answer failed").partition("\n")
        parts: list[str | tuple[str, str]] = [("✗ ", "$bad"), (title, "bold $bad")]
        if rest:
            parts.append("\n" + rest)
        return Content.assemble(*parts)
    if turn.figures.stop_reason == "length":
        return Content.styled("cut at the token limit", "$warn")
    if turn.figures.stop_reason == "context":
        return Content.styled("cut: the context window is full", "$warn")
    if turn.state is TurnState.COMPLETE and not turn.content and not turn.thinking:
        return Content.styled("the model ended its turn without a word", "$muted")
    return None
