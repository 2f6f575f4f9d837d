"""The architecture numbers of a model, in the words of fit/shape.py. A guess is never used.

Latent attention is left out: the files of both models that have it cache the keys and values of every head, MiniCPM3's
because llama.cpp does so, DeepSeek-Coder-V2 Lite's because they were converted before llama.cpp knew better.
"""

from __future__ import annotations

from typing import Any

from tools.catalog.facts import Fact

_NEEDED = {
    "layers": "n_layers",
    "embedding": "hidden_size",
    "heads": "n_heads",
    "kv_heads": "n_kv_heads",
    "key_length": "key_length",
    "value_length": "value_length",
    "vocabulary": "vocab_size",
}
_KEEPS_STATE = frozenset("LCMP")  # linear attention, convolution, Mamba, Mamba beside attention


def shape(fact: Fact) -> dict[str, Any] | None:
    """The table `shape` of a model; None where a number that memory depends on is not known."""
    if "GGUF" in fact["gguf_arch"]:
        return None  # Whisper's own format: nothing that llama.cpp runs
    if any(key not in fact for key in _NEEDED.values()) or not ("feed_forward_length" in fact or "experts" in fact):
        return None
    found: dict[str, Any] = {"architecture": fact["gguf_arch"]}
    found |= {name: fact[key] for name, key in _NEEDED.items()}
    if "feed_forward_length" in fact:
        found["feed_forward"] = fact["feed_forward_length"]
    for name, key in (("tied", "tied_embeddings"), ("parameters", "total_params")):
        if key in fact:
            found[name] = fact[key]
    found["context_trained"] = fact.get("context_length_train", 0)
    return found | _window(fact) | _experts(fact) | _recurrent(fact) | _gemma_4(fact)


def _window(fact: Fact) -> dict[str, Any]:
    window, found = fact.get("sliding_window", {}), {}
    if window.get("llama_cpp_applies") and "layers" in window:  # others are windows that llama.cpp does not read
        found = {"window": window["size"], "windowed": window["layers"]}
        for name, key in (("window_key_length", "key_length_swa"), ("window_value_length", "value_length_swa")):
            if key in window:
                found[name] = window[key]
    if shared := fact.get("shared_kv_layers"):
        found["kv_layers"] = fact["n_layers"] - shared
    return found


def _experts(fact: Fact) -> dict[str, Any]:
    experts = fact.get("experts")
    if not experts:
        return {}
    found = {"experts": experts["count"], "experts_used": experts["used"]}
    found["expert_forward"] = experts["expert_feed_forward_length"]
    if shared := experts.get("shared_expert_feed_forward_length"):
        found["shared_forward"] = shared
    if dense := experts.get("leading_dense_layers"):
        found["dense_layers"] = dense
    return found


def _recurrent(fact: Fact) -> dict[str, Any]:
    state = fact.get("recurrent")
    if not state or "layer_types" not in fact:
        return {}
    found = {"recurrent": "".join("R" if kind in _KEEPS_STATE else "A" for kind in fact["layer_types"])}
    numbers = (state.get("state_elements_per_layer") or 0) + (state.get("conv_state_elements_per_layer") or 0)
    found["state"] = numbers
    if "d_inner" in state:  # Mamba 2: its heads stand where Mamba has the width of the time steps
        found |= {"inner": state["d_inner"], "state_size": state["d_state"], "groups": state["n_groups"]}
        found |= {"convolution": state["conv_kernel"], "ranks": state["n_heads"]}
    elif "value_heads" in state:  # linear attention, in the words in which its files' headers say it
        found |= {"inner": state["value_heads"] * state["value_head_dim"], "state_size": state["key_head_dim"]}
        found |= {"groups": state["key_heads"], "convolution": state["conv_kernel"], "ranks": state["value_heads"]}
    return found


def _gemma_4(fact: Fact) -> dict[str, Any]:
    """Two things that differ between its layers."""
    extra, layers = fact.get("gemma4", {}), fact["n_layers"]
    found: dict[str, Any] = {}
    if heads := extra.get("n_kv_heads_global"):
        pattern = fact["sliding_window"]["layers"]
        found["kv_heads"] = [fact["n_kv_heads"] if kind == "S" else heads for kind in pattern]
    if extra.get("double_wide_ffn_on_shared_kv_layers"):
        own = layers - fact["shared_kv_layers"]
        wide = fact["feed_forward_length"]
        found["feed_forward"] = [wide if index < own else 2 * wide for index in range(layers)]
    return found
