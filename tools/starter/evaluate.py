"""Puts the held-out questions to a GGUF file through llama.cpp, and prints how many it gets right."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offgrid_tui.engine.worker.renderer import make_environment
from tools.starter import heldout
from tools.starter.heldout import Question
from tools.starter.judge import Verdict, is_refusal, judge, loops, wilson
from tools.starter.runner import Answer, Runner

MAX_TOKENS = 160
GOALS = {
    "help": 0.90, "tools: valid calls": 0.95, "tools: right": 0.90, "passages": 0.80, "outside": 0.85, "known": 0.95,
    "memory": 0.90, "stops by itself": 1.0,
}  # fmt: skip


class Asker:
    """Asks a model, by the template in its own file and the program's own renderer."""

    def __init__(self, path: Path, threads: int) -> None:
        self._runner = Runner(path, threads)
        self._template = make_environment().from_string(self._runner.template)

    def ask(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]] = (),
        *,
        temperature: float = 0.0,
        seed: int = 1,
    ) -> Answer:
        values: dict[str, Any] = {"messages": list(messages), "add_generation_prompt": True}
        if tools:
            values["tools"] = [{"type": "function", "function": tool} for tool in tools]
        prompt = self._runner.tokenise(self._template.render(**values))
        return self._runner.generate(prompt, limit=MAX_TOKENS, temperature=temperature, seed=seed)

    def answer(self, question: Question, **how: Any) -> Answer:
        """The answer to the last turn of `question`; those before it are answered by the model as well."""
        tools = heldout.tools() if question.kind == "tools" else ()
        messages: list[dict[str, Any]] = []
        if question.called is not None:
            name, arguments, result = question.called
            called = {"type": "function", "function": {"name": name, "arguments": arguments}}
            messages = [
                {"role": "user", "content": question.turns[0]},
                {"role": "assistant", "content": "", "tool_calls": [called]},
                {"role": "tool", "content": result},
            ]
            return self.ask(messages, tools, **how)
        for turn in question.turns[:-1]:
            messages.append({"role": "user", "content": turn})
            messages.append({"role": "assistant", "content": self.ask(messages, tools, **how).text})
        messages.append({"role": "user", "content": question.turns[-1]})
        return self.ask(messages, tools, **how)


def evaluate(model: Path, *, samples: int, threads: int, answers: Path | None) -> None:
    """Print the table of figures, each with its interval; with `answers`, write every answer there."""
    asker, began = Asker(model, threads), time.monotonic()
    judged: list[tuple[Question, Answer, Verdict]] = []
    for question in heldout.everything():
        answer = asker.answer(question)
        verdict = judge(question, answer.text, heldout.tools() if question.kind == "tools" else ())
        if not answer.ended:
            verdict = Verdict(False, verdict.refused, "does not end", verdict.valid)
        judged.append((question, answer, verdict))
    if answers is not None:
        _write(answers, judged)
    print(f"{model.name}: {len(judged)} questions, greedy, {time.monotonic() - began:.0f} s\n")
    print(f"{'':<24}{'right':>12}{'share':>9}   {'95% interval':<16}{'goal':>6}")
    for name, right, total in _figures(judged):
        low, high = wilson(right, total)
        goal = f"{GOALS[name]:.0%}" if name in GOALS else ""
        interval = f"{low:.1%} to {high:.1%}"
        print(f"{name:<24}{f'{right} of {total}':>12}{right / max(total, 1):>9.1%}   {interval:<16}{goal:>6}")
    if samples:
        _sample(asker, samples)


def _figures(judged: list[tuple[Question, Answer, Verdict]]) -> list[tuple[str, int, int]]:
    """Name, how many are right, of how many."""
    by_kind = {kind: [(q, v) for q, _, v in judged if q.kind == kind] for kind in heldout.KINDS}
    calls = [v for q, v in by_kind["tools"] if q.call and q.called is None]
    figures = [(name, sum(v.right for _, v in by_kind[name]), len(by_kind[name])) for name in ("help",)]
    figures.append(("tools: valid calls", sum(v.valid is True for v in calls), len(calls)))
    figures.append(("tools: right", sum(v.right for _, v in by_kind["tools"]), len(by_kind["tools"])))
    for name in ("calculator", "clock", "list_files", "read_file", "dim_lights", "track_parcel"):
        rows = [v for q, v in by_kind["tools"] if q.call == name and q.called is None]
        figures.append((f"  {name}", sum(v.right for v in rows), len(rows)))
    for name, rows in (
        ("  no call wanted", [v for q, v in by_kind["tools"] if not q.call and q.called is None]),
        ("  result told", [v for q, v in by_kind["tools"] if q.called is not None]),
    ):
        figures.append((name, sum(v.right for v in rows), len(rows)))
    for name in ("passages", "outside", "known", "memory"):
        figures.append((name, sum(v.right for _, v in by_kind[name]), len(by_kind[name])))
    asked = by_kind["help"] + by_kind["known"]
    figures.append(("false refusals", sum(v.refused for _, v in asked), len(asked)))
    figures.append(("stops by itself", sum(a.ended for _, a, _ in judged), len(judged)))
    return figures


def _sample(asker: Asker, count: int) -> None:
    """Answers at temperature 0.7: whether they end, repeat themselves or break UTF-8."""
    questions = [q for kind in ("help", "known", "outside", "passages") for q in heldout.questions(kind)]
    ended = looping = broken = refused = 0
    for number in range(count):
        answer = asker.answer(questions[number % len(questions)], temperature=0.7, seed=number + 1)
        ended += answer.ended
        looping += loops(answer.text)
        broken += "\ufffd" in answer.text
        refused += is_refusal(answer.text)
        if (number + 1) % 100 == 0:
            print(f"sampled {number + 1} of {count}", file=sys.stderr)
    print(
        f"\n{count} answers at temperature 0.7: {ended} end by themselves, {looping} loop, {broken} with broken UTF-8"
    )


def _write(path: Path, judged: list[tuple[Question, Answer, Verdict]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for question, answer, verdict in judged:
            row = {
                "kind": question.kind, "asked": question.turns, "answer": answer.text, "right": verdict.right,
                "why": verdict.why, "ended": answer.ended,
            }  # fmt: skip
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
