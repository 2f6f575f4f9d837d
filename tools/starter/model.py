"""The architecture that llama.cpp calls "llama": RMSNorm, rotary positions, grouped-query attention, SwiGLU.

Rotary positions turn neighbouring pairs (2i, 2i+1), as llama.cpp does for this architecture, so weights are exported
as they are. The embedding is the output head too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """The default is Pocket: 6.2 million parameters, 6.6 MB in Q8_0."""

    vocabulary: int = 4096
    layers: int = 7
    width: int = 256
    heads: int = 8
    kv_heads: int = 4
    feed_forward: int = 704
    context: int = 2048
    rope_base: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head_size(self) -> int:
        return self.width // self.heads


class Norm(nn.Module):
    """RMSNorm, in 32 bits."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self._epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), (x.shape[-1],), self.weight.float(), self._epsilon).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        self.q = nn.Linear(shape.width, shape.heads * shape.head_size, bias=False)
        self.k = nn.Linear(shape.width, shape.kv_heads * shape.head_size, bias=False)
        self.v = nn.Linear(shape.width, shape.kv_heads * shape.head_size, bias=False)
        self.output = nn.Linear(shape.heads * shape.head_size, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        """`x` [batch, length, width]; attention is causal."""
        batch, length, _ = x.shape
        shape = self._shape
        q = self.q(x).view(batch, length, shape.heads, shape.head_size)
        k = self.k(x).view(batch, length, shape.kv_heads, shape.head_size)
        v = self.v(x).view(batch, length, shape.kv_heads, shape.head_size).transpose(1, 2)
        q, k = _rotate(q, turn).transpose(1, 2), _rotate(k, turn).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True) if x.is_cuda else _attend(q, k, v)
        out: Tensor = self.output(y.transpose(1, 2).reshape(batch, length, -1))
        return out


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = Norm(shape.width, shape.epsilon)
        self.attention = Attention(shape)
        self.forward_norm = Norm(shape.width, shape.epsilon)
        self.gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.attention(self.attention_norm(x), turn)
        y = self.forward_norm(x)
        out: Tensor = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return out


class Llama(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.epsilon)
        cos, sin = _turns(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deviation = 0.02
                if name.endswith(("output.weight", "down.weight")):
                    deviation /= (2 * shape.layers) ** 0.5
                nn.init.normal_(parameter, std=deviation)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states [batch, length, width], normed: `logits` makes scores of them."""
        length = tokens.shape[1]
        x = self.embedding(tokens)
        assert isinstance(self.cos, Tensor) and isinstance(self.sin, Tensor)
        turn = (self.cos[:length], self.sin[:length])
        for block in self.blocks:
            x = block(x, turn)
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding.weight)

    def parameters_total(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def _turns(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines [context, 1, head_size / 2]."""
    half = torch.arange(0, shape.head_size, 2, dtype=torch.float64) / shape.head_size
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float64), shape.rope_base**-half)
    return angles.cos().float()[:, None], angles.sin().float()[:, None]


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention [batch, heads, length, head_size] by plain products; `k` and `v` have fewer heads.

    On a CPU in bf16 it is three to four times as fast as torch's fused one at the lengths of a chat: the queries that
    share a key head are one matrix, the mask comes with the product, and nothing is widened to 32 bits.
    """
    batch, heads, length, size = q.shape
    kv_heads = k.shape[1]
    each = heads // kv_heads
    later = torch.full((length, length), float("-inf"), dtype=q.dtype, device=q.device).triu(1).repeat(each, 1)
    q = q.reshape(batch * kv_heads, each * length, size)
    k, v = k.reshape(-1, length, size), v.reshape(-1, length, size)
    with torch.autocast(q.device.type, enabled=False):
        scores = torch.baddbmm(later, q, k.transpose(1, 2), alpha=size**-0.5)
        return (scores.softmax(-1) @ v).view(batch, heads, length, size)


def _rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Each pair (2i, 2i+1) of `x` [batch, length, heads, head_size] turned by its position's angle."""
    cos, sin = turn
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).to(x.dtype)
