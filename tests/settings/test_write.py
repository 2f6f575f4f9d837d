"""set_value changes one value and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from offgrid_tui.foundation.errors import BusyError, DamagedError, OffGridError, UsageError
from offgrid_tui.settings import write
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.write import set_value
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths

_TEXT = """\
# My settings.

[engine]   # the heart
context   =  4096   # tokens, enough for code
slots = 2

[chat]
system = '''
[engine]
context = 1
'''

# not a setting, but mine
[mine]
note = "keep"
"""


def _text(home: Paths) -> str:
    return home.settings_file.read_text("utf-8")


@pytest.fixture
def mine(home: Paths) -> Paths:
    home.config.mkdir(parents=True)
    home.settings_file.write_text(_TEXT)
    return home


def test_the_first_value_makes_the_file(home: Paths) -> None:
    set_value(home, "engine.context", 8192)
    assert _text(home) == "[engine]\ncontext = 8192\n"
    assert home.settings_file.stat().st_mode & 0o777 == 0o600
    assert load_settings(home, {}).engine.context == 8192


def test_a_value_is_changed_in_its_place(mine: Paths) -> None:
    set_value(mine, "engine.context", 8192)
    assert _text(mine) == _TEXT.replace("4096", "8192")


def test_a_value_is_added_to_its_table(mine: Paths) -> None:
    set_value(mine, "engine.threads", 3)
    assert _text(mine) == _TEXT.replace("slots = 2\n", "slots = 2\nthreads = 3\n")


def test_a_table_is_added_at_the_end(mine: Paths) -> None:
    set_value(mine, "network.offgrid", True)
    assert _text(mine).startswith(_TEXT)
    assert load_settings(mine, {}).network.offgrid is True


def test_a_value_is_taken_out(mine: Paths) -> None:
    set_value(mine, "engine.slots", None)
    assert _text(mine) == _TEXT.replace("slots = 2\n", "")
    before = mine.settings_file.stat()
    set_value(mine, "engine.slots", None)
    set_value(mine, "ui.theme", None)
    assert mine.settings_file.stat() == before  # nothing to be done, nothing written


def test_every_kind_of_value_comes_back(home: Paths) -> None:
    odd = 'quotes " and \\ and\nlines and ü and \x1b'
    values = {
        "chat.system": odd,
        "chat.stop": ("END", odd),
        "chat.temperature": 1,
        "ui.ascii": True,
        "engine.kv_type": "q8_0",
        "keys.quit": "ctrl+q",
        "keys.chat.stop": ["f9", "f10"],
    }
    for key, value in values.items():
        set_value(home, key, value)
    settings = load_settings(home, {})
    assert not settings.problems
    assert settings.chat.system == odd
    assert settings.chat.stop == ("END", odd)
    assert settings.chat.temperature == 1.0
    assert (settings.ui.ascii, settings.engine.kv_type) == (True, "q8_0")
    assert dict(settings.keys) == {"quit": "ctrl+q", "chat.stop": "f9,f10"}


def test_inline_and_dotted_tables_are_kept(home: Paths) -> None:
    home.config.mkdir(parents=True)
    home.settings_file.write_text('engine = { context = 512, slots = 2 } # short\nui.theme = "light"\n')
    set_value(home, "engine.context", 1024)
    set_value(home, "ui.theme", "dark")
    assert _text(home) == 'engine = { context = 1024, slots = 2 } # short\nui.theme = "dark"\n'


@pytest.mark.parametrize(
    ("key", "value", "mend"),
    [
        ("engine.contxt", 5, "engine.context"),
        ("engine", 5, "engine"),
        ("", 5, ""),
        ("keys", "x", ""),
        ("engine.slots", 0, "1"),
        ("engine.slots", "x", ""),
        ("engine.kv_type", "q8", "q8_0"),
        ("keys.quit", 5, "ctrl+x"),
    ],
)
def test_what_cannot_be_set_is_refused(mine: Paths, key: str, value: object, mend: str) -> None:
    with pytest.raises(UsageError) as caught:
        set_value(mine, key, value)
    assert mend in caught.value.mend
    assert _text(mine) == _TEXT


def test_a_broken_file_is_left_as_it_is(mine: Paths) -> None:
    broken = _TEXT + "oops\n"
    mine.settings_file.write_text(broken)
    with pytest.raises(DamagedError) as caught:
        set_value(mine, "engine.slots", 4)
    assert f"{mine.settings_file}:{broken.count(chr(10))}" in caught.value.detail
    assert _text(mine) == broken


def test_a_section_that_is_no_table_is_not_replaced(mine: Paths) -> None:
    mine.settings_file.write_text("engine = 5 # why not\n")
    with pytest.raises(DamagedError, match="expected a table"):
        set_value(mine, "engine.slots", 4)
    assert _text(mine) == "engine = 5 # why not\n"


def test_a_lock_that_stays_is_said(mine: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "LOCK_TIMEOUT", 0.1)
    with FileLock(write.lock_file(mine)), pytest.raises(BusyError, match="configuration"):
        set_value(mine, "engine.slots", 4)
    set_value(mine, "engine.slots", 4)


def test_a_folder_that_cannot_be_written_is_said(home: Paths) -> None:
    home.config.parent.mkdir(parents=True, exist_ok=True)
    home.config.write_text("a file in the place of the folder")
    with pytest.raises(OffGridError, match="not saved") as caught:
        set_value(home, "engine.slots", 4)
    assert str(home.settings_file) in caught.value.detail


def test_processes_that_set_at_once_lose_nothing(home: Paths) -> None:
    names = ["temperature", "top_p", "min_p", "typical_p"]
    script = (
        "import sys; from offgrid_tui.settings.write import set_value; from offgrid_tui.system.paths import Paths\n"
        "for n in range(20): set_value(Paths.from_environment(), f'chat.{sys.argv[1]}', n / 20)"
    )
    setters = [subprocess.Popen([sys.executable, "-c", script, name]) for name in names]
    assert [setter.wait(timeout=120) for setter in setters] == [0] * 4
    settings = load_settings(home, {})
    assert not settings.problems
    assert [getattr(settings.chat, name) for name in names] == [0.95] * 4
