"""Where a value comes from, and what becomes of one that cannot be used."""

from __future__ import annotations

import dataclasses
import os
import random
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.engine.contract import Sampling
from offgrid_tui.settings.lines import key_lines
from offgrid_tui.settings.load import load_settings, variable_of
from offgrid_tui.settings.schema import SECTIONS, Origin, Rule, SettingProblem, Settings, known_keys, rules
from offgrid_tui.settings.values import check_value, default_of
from offgrid_tui.system.paths import Paths


def _load(home: Paths, text: str | bytes, env: dict[str, str] | None = None, **overrides: Any) -> Settings:
    home.config.mkdir(parents=True, exist_ok=True)
    home.settings_file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(home, env or {}, {key.replace("__", "."): value for key, value in overrides.items()})


def _only(settings: Settings) -> SettingProblem:
    (problem,) = settings.problems
    return problem


def _another(annotation: str, rule: Rule) -> str:
    """A valid value that is not the default (but for some truths), as text."""
    if rule.choices:
        return rule.choices[1]
    if rule.low is not None and rule.high is not None:
        return f"{rule.low + 2:.0f}" if "int" in annotation else str(rule.low + (rule.high - rule.low) / 4)
    return "true" if "bool" in annotation else "a,b" if "tuple" in annotation else "text"


# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_reading_makes_nothing(home: Paths) -> None:
    settings = load_settings(home, {})
    assert settings == Settings()
    assert settings.origin("engine.context") == Origin("default")
    assert not home.config.exists()


def test_each_source_wins_over_the_one_before(home: Paths) -> None:
    text = "[engine]\n# comment\ncontext = 4096\nslots = 4\nthreads = 3\n"
    env = {"OFFGRID_ENGINE_SLOTS": "5", "OFFGRID_ENGINE_THREADS": "6", "OFFGRID_HOME": "/x"}
    settings = _load(home, text, env, engine__threads=7)
    assert not settings.problems
    engine = settings.engine
    assert (engine.keep_alive, engine.context, engine.slots, engine.threads) == (300.0, 4096, 5, 7)
    assert settings.origin("engine.keep_alive") == Origin("default")
    assert settings.origin("engine.context") == Origin("file", f"{home.settings_file}:3")
    assert settings.origin("engine.slots") == Origin("environment", "OFFGRID_ENGINE_SLOTS")
    assert settings.origin("engine.threads") == Origin("override")


def test_a_bad_value_leaves_the_source_before_it(home: Paths) -> None:
    settings = _load(home, "[engine]\nslots = 4\n", {"OFFGRID_ENGINE_SLOTS": "many"}, engine__slots=1000)
    assert settings.engine.slots == 4
    assert settings.origin("engine.slots").source == "file"
    variable, flag = settings.problems
    assert (variable.variable, variable.where) == ("OFFGRID_ENGINE_SLOTS", "OFFGRID_ENGINE_SLOTS")
    assert (flag.where, flag.nearest) == ("command line", "64")
    assert "Until then: 4" in flag.mend


def test_a_flag_that_was_not_given_changes_nothing(home: Paths) -> None:
    assert _load(home, "[chat]\nseed = 5\n", chat__seed=None).chat.seed == 5


def test_automatic_takes_a_value_back(home: Paths) -> None:
    settings = _load(home, '[engine]\nslots = "auto"\ncontext = 512\n', {"OFFGRID_ENGINE_CONTEXT": "auto"})
    assert not settings.problems
    assert settings.engine.slots is None
    assert settings.engine.context is None
    assert settings.origin("engine.context").source == "environment"


def test_every_setting_by_every_source(home: Paths) -> None:
    """Each setting can be set by file, variable and flag, and gives the same value by all three."""
    for key in known_keys():
        section, name = key.split(".")
        rule = rules(section)[name]
        text = _another(SECTIONS[section].__annotations__[name], rule)
        by_variable = load_settings(home, {variable_of(key): text})
        assert not by_variable.problems, key
        value = getattr(getattr(by_variable, section), name)
        assert value is not None
        assert value != default_of(key) or text == "true", key
        by_flag = load_settings(home, {}, {key: value})
        assert by_flag.origin(key).source == "override"
        literal = (
            f"{value!r}".lower()
            if isinstance(value, bool)
            else repr(list(value) if isinstance(value, tuple) else value)
        )
        by_file = _load(home, f"[{section}]\n{name} = {literal}\n")
        assert not by_file.problems, key
        assert getattr(by_file, section) == getattr(by_flag, section) == getattr(by_variable, section), key
        home.settings_file.unlink()


@pytest.mark.parametrize("word", ["true", "Yes", "ON", "1", " true "])
def test_words_for_true_in_a_variable(home: Paths, word: str) -> None:
    assert load_settings(home, {"OFFGRID_NETWORK_OFFGRID": word}).network.offgrid is True


@pytest.mark.parametrize("word", ["", "  "])
def test_an_empty_variable_is_none(home: Paths, word: str) -> None:
    settings = load_settings(home, {"OFFGRID_ENGINE_SLOTS": word})
    assert settings == Settings()


