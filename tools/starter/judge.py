"""Judges answers to the held-out questions, as heldout/README.md says."""

from __future__ import annotations

import ast
import json
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.starter.heldout import Question

MAX_HELP_WORDS = 120
_REFUSALS = re.compile(
    r"\bi (really |just |simply )?(don.?t|do not) (know|have (an answer|that))"
    r"|\bi (can.?t|cannot|am not able to|am unable to) (help|answer|do|say|tell)"
    r"|\b(out of|outside|beyond) (of )?my (reach|knowledge)|\bi have no (idea|knowledge)"
    r"|\b(does|do)(n.?t| not) say\b|\bnot (said|mentioned|stated) in the (passage|text)"
    r"|\bi know (only|nothing but) offgrid",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"\b(real|larger|bigger|better|other|another|stronger) model|\bcatalog\b|\bdownload a model|\bget a model",
    re.IGNORECASE,
)
_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_KEY = re.compile(r"key:([^|)]+)")
_CITED = re.compile(r"\[(\d+)\]")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "object": (dict,),
    "array": (list,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """`valid` speaks of tool calls, and is None where none was asked for or made."""

    right: bool
    refused: bool
    why: str = ""
    valid: bool | None = None


def judge(question: Question, answer: str, tools: Sequence[Mapping[str, Any]] = ()) -> Verdict:
    """Judge an answer that ended by itself (one that did not is wrong, and not for this function)."""
    refused = is_refusal(answer)
    if question.kind == "tools":
        return _judge_tools(question, answer, tools, refused)
    if question.kind == "outside":
        advised = bool(question.passages) or bool(_ADVICE.search(answer))
        return Verdict(
            refused and advised, refused, "" if refused and advised else "no refusal" if not refused else "no advice"
        )
    why = _missing(question, answer)
    if not why and question.kind in ("help", "known") and refused:
        why = "refused"
    if not why and question.kind == "help" and len(answer.split()) > MAX_HELP_WORDS:
        why = "too long"
    if not why and question.kind == "passages":
        why = _misquoted(question, answer)
    return Verdict(not why, refused, why)


def is_refusal(answer: str) -> bool:
    return bool(_REFUSALS.search(answer))


def holds(pattern: str, answer: str) -> bool:
    """Whether `answer` has what `pattern` of a `need` asks for: a regular expression, or `key:X`."""
    plain = answer.replace("’", "'")
    # A pattern may mix both: the keys are cut out and tried each for itself.
    keys = _KEY.findall(pattern)
    rest = [part for part in _KEY.sub("", pattern).split("|") if part]
    return any(names_key(key, plain) for key in keys) or bool(rest and re.search("|".join(rest), plain, re.IGNORECASE))


def names_key(key: str, answer: str) -> bool:
    """Whether `answer` names `key` as a key: quoted, in code marks or brackets, or after "press" and the like."""
    flags = re.NOFLAG if len(key) == 1 else re.IGNORECASE
    written = re.escape(key).replace("ctrl\\+", r"(?:ctrl|control) ?[+-] ?")
    if re.search(rf"[`\"'(\[“‘]{written}[`\"')\]”’]", answer, flags):
        return True
    if len(key) == 1:
        # "press a key" and "with a model" name no key.
        return bool(re.search(rf"\b(?i:press|hit|key)\s+{written}(?![\w+])(?! key| button)", answer))
    return bool(re.search(rf"\b(?:press|hit|keys?|use|with|on|is|or|and|then)\s+{written}(?![\w+])", answer, flags))


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95% interval of a share, by Wilson's score (E. B. Wilson, 1927)."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.96, right / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def loops(text: str) -> bool:
    """Whether the same words (or, without spaces, letters) come again and again: a run of 1 to 12 words four times."""
    words = text.split()
    if len(words) < 4 and len(text) > 60:
        return bool(re.search(r"(.{1,12})\1{7,}", text))
    for size in range(1, 13):
        for at in range(len(words) - 4 * size + 1):
            once = words[at : at + size]
            if all(words[at + size * turn : at + size * (turn + 1)] == once for turn in (1, 2, 3)):
                return True
    return False


# ---------------------------------------------------------------- facts and passages


def _missing(question: Question, answer: str) -> str:
    for pattern in question.need:
        if not holds(pattern, answer):
            return f"lacks {pattern}"
    for pattern in question.never:
        if holds(pattern, answer):
            return f"says {pattern}"
    return ""


def _misquoted(question: Question, answer: str) -> str:
    cited = {int(number) for number in _CITED.findall(answer)}
    if cited != {question.cite}:
        return f"cites {sorted(cited)}, not {question.cite}"
    for passage in question.passages:
        sentences = [part.strip() for part in re.split(r"(?<=[.;:?!])\s+", passage) if part.strip()]
        if len(sentences) > 1 and all(sentence.rstrip(".;:") in answer for sentence in sentences):
            return "repeats a whole passage"
    return ""


# ---------------------------------------------------------------- tools


def _judge_tools(question: Question, answer: str, tools: Sequence[Mapping[str, Any]], refused: bool) -> Verdict:
    wants_call = bool(question.call) and question.called is None
    if "<tool_call>" not in answer:
        if wants_call:
            return Verdict(False, refused, "no call", valid=False)
        why = _missing(question, answer)
        return Verdict(not why, refused, why)
    parsed, fault = parse_call(answer, tools)
    if parsed is None:
        return Verdict(False, refused, fault, valid=False)
    name, arguments = parsed
    if not wants_call:
        return Verdict(False, refused, f"calls {name}", valid=True)
    if name != question.call:
        return Verdict(False, refused, f"calls {name}, not {question.call}", valid=True)
    if not any(_same_arguments(name, arguments, accepted) for accepted in question.arguments):
        return Verdict(False, refused, f"arguments {arguments}", valid=True)
    return Verdict(True, refused, valid=True)


def parse_call(answer: str, tools: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, dict[str, Any]] | None, str]:
    """The one valid call of `answer`, or None and what is wrong with it."""
    found = list(_CALL.finditer(answer))
    if len(found) != 1 or answer.count("<tool_call>") != 1:
        return None, f"{len(found)} calls"
    if answer[found[0].end() :].strip():
        return None, "words after the call"
    try:
        value = json.loads(found[0][1])
    except ValueError as error:
        return None, f"no JSON: {error}"
    if not isinstance(value, dict) or set(value) != {"name", "arguments"} or not isinstance(value["arguments"], dict):
        return None, "not a name and arguments"
    offered = {str(tool["name"]): tool for tool in tools}
    if value["name"] not in offered:
        return None, f"no tool {value['name']!r}"
    fault = _schema_fault(value["arguments"], offered[value["name"]]["parameters"])
    return (None, fault) if fault else ((value["name"], value["arguments"]), "")


