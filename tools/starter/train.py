"""Trains the model: what the assistant says weighted most, Muon for the matrices and AdamW for the rest; warm-up, a
level stretch, and a descent to nothing. May be interrupted at any time and goes on from its last checkpoint."""

from __future__ import annotations

import copy
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.starter.data import Packed, Part, steps
from tools.starter.model import Llama, Shape


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. Rates are those of the peak."""

    steps: int = 5000
    budget: int = 8_192  # tokens in a step
    part: int = 2048  # tokens, with padding, that are computed at once: what stays in the CPU's caches
    longest: int = 2048  # tokens of one conversation
    matrix_rate: float = 0.003  # of Muon, whose updates are scaled to the size of AdamW's
    other_rate: float = 0.003
    decay: float = 0.1
    warmup: int = 100
    descent: float = 0.35  # of all steps: the last ones, in which the rates fall to nothing
    heard_weight: float = 0.4  # of a token that the assistant doesn't say,
    heard_every: int = 5  # of which only every fifth is foretold: the head and its loss are a quarter of the work
    seed: int = 1
    every: int = 200  # steps between checkpoints


class Trainer:
    def __init__(
        self,
        folder: Path,
        packed: Packed,
        shape: Shape,
        plan: Plan,
        *,
        device: str,
        bf16: bool,
        compile_: bool,
        workers: int = 1,
        of: Path | None = None,
    ) -> None:
        """`of` is a GGUF file to begin with. `workers` compute the parts of a step side by side: on a CPU that others
        use too they get further than as many threads in one product, which wait for one another at every one."""
        torch.manual_seed(plan.seed)
        self._folder, self._packed, self._plan = folder, packed, plan
        self._device = torch.device(device)
        self._bf16 = bf16
        self.model = Llama(shape)
        if of is not None:
            from tools.starter.warm import take_weights  # needs what only it and export need

            take_weights(self.model, of)
        self.model.to(self._device)
        self._models = [self.model, *(_twin(self.model) for _ in range(workers - 1))]
        self._calls: list[Any] = [torch.compile(model) if compile_ else model for model in self._models]
        self._pool = ThreadPoolExecutor(workers)
        matrices = [p for name, p in self.model.named_parameters() if p.dim() == 2 and not name.startswith("embedding")]
        others = [p for name, p in self.model.named_parameters() if p.dim() != 2 or name.startswith("embedding")]
        self._optimisers: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(
                matrices, lr=plan.matrix_rate, weight_decay=plan.decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(others, lr=plan.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
        )
        self._peaks = (plan.matrix_rate, plan.other_rate)
        self._step = 0
        self._tokens = 0
        self._seconds = 0.0  # spent training, over all runs
        self._stopping = False
        self._resume()

    def run(self) -> bool:
        """Train to the last step, or until SIGINT or SIGTERM; either way a checkpoint is left. Whether all is done."""
        plan = self._plan
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        batches = self._steps(skip=self._step)
        began = since = time.monotonic()
        first, spent, before = self._step, self._seconds, self._tokens
        recent: list[float] = []
        while self._step < plan.steps and not self._stopping:
            recent.append(self.train_step(next(batches)))
            now = time.monotonic()
            self._seconds = spent + now - began
            if self._step % 10 == 0 or self._step == plan.steps:
                left = (plan.steps - self._step) * (now - began) / (self._step - first)
                self._tell(float(np.mean(recent)), (self._tokens - before) / (now - since), left)
                since, before, recent = now, self._tokens, []
            if self._step % plan.every == 0:
                self._save()
        self._save()
        return self._step >= plan.steps

    def train_step(self, parts: list[Part]) -> float:
        """One step; returns the loss per token that the assistant says."""
        rate = self._rate()
        for optimiser, peak in zip(self._optimisers, self._peaks, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
        total = sum(float(self._weights(torch.from_numpy(says)).sum()) for _, says in parts)
        left = parts[::-1]

        def work(number: int) -> tuple[float, float]:
            loss = said = 0.0
            while left:
                try:
                    tokens, says = left.pop()
                except IndexError:  # another worker took the last one
                    break
                weights = self._weights(torch.from_numpy(says)).to(self._device)
                losses, weighed = self._losses(number, torch.from_numpy(tokens).to(self._device), weights)
                (losses * weighed).sum().div(total).backward()  # type: ignore[no-untyped-call]
                loss += float(losses.detach()[weighed == 1].sum())
                said += float((weighed == 1).sum())
            return loss, said

        sums = list(self._pool.map(work, range(len(self._models))))
        self._gather()
        self._tokens += sum(int((says >= 0).sum()) for _, says in parts)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self._optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self._step += 1
        return sum(loss for loss, _ in sums) / max(sum(said for _, said in sums), 1.0)

    def _gather(self) -> None:
        """Add what the other workers found to the gradients of the model."""
        for twin in self._models[1:]:
            for mine, theirs in zip(self.model.parameters(), twin.parameters(), strict=True):
                if theirs.grad is not None:
                    mine.grad = theirs.grad if mine.grad is None else mine.grad.add_(theirs.grad)
                    theirs.grad = None

    def _losses(self, number: int, tokens: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The losses of the tokens that have a weight, given those before them, and these weights. Padding stands at
        the end, so causal attention alone keeps it out."""
        chosen = weights > 0
        with torch.autocast(self._device.type, torch.bfloat16) if self._bf16 else nullcontext():
            logits = self._models[number].logits(self._calls[number](tokens[:, :-1])[chosen])
        return F.cross_entropy(logits.float(), tokens[:, 1:][chosen], reduction="none"), weights[chosen]

    def _weights(self, says: Tensor) -> Tensor:
        """The weight of each token but the first of a row [rows, columns - 1]."""
        plan = self._plan
        heard = (torch.arange(says.shape[1]) + self._step) % plan.heard_every == 0
        return torch.where(says == 1, 1.0, plan.heard_weight * ((says == 0) & heard))[:, 1:]

    def _rate(self) -> float:
        """The part of the peak rate that holds at this step."""
        plan = self._plan
        if self._step < plan.warmup:
            return (self._step + 1) / plan.warmup
        return min(1.0, (plan.steps - self._step) / max(1.0, plan.steps * plan.descent))

    def _steps(self, skip: int) -> Iterator[list[Part]]:
        """Steps without end, epoch after epoch; the first `skip` are left out."""
        plan, epoch, count = self._plan, 0, 0
        while True:
            for parts in steps(self._packed, plan.budget, plan.part, epoch, plan.seed, plan.longest):
                count += 1
                if count > skip:
                    yield parts
            epoch += 1

    def _tell(self, loss: float, speed: float, left: float) -> None:
        plan = self._plan
        print(
            f"step {self._step}/{plan.steps}  loss {loss:.4f}  {self._tokens / 1e6:.1f} M tokens  {speed:,.0f} t/s  "
            f"{self._seconds / 60:.1f} min  {left / 60:.1f} min left",
            file=sys.stderr,
            flush=True,
        )
        with (self._folder / "training.jsonl").open("a", encoding="utf-8") as file:
            row = {
                "step": self._step,
                "loss": round(loss, 5),
                "tokens": self._tokens,
                "seconds": round(self._seconds, 1),
            }
            file.write(json.dumps(row) + "\n")

    def _save(self) -> None:
        state = {
            "step": self._step,
            "seconds": self._seconds,
            "tokens": self._tokens,
            "shape": dataclasses.asdict(self.model.shape),
            "plan": dataclasses.asdict(self._plan),
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
        }
        part = self._folder / "checkpoint.part"
        torch.save(state, part)
        part.replace(self._folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self._folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        asked = {"shape": dataclasses.asdict(self.model.shape), "plan": dataclasses.asdict(self._plan)}
        made = {name: state[name] for name in asked}
        # On the level stretch nothing depends on where the end lies yet: time may turn out longer or shorter.
        if state["step"] <= min(plan["steps"] * (1 - plan["descent"]) for plan in (asked["plan"], made["plan"])):
            made["plan"] = made["plan"] | {"steps": asked["plan"]["steps"]}
        if made != asked:
            raise SystemExit(f"{path} was made with other settings: {state['shape']}, {state['plan']}. Move it away.")
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self._step, self._seconds, self._tokens = state["step"], state["seconds"], state["tokens"]
        print(f"going on at step {self._step}", file=sys.stderr)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True


def _twin(model: Llama) -> Llama:
    """Another model with the very same weights and gradients of its own."""
    twin = copy.deepcopy(model)
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        theirs.data = mine.data
    return twin


def load_model(path: Path) -> Llama:
    """The model of a checkpoint, on the CPU in 32 bits."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = Llama(Shape(**state["shape"]))
    model.load_state_dict(state["model"])
    return model.eval()