def test_keys(home: Paths) -> None:
    text = '[keys]\nquit = "ctrl+q"\n"chat.stop" = ["ctrl+c", "f9"]\nbad = 5\nempty = []\n'
    settings = _load(home, text)
    assert dict(settings.keys) == {"quit": "ctrl+q", "chat.stop": "ctrl+c,f9"}
    assert settings.origin("keys.quit") == Origin("file", f"{home.settings_file}:2")
    assert [(p.key, p.line) for p in settings.problems] == [("keys.bad", 4), ("keys.empty", 5)]


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "line", "what", "nearest"),
    [
        ("[engine]\n\ncontxt = 5", 3, "engine.contxt is not a setting", "engine.context"),
        ("[engine]\nstop = ['a']", 2, "engine.stop is not a setting", "chat.stop"),
        ("\n[engin]\ncontext = 512", 2, "engin is not a setting", "[engine]"),
        ("[zzzzzz]\na = 1", 1, "zzzzzz is not a setting", None),
        ("engine = 5", 1, "engine is 5, expected a table: [engine]", "[engine]"),
        ("context = 512", 1, "context is not a setting", "engine.context"),
        ("[engine]\nslots = 0", 2, "engine.slots is 0, expected a whole number from 1 to 64", "1"),
        ("[engine]\nslots = 65", 2, "engine.slots is 65", "64"),
        ('[engine]\nslots = "4"', 2, 'engine.slots is "4"', "4"),
        ("[engine]\nslots = 4.0", 2, "engine.slots is 4.0", "4"),
        ("[engine]\nslots = true", 2, "engine.slots is true", None),
        ("[engine]\nslots = [4]", 2, "engine.slots is [4]", None),
        ("[engine]\nslots = {a = 4}", 2, "engine.slots is a table", None),
        ("[engine]\nslots = 1979-05-27", 2, "engine.slots is a date", None),
        ('[engine]\nmmap = "off"', 2, "expected true or false", "false"),
        ('[engine]\nmmap = "flase"', 2, "expected true or false", "false"),
        ("[engine]\nmmap = 0", 2, "expected true or false", "false"),
        ('[engine]\nkv_type = "q8"', 2, "expected one of f32", "q8_0"),
        ("[engine]\nkeep_alive = -1", 2, "expected a number from 0", "0.0"),
        ("[engine]\nkeep_alive = inf", 2, "engine.keep_alive is inf", "604800.0"),
        ("[chat]\ntemperature = nan", 2, "chat.temperature is nan", None),
        pytest.param("[chat]\ntemperature = 1" + "0" * 400, 2, "chat.temperature is inf", "5.0", id="400 digits"),
        ("[chat]\nseed = 99999999999", 2, "chat.seed is 99999999999", "4294967294"),
        ('[chat]\nstop = "END"', 2, "expected a list of at most 64 texts", '["END"]'),
        ("[chat]\nstop = [1]", 2, "chat.stop is [1]", None),
        ('[chat]\nstop = ["a", ""]', 2, 'chat.stop is ["a", ""]', None),
        ("[chat]\nstop = ''", 2, "chat.stop is", None),
        ("[chat]\nstop = " + str(["x"] * 65), 2, "chat.stop is", None),
        ("[ui]\ntheme = 5", 2, "ui.theme is 5, expected a text", '"5"'),
        ("[engine.context]\na = 1", 1, "engine.context is a table", None),
    ],
)
def test_a_mistake_is_named_with_its_line(home: Paths, text: str, line: int, what: str, nearest: str | None) -> None:
    settings = _load(home, text)
    problem = _only(settings)
    assert what in problem.what
    assert (problem.file, problem.line) == (home.settings_file, line)
    assert problem.nearest == nearest
    assert problem.mend.endswith(".")
    assert f"{home.settings_file}:{line}: " in str(problem)
    assert dataclasses.replace(settings, problems=()) == Settings()  # all defaults hold


def test_a_mistake_does_not_touch_its_neighbours(home: Paths) -> None:
    settings = _load(home, '[engine]\nslots = "x"\ncontext = 512\n[ui]\nmouse = 5\nascii = true\n')
    assert [p.key for p in settings.problems] == ["engine.slots", "ui.mouse"]
    assert (settings.engine.slots, settings.engine.context) == (8, 512)
    assert (settings.ui.mouse, settings.ui.ascii) == (True, True)


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"[engine]\nslots = 4\ncontext = = 5\n", 3, "not valid TOML"),
        (b"[engine]\nslots = 4\nslots = 5\n", 3, "not valid TOML"),
        (b"[engine\nslots = 4\n", 1, "not valid TOML"),
        (b'[ui]\ntheme = "da\n', 2, "not valid TOML"),
        (b"[engine]\nslots = 4 # \xff\n", 2, "not UTF-8"),
        (b"[ui]\n" + b"x = " + b"[" * 100_000, None, "not valid TOML"),
        (b"# " + b"x" * 2**20 + b"\n", None, "longer than"),
    ],
    ids=["equals", "twice", "bracket", "quote", "bytes", "deep", "long"],
)
def test_a_file_that_is_none(home: Paths, data: bytes, line: int | None, what: str) -> None:
    settings = _load(home, data)
    problem = _only(settings)
    assert what in problem.what
    assert problem.file == home.settings_file
    if line is not None:
        assert problem.line == line
    assert dataclasses.replace(settings, problems=()) == Settings()
    assert home.settings_file.read_bytes() == data


