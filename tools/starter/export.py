"""Writes the trained model as GGUF, in 32 bits and in Q8_0, and proves that llama.cpp and PyTorch agree on it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import torch

from tools.starter.corpus.mixture import Mixture
from tools.starter.model import Llama
from tools.starter.runner import Runner
from tools.starter.template import CHAT_TEMPLATE, render
from tools.starter.tokenizer import CONTROL, PRE_TOKENIZER, WHOLE, Tokenizer
from tools.starter.train import load_model

NAME = "Pocket"
DESCRIPTION = (
    "The guide built into OffGrid: knows its help, uses a few tools, quotes from a passage, and says when it does not "
    "know. Trained from scratch on text that scripts generate."
)
LICENCE = "apache-2.0"
_PROMPT_SEED = 2_000_003  # not that of any corpus
_STRINGS = 4000
_STEPS = 48  # tokens that are compared for each prompt


def export(folder: Path, prompts: int) -> None:
    """`pocket-f32.gguf` and `pocket-q8_0.gguf` from the checkpoint in `folder`.

    Raises:
        SystemExit: llama.cpp cuts a text otherwise, or says something else.
    """
    model, tokenizer = load_model(folder / "checkpoint.pt"), Tokenizer.load(folder / "tokenizer.json")
    for name, kind in (("f32", gguf.GGMLQuantizationType.F32), ("q8_0", gguf.GGMLQuantizationType.Q8_0)):
        path = folder / f"pocket-{name}.gguf"
        write_gguf(path, model, tokenizer, kind)
        print(f"{path}: {path.stat().st_size:,} bytes")
    runner = Runner(folder / "pocket-f32.gguf", threads=1)
    check_tokens(runner, tokenizer)
    check_answers(runner, model, tokenizer, prompts)


def write_gguf(path: Path, model: Llama, tokenizer: Tokenizer, kind: gguf.GGMLQuantizationType) -> None:
    """The whole model in one file; matrices as `kind`, norms in 32 bits."""
    shape = model.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_license(LICENCE)
    writer.add_author("The OffGrid developers")
    writer.add_size_label(f"{model.parameters_total() / 1e6:.0f}M")
    writer.add_languages(["en"])
    writer.add_tags(["text-generation", "offgrid", "guide"])
    writer.add_file_type(
        gguf.LlamaFileType.ALL_F32 if kind == gguf.GGMLQuantizationType.F32 else gguf.LlamaFileType.MOSTLY_Q8_0
    )
    if kind != gguf.GGMLQuantizationType.F32:
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    _add_tokenizer(writer, tokenizer)
    for name, values in _tensors(model):
        if values.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    special = {**dict.fromkeys(CONTROL, gguf.TokenType.CONTROL), **dict.fromkeys(WHOLE, gguf.TokenType.USER_DEFINED)}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types([special.get(token, gguf.TokenType.NORMAL) for token in tokenizer.tokens])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.pad)
    writer.add_eos_token_id(tokenizer.end)
    writer.add_eot_token_id(tokenizer.end)
    writer.add_pad_token_id(tokenizer.pad)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def tensor_names(layers: int) -> Iterator[tuple[str, str]]:
    """Each tensor of the model: our name, and llama.cpp's."""
    names = {
        "attention_norm": "attn_norm", "attention.q": "attn_q", "attention.k": "attn_k", "attention.v": "attn_v",
        "attention.output": "attn_output", "forward_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up",
        "down": "ffn_down",
    }  # fmt: skip
    yield "embedding.weight", "token_embd.weight"
    for index in range(layers):
        for ours, theirs in names.items():
            yield f"blocks.{index}.{ours}.weight", f"blk.{index}.{theirs}.weight"
    yield "norm.weight", "output_norm.weight"


def _tensors(model: Llama) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    state = model.state_dict()
    for ours, theirs in tensor_names(model.shape.layers):
        yield theirs, _array(state[ours])


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    return tensor.detach().float().contiguous().numpy()


def check_tokens(runner: Runner, tokenizer: Tokenizer) -> None:
    """Every string must be cut by llama.cpp as by us: what people write, and what nobody does."""
    random_ = random.Random(5)
    alphabet = "aZ09 \t\n\r'’.,!?-_/\\<>{}[]|`\"éßøЖ中文あ한ا😀👩\u200d🚀\u0301½²٣€°–…\u00a0\u2003"
    strings = ["".join(random_.choices(alphabet, k=random_.randrange(1, 40))) for _ in range(_STRINGS // 2)]
    for conversation in Mixture().conversations(_STRINGS // 8, _PROMPT_SEED):
        strings += [str(message["content"]) for message in conversation.messages]
        strings.append("".join(text for text, _ in render(conversation.messages, conversation.tools)))
    for text in strings:
        ours, theirs = tokenizer.encode(text), runner.tokenise(text)
        if ours != theirs:
            raise SystemExit(f"llama.cpp cuts {text!r} otherwise: {theirs}, not {ours}")
        if tokenizer.decode(ours) != runner.text(theirs):
            raise SystemExit(f"llama.cpp reads {ours} otherwise: {runner.text(theirs)!r}")
    print(f"tokens: {len(strings)} strings are cut alike by llama.cpp and by us")


def check_answers(runner: Runner, model: Llama, tokenizer: Tokenizer, prompts: int) -> None:
    """Greedy tokens must agree, each given llama.cpp's own tokens before it."""
    wrong = compared = 0
    for conversation in Mixture().conversations(prompts, _PROMPT_SEED + 1):
        ids = tokenizer.encode(_prompt(conversation.messages, conversation.tools))
        theirs = runner.generate(ids, limit=_STEPS, temperature=0.0).tokens
        with torch.no_grad():
            hidden = model(torch.tensor([ids + theirs]))[0, len(ids) - 1 : -1]
            ours = model.logits(hidden).argmax(-1).tolist()
        compared += len(theirs)
        wrong += ours != theirs
    print(f"answers: {prompts - wrong} of {prompts} prompts answered with the same greedy tokens ({compared} tokens)")
    if wrong:
        raise SystemExit("llama.cpp and PyTorch don't agree")


def _prompt(messages: tuple[dict[str, Any], ...], tools: tuple[dict[str, Any], ...]) -> str:
    """The conversation up to what the assistant says last."""
    last = max(index for index, message in enumerate(messages) if message["role"] == "assistant")
    return "".join(text for text, _ in render(messages[:last], tools, prompt=True))
