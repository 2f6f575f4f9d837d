"""Lines of keys, in every form that TOML allows."""

from __future__ import annotations

import random
import tomllib
from typing import Any

from offgrid_tui.settings.lines import key_lines

_TEXT = '''\
top = 1   # 1
"quoted key" = "a = b [c]"

[engine] # comment = "no"
context = 4096
"a.b" = 1
deep.er = 1 # [ui]
text = """
[ui]
theme = 1
"""
literal = \'\'\'
x = """ \'\'\'
many = [
  "a", # ] not the end
  [1, 2],
  { k = "}" },
]
inline = { a = 1, b = [1, 2] }
after = "\\"]["

  [ui]
  theme = "dark"
[[list]]
name = 1
[[list]]
name = 2
["odd \\u0041".x]
y = 1
last = true'''


def test_every_form() -> None:
    assert key_lines(_TEXT) == {
        "top": 1,
        "quoted key": 2,
        "engine": 4,
        "engine.context": 5,
        "engine.a.b": 6,
        "engine.deep.er": 7,
        "engine.text": 8,
        "engine.literal": 12,
        "engine.many": 14,
        "engine.inline": 19,
        "engine.after": 20,
        "ui": 22,
        "ui.theme": 23,
        "list": 24,
        "list.name": 25,
        "list[1]": 26,
        "list[1].name": 27,
        "odd A.x": 28,
        "odd A.x.y": 29,
        "odd A.x.last": 30,
    }


def test_arrays_of_tables_inside_each_other() -> None:
    text = "[a]\n[[a.b]]\nx = 1\n[[a.b.c]]\ny = 1\n[[a.b.c]]\n[[a.b]]\nx = 2\n[[a.b.c]]\ny = 3\n[a.d]"
    assert key_lines(text) == {
        "a": 1,
        "a.b": 2,
        "a.b.x": 3,
        "a.b.c": 4,
        "a.b.c.y": 5,
        "a.b.c[1]": 6,
        "a.b[1]": 7,
        "a.b[1].x": 8,
        "a.b[1].c": 9,
        "a.b[1].c.y": 10,
        "a.d": 11,
    }


def test_nothing() -> None:
    assert key_lines("") == {}
    assert key_lines("# only\n\n# comments") == {}


def test_random_files_against_the_real_parser() -> None:
    """Every key is found, on the line on which it was written."""
    rng = random.Random(4)
    values = ["1", '"x"', "'#='", "[\n1,\n2]", '"""\na = 1\n[b]"""', "{ a = [1, 2] }", "'''\n]\n'''", '"\\"="', "1.5e3"]
    for _ in range(300):
        text, expected = "", {}
        for table in range(rng.randrange(4)):
            text += "\n" * rng.randrange(2) + "# x = [\n" * rng.randrange(2)
            expected[f"t{table}"] = text.count("\n") + 1
            text += f"[t{table}]\n"
            for key in range(rng.randrange(5)):
                text += " " * rng.randrange(3)
                expected[f"t{table}.k{key}"] = text.count("\n") + 1
                text += f"k{key}{' ' * rng.randrange(2)}={rng.choice(values)}{rng.choice(['', ' # ]', ' # k = 1'])}\n"
        parsed: dict[str, Any] = tomllib.loads(text)
        assert set(expected) == set(parsed) | {f"{t}.{k}" for t, keys in parsed.items() for k in keys}
        assert key_lines(text) == expected, text