def test_a_folder_in_the_place_of_the_file(home: Paths) -> None:
    home.settings_file.mkdir(parents=True)
    assert "cannot be read" in _only(load_settings(home, {})).what


def test_a_byte_order_mark_and_windows_line_ends(home: Paths) -> None:
    settings = _load(home, b"\xef\xbb\xbf[engine]\r\nslots = 4\r\ncontxt = 1\r\n")
    assert settings.engine.slots == 4
    assert _only(settings).line == 3


def test_what_a_file_says_cannot_reach_the_terminal(home: Paths) -> None:
    text = '[ui]\ntheme = 5\n"\\u001b]52;c;x\\u0007" = 1\n["\\u001b[2J"]\n[engine]\nkv_type = "\\u001b[31m"\n'
    for problem in _load(home, text).problems:
        assert "\x1b" not in str(problem)
        assert "\x07" not in str(problem)
    env = {"OFFGRID_ENGINE_SLOTS": "\x1b[31m5", "OFFGRID_ENGINE_SLOT\x1b": "5"}
    settings = load_settings(home, env)
    assert settings.problems
    assert "\x1b" not in "".join(map(str, settings.problems))


def test_a_variable_with_a_slip_is_named_and_others_are_left(home: Paths) -> None:
    env = {"OFFGRID_ENGINE_CONTXT": "512", "OFFGRID_SOMEBODY_ELSES_THING": "1", "PATH": os.environ["PATH"]}
    problem = _only(load_settings(home, env))
    assert problem.variable == "OFFGRID_ENGINE_CONTXT"
    assert problem.nearest == "OFFGRID_ENGINE_CONTEXT"


def test_an_override_of_no_setting(home: Paths) -> None:
    assert _only(load_settings(home, {}, {"engine.contxt": 1})).nearest == "engine.context"
    assert _only(load_settings(home, {}, {"nonsense": 1})).where == "command line"


def test_nothing_that_a_file_holds_raises(home: Paths) -> None:
    rng = random.Random(9)
    good = """
[engine]
context = 4096
kv_type = "q8_0"
mmap = true
[chat]
temperature = 0.5
stop = ["a", "b"]
system = '''
long
'''
[keys]
quit = ["ctrl+q", "f10"]
"""
    pieces = [
        "[",
        "]",
        "=",
        '"',
        "{",
        "}",
        "\n",
        "#",
        "'",
        ".",
        "nan",
        "-1",
        "1e400",
        "[x]\n",
        "\\u0000",
        "0" * 5000,
        "\x00",
    ]
    valid = 0
    for _ in range(1000):
        text = good
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(pieces) + text[at + rng.randrange(6) :]
        settings = _load(home, text)
        for problem in settings.problems:
            assert problem.file == home.settings_file
            assert "\x00" not in str(problem)
        valid += not settings.problems
        key_lines(text)
    assert 0 < valid < 1000


# ── the schema itself ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", known_keys())
def test_a_setting_is_whole(key: str) -> None:
    section, _, name = key.partition(".")
    rule = rules(section)[name]
    default = default_of(key)
    assert check_value(section, name, default) == default
    assert rule.doc.endswith(".")
    assert bool(rule.none) == ("None" in SECTIONS[section].__annotations__[name])
    if not rule.choices and any(kind in SECTIONS[section].__annotations__[name] for kind in ("int", "float")):
        assert rule.low is not None
        assert rule.high is not None


def test_the_sampling_is_the_contracts() -> None:
    """The schema stands below the contract and cannot import it; so the defaults are compared here."""
    sampling, chat = Sampling(), SECTIONS["chat"]()
    for field in dataclasses.fields(Sampling):
        if field.name != "logit_bias":
            assert getattr(chat, field.name) == getattr(sampling, field.name), field.name


def test_a_path_is_a_text(home: Paths) -> None:
    assert load_settings(home, {}, {"chat.model": Path("/m.gguf")}).chat.model == "/m.gguf"


def test_a_secret_is_never_quoted(home: Paths) -> None:
    settings = _load(
        home, '[network]\nhub_token = "hf_quiet"\nproxy = 4711\n', {"OFFGRID_NETWORK_HUB_TOKEN": "hf_hush"}
    )
    assert settings.network.hub_token == "hf_hush"
    problem = _only(settings)
    assert problem.key == "network.proxy"
    assert "4711" not in str(problem) and problem.nearest is None
    again = _load(home, "[network]\nproxy = 5\n", {"OFFGRID_NETWORK_PROXY": "http://me:hush@x"})
    assert "hush" not in repr(again) + "".join(map(str, again.problems))
    assert "hf_hush" not in repr(settings)
