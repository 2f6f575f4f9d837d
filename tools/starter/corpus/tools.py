"""Tool use: which tool, with which arguments, and the result said in words. The tools of the exam are not among them,
but for the four that OffGrid has itself; their arguments never are."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.starter.corpus.conversation import Conversation, assistant, call, result, user
from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.noise import as_typed
from tools.starter.corpus.slots import Slots, Value
from tools.starter.corpus.words import Words

_GRAMMAR = Grammar()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as typed and the call that answers it."""

    text: str
    name: str
    arguments: dict[str, Value]
    tool: dict[str, Any]


class Tools:
    def __init__(self, words: Words) -> None:
        table = tomllib.loads(Path(__file__).with_name("tools.toml").read_text("utf-8"))
        self._builtin: dict[str, dict[str, Any]] = table["builtin"]
        self._families: list[dict[str, Any]] = table["families"]
        self._words = words
        self._slots = Slots(words)

    def conversation(self, random_: random.Random) -> Conversation:
        """One or two requests with their calls, each maybe with its result, told in words."""
        asked = self._asked(random_)
        tools = self.offered(random_, asked)
        messages = self._exchange(asked, random_)
        if len(messages) > 2 and random_.random() < 0.35:
            again = self._asked(random_)
            if again.name not in {tool["name"] for tool in tools}:
                tools = (*tools, again.tool)
            # One name, one description: the second request uses the tool as it was offered.
            if again.tool in tools:
                messages += self._exchange(again, random_)
        return Conversation("tools", tuple(messages), tools)

    def offered(self, random_: random.Random, asked: _Asked | None = None) -> tuple[dict[str, Any], ...]:
        """Some tools in any order, that of `asked` among them; seldom more than six."""
        tools: dict[str, dict[str, Any]] = {}
        for name in self._builtin:
            if random_.random() < 0.6:
                tools[name] = self._describe_builtin(name, random_)
        for _ in range(random_.choice((0, 0, 1, 1, 2, 2, 3))):
            other = self._stranger(random_) if random_.random() < 0.4 else self._family(random_)
            tools[other.name] = other.tool
        if asked is not None:
            tools[asked.name] = asked.tool
        if not tools:
            tools["clock"] = self._describe_builtin("clock", random_)
        listed = list(tools.values())
        random_.shuffle(listed)
        return tuple(listed)

    def _asked(self, random_: random.Random) -> _Asked:
        chance = random_.random()
        if chance < 0.2:
            return self._calculator(random_)
        if chance < 0.28:
            return self._clock(random_)
        if chance < 0.4:
            return self._path("list_files", random_)
        if chance < 0.54:
            return self._path("read_file", random_)
        return self._family(random_) if chance < 0.8 else self._stranger(random_)

    # ------------------------------------------------------------ OffGrid's own

    def _calculator(self, random_: random.Random) -> _Asked:
        table = self._builtin["calculator"]
        operation = random_.choice(table["operators"])
        sign: str = operation["sign"]
        first, second = self._figure(random_), self._figure(random_)
        chance = random_.random()
        if chance < 0.72:
            wording = _GRAMMAR.sample(random_.choice(operation["ask"]), random_)
            swapped = wording.find("B") < wording.find("A") and sign in "+*"
            text = wording.replace("A", first).replace("B", second)
            expression = f"{second} {sign} {first}" if swapped else f"{first} {sign} {second}"
            keep: tuple[str, ...] = (first, second)
        elif chance < 0.82:
            numbers = [self._figure(random_) for _ in range(random_.choice((3, 3, 4)))]
            listed = ", ".join(numbers[:-1]) + " and " + numbers[-1]
            text = random_.choice((f"sum of {listed}", f"add {listed}", f"{listed} together", f"{listed}. the total"))
            expression, keep = " + ".join(numbers), tuple(numbers)
        else:
            third, more = self._figure(random_), random_.choice("+-*/")
            expression = random_.choice(
                (
                    f"({first} {sign} {second}) {more} {third}",
                    f"{first} {sign} {second} {more} {third}",
                    f"{first} {more} ({second} {sign} {third})",
                )
            )
            text = expression if random_.random() < 0.6 else expression.replace(" ", "")
            keep = (text,)
        text = _GRAMMAR.sample(random_.choice(table["sums"]), random_).replace("X", text)
        tool = self._describe_builtin("calculator", random_)
        return _Asked(as_typed(text, random_, keep=keep), "calculator", {"expression": expression}, tool)

    def _figure(self, random_: random.Random) -> str:
        whole = self._words.number(random_)
        return (
            f"{whole}.{self._words.number(random_, random_.choice((1, 2, 2, 3)))}" if random_.random() < 0.2 else whole
        )

    def _clock(self, random_: random.Random) -> _Asked:
        text = _GRAMMAR.sample(random_.choice(self._builtin["clock"]["ask"]), random_)
        return _Asked(as_typed(text, random_), "clock", {}, self._describe_builtin("clock", random_))

    def _path(self, name: str, random_: random.Random) -> _Asked:
        path = self._words.file(random_) if name == "read_file" else self._words.folder(random_)
        wording = _GRAMMAR.sample(random_.choice(self._builtin[name]["ask"]), random_)
        lines = int(self._words.number(random_, random_.choice((1, 2, 2, 3))))
        arguments: dict[str, Value] = {"path": path}
        if "<1>" in wording:
            arguments["tail"] = lines
        text = wording.replace("<0>", path).replace("<1>", str(lines))
        keep = (path, f" {lines} ") if "<1>" in wording else (path,)
        return _Asked(as_typed(text, random_, keep=keep), name, arguments, self._describe_builtin(name, random_))

    def _describe_builtin(self, name: str, random_: random.Random) -> dict[str, Any]:
        table = self._builtin[name]
        properties: dict[str, Any] = {}
        if name == "calculator":
            properties = {"expression": _schema("string", random_.choice(table["hints"]))}
        elif name != "clock":
            properties = {"path": _schema("string", random_.choice(table["hints"]))}
        required = list(properties)
        if name == "read_file":
            properties["tail"] = _schema("integer", random_.choice(table["tail_hints"]))
        return _tool(name, random_.choice(table["descriptions"]), properties, required)

    # ------------------------------------------------------------ tools of others

    def _family(self, random_: random.Random) -> _Asked:
        family = random_.choice(self._families)
        parameters = [(random_.choice(each["names"]), each["type"], each["slot"]) for each in family["params"]]
        name = random_.choice(family["names"])
        wording = random_.choice(family["ask"])
        return self._filled(name, random_.choice(family["descriptions"]), parameters, wording, random_)

    def _stranger(self, random_: random.Random) -> _Asked:
        """A tool that no list holds: a verb, a noun and some parameters that are named after what they are."""
        verb, noun = self._words.of("verbs", random_), self._words.noun(random_)
        shapes = (
            (("which", "string", "thing"),),
            (("name", "string", "first_name"),),
            (("code", "string", "code"),),
            (("number", "integer", "number"),),
            (("place", "string", "place"),),
            (("place", "string", "place"), ("number", "integer", "small")),
            (("colour", "string", "colour"), ("count", "integer", "small")),
            (("day", "string", "day"), ("time", "string", "time")),
            (("part", "string", "noun"), ("percent", "integer", "percent")),
            (("owner", "string", "first_name"), ("level", "integer", "small")),
            (("path", "string", "noun"), ("size", "integer", "number")),
            (),
        )
        parameters = list(random_.choice(shapes))
        wordings = {
            0: (
                "V the N",
                "(please |)V the N( now| for me|)",
                "(can you|i want you to|it is time to|you should) V the N",
            ),
            1: (
                "V the N <0>",
                "V N <0>",
                "V the N (with|for|of|at|called|in|to) <0>",
                "<0>: V the N",
                "the N <0>, V it",
                "(i want you to|can you|please) V the N (for|of|with|to|at) <0>",
                "N <0> (should be|must be|to) V",
            ),
            2: (
                "V the N (of|in|for|at|with) <0> (to|at|by|with|on) <1>",
                "V N <0> <1>",
                "N <0> (to|on|at|->) <1>",
                "(please |can you |i want you to |)V the <0> N (to|at|by|on) <1>( percent|)",
                "<0> N <1>",
                "the N (of|in|at) <0> (should|must|has to) be <1>",
                "the <0> N (is wrong, make it|needs|wants) <1>",
            ),
        }
        wording = random_.choice(wordings[len(parameters)]).replace("V", verb).replace("N", noun)
        name = random_.choice(
            (f"{verb}_{noun}", f"{noun}_{verb}", f"{verb}_{noun}s", f"{verb}{noun.capitalize()}", noun)
        )
        description = random_.choice(
            (f"{verb.capitalize()} a {noun}.", f"{verb.capitalize()}s the {noun}.", f"For the {noun}.")
        )
        return self._filled(name, description, parameters, wording, random_)

    def _filled(
        self,
        name: str,
        description: str,
        parameters: list[tuple[str, str, str]],
        wording: str,
        random_: random.Random,
    ) -> _Asked:
        text = _GRAMMAR.sample(wording, random_)
        arguments: dict[str, Value] = {}
        keep: list[str] = []
        for index, (parameter, _, slot) in enumerate(parameters):
            if f"<{index}>" not in text:
                continue
            value = self._slots.value(slot, random_)
            if isinstance(value, str) and random_.random() < 0.15:
                value = value.lower()
            arguments[parameter] = value
            keep.append(f"\ue0f0{value}\ue0f1")
            text = text.replace(f"<{index}>", keep[-1])
        typed = as_typed(text, random_, keep=tuple(keep)).replace("\ue0f0", "").replace("\ue0f1", "")
        properties = {
            parameter: _schema(kind, random_.choice(("", "", f"the {parameter}", f"which {parameter}")))
            for parameter, kind, _ in parameters
        }
        if random_.random() < 0.3:
            properties = dict(sorted(properties.items()))
        return _Asked(typed, name, arguments, _tool(name, description, properties, list(arguments)))

    # ------------------------------------------------------------ results

    def _exchange(self, asked: _Asked, random_: random.Random) -> list[dict[str, Any]]:
        messages = [user(asked.text), call(asked.name, asked.arguments)]
        if random_.random() < 0.45:
            came, said = self._outcome(asked, random_)
            messages += [result(came), assistant(said)]
        return messages

    def _outcome(self, asked: _Asked, random_: random.Random) -> tuple[str, str]:
        """What the tool gave back, and how to say it."""
        if random_.random() < 0.08:
            reason = random_.choice(
                (
                    "no such file",
                    "not found",
                    "permission denied",
                    "timed out",
                    "division by zero",
                    "not allowed",
                    "offline",
                )
            )
            came = random_.choice((f"error: {reason}", reason, f"Error: {reason}."))
            return came, f"That did not work: {came.rstrip('.')}."
        words = self._words
        match asked.name:
            case "calculator":
                value = self._figure(random_)
                return value, f"{asked.arguments['expression']} = {value}."
            case "clock":
                day = words.of("days", random_)
                date = f"{random_.randrange(2024, 2040)}-{random_.randrange(1, 13):02}-{random_.randrange(1, 29):02}"
                time = f"{random_.randrange(24):02}:{random_.randrange(60):02}:{random_.randrange(60):02}"
                came = random_.choice((f"{day} {date} {time}", f"{date} {time} {day}", f"{day}, {date} {time}"))
                return came, f"It is {day}, {date}, {time[:5]}."
            case "list_files":
                names = [words.file(random_).rsplit("/", 1)[-1] for _ in range(random_.choice((0, 1, 1, 2, 3, 4, 6)))]
                path = asked.arguments["path"]
                if not names:
                    return random_.choice(("", "", "(empty)")), f"The folder {path} is empty."
                return random_.choice(("\n", "\n", ", ")).join(names), f"In {path}: {', '.join(names)}."
            case "read_file":
                lines = [self._line(random_) for _ in range(random_.choice((1, 1, 2, 3)))]
                return "\n".join(lines), f"It says: {' / '.join(lines)}"
        came = self._line(random_)
        return came, f"{came[:1].upper()}{came[1:]}."

    def _line(self, random_: random.Random) -> str:
        words = self._words
        noun, other = words.noun(random_), words.noun(random_)
        return random_.choice(
            (
                f"{noun} = {words.of('colours', random_)}",
                f"{noun}={words.number(random_)}",
                f"{noun}: {words.invented(random_)}",
                f"the {noun} is {words.of('adjectives', random_)}",
                f"{words.number(random_)} {noun}s",
                f"{noun} now at {words.number(random_)}",
                f"in the {noun} at {words.place(random_)}",
                f"{words.first_name(random_)} has the {noun} and the {other}",
                f"{words.of('days', random_)} {random_.randrange(24)}:{random_.randrange(60):02}",
                f"ok {words.code(random_)}",
            )
        )


def _schema(kind: str, description: str) -> dict[str, Any]:
    return {"type": kind, "description": description} if description else {"type": kind}


def _tool(name: str, description: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    return {"name": name, "description": description, "parameters": parameters}