def _schema_fault(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in arguments:
            return f"lacks the argument {name}"
    for name, value in arguments.items():
        if name not in properties:
            return f"no argument {name}"
        allowed = _TYPES[properties[name]["type"]]
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            return f"{name} is no {properties[name]['type']}"
    return ""


def _same_arguments(name: str, given: Mapping[str, Any], accepted: Mapping[str, Any]) -> bool:
    if set(given) != set(accepted):
        return False
    if name == "calculator":
        return _same_expression(str(given["expression"]), str(accepted["expression"]))
    return all(_same_value(given[key], accepted[key]) for key in accepted)


def _same_value(given: object, accepted: object) -> bool:
    if isinstance(given, (int, float)) and isinstance(accepted, (int, float)):
        return float(given) == float(accepted)
    return given == accepted


def _same_expression(given: str, accepted: str) -> bool:
    """Equal in value, and made of the same numbers: 2 * 3 is 3 * 2, but 6 is neither."""
    numbers = [Counter(float(n) for n in re.findall(r"\d+(?:\.\d+)?", text)) for text in (given, accepted)]
    values = [_value(text) for text in (given, accepted)]
    if numbers[0] != numbers[1] or None in values:
        return False
    return math.isclose(values[0] or 0.0, values[1] or 0.0, rel_tol=1e-12)


_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def _value(expression: str) -> float | None:
    """The value of plain arithmetic; None for anything else."""
    text = expression.replace("×", "*").replace("÷", "/")
    try:
        return _reckon(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None


def _reckon(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_reckon(node.left), _reckon(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_reckon(node.operand)
    raise ValueError("not arithmetic")
