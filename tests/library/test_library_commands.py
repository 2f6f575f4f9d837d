"""The commands of the library as a person types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.cli.model_path import named_model
from offgrid_tui.foundation.errors import ExitCode, NotFoundError
from offgrid_tui.system.paths import Paths
from tests.library import made_models


def offgrid(*words: str, code: int = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "offgrid_tui", *words],
        capture_output=True,
        text=True,
        timeout=120,
        input=stdin,
        env={**os.environ, "HOME": os.environ["OFFGRID_HOME"], "HF_HUB_CACHE": os.environ["OFFGRID_HOME"] + "/hub"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def in_json(*words: str, code: int = 0) -> Any:
    return json.loads(offgrid(*words, "--json", code=code).stdout)


def brought() -> list[Any]:
    """What the list shows beside the model inside the package."""
    return [model for model in in_json("list")["models"] if model["id"] != "pocket"]


def test_a_model_s_way_from_import_to_removal(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "Tiny-Q4_K_M.gguf")
    assert brought() == []
    (imported,) = in_json("import", "--copy", str(file))["imported"]
    assert (imported["method"], imported["already"], imported["check"]) == ("copy", False, "unverified")
    assert "is here already" in offgrid("import", str(file)).stdout
    (listed,) = brought()
    assert (listed["id"], listed["state"], listed["provider"]) == ("tiny-q4_k_m", "installed", "local")
    assert listed["files"][0]["sha256"] == made_models.sha256(file)
    assert all(len(line) <= 200 for line in offgrid("list").stdout.splitlines())

    offgrid("alias", "t", "tiny-q4_k_m")
    assert in_json("alias") == {"aliases": {"t": "tiny-q4_k_m"}}
    assert named_model("t", home) == listed["path"]
    assert named_model("Tiny Test", home) == listed["path"]
    assert named_model(str(file), home) == str(file)

    (marked,) = in_json("favourite", "t", "--pin", "--note", "fine")["models"]
    assert (marked["pinned"], marked["favourite"], marked["note"]) == (True, False, "fine")
    assert in_json("favourite", "t")["models"][0]["favourite"] is True
    assert "pinned" in offgrid("remove", "t", "--yes", code=ExitCode.REFUSED).stderr
    offgrid("favourite", "t", "--unpin")

    offgrid("remove", "t", code=ExitCode.USAGE, stdin="")
    assert Path(listed["path"]).is_file()
    removed = in_json("remove", "t", "--yes")
    assert removed["deleted"] == [listed["path"]] and removed["freed_bytes"] > 0
    assert brought() == [] and file.is_file()


def test_verify_tells_a_changed_byte(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    (imported,) = in_json("import", "--copy", str(file))["imported"]
    assert in_json("verify", "m")["verified"][0]["results"][0]["same"] is True
    data = bytearray(Path(imported["path"]).read_bytes())
    data[-1] ^= 1
    Path(imported["path"]).write_bytes(data)
    (one,) = in_json("verify", "--all", code=ExitCode.DAMAGED)["verified"]
    assert one["check"] == "mismatch" and one["results"][0]["expected"] == made_models.sha256(file)
    assert "differs" in offgrid("list").stdout


def test_adopt_looks_where_the_tools_say(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    made_models.hugging_face(home.data / "hub", [file])
    (adopted,) = in_json("adopt")["adopted"]
    assert (adopted["origin"], adopted["repository"], adopted["check"]) == ("adopted", "made/Tiny-Test-GGUF", "unknown")
    storage = in_json("storage")
    assert [(tool["tool"], tool["adopted"]) for tool in storage["tools"]] == [("Hugging Face", 1)]
    done = offgrid("remove", "m", "--yes")
    assert "forgotten" in done.stdout and Path(adopted["path"]).is_file()
    assert "no folder nowhere" in offgrid("adopt", "nowhere", code=ExitCode.NOT_FOUND).stderr


def test_storage_moves_the_models(home: Paths, tmp_path: Path) -> None:
    made_models.model(tmp_path / "m.gguf")
    offgrid("import", "--copy", str(tmp_path / "m.gguf"))
    moved = in_json("storage", "--move", str(tmp_path / "disk"))
    assert moved["files"] == 2 and moved["stayed"] == []
    assert in_json("storage")["folder"] == str(tmp_path / "disk")
    assert brought()[0]["problem"] is None


def test_what_can_not_be_imported_is_told_and_the_rest_is_not_stopped(home: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    made_models.model(folder / "good.gguf")
    (folder / "evil\x1b[2J.gguf").write_bytes(b"nothing")
    done = offgrid("import", str(folder), code=ExitCode.DAMAGED)
    assert "good" in done.stdout and "not a GGUF" in done.stderr and "\x1b" not in done.stderr
    offgrid("import", str(tmp_path / "none.gguf"), code=ExitCode.NOT_FOUND)
    offgrid("import", str(folder / "good.gguf"), "--sha256", "xyz", code=ExitCode.USAGE)
    offgrid("verify", code=ExitCode.USAGE)


@pytest.mark.parametrize("name", ["nonsense-model", "qwen3:4b", "\x1b[2J"])
def test_names_that_mean_nothing_here_say_so(home: Paths, name: str) -> None:
    done = offgrid("remove", name, "--yes", code=ExitCode.NOT_FOUND)
    assert "\x1b" not in done.stderr
    with pytest.raises(NotFoundError):
        named_model(name, home)


def test_ctrl_c_stops_an_import_and_leaves_nothing(home: Paths, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf", kib=9 * 1024)
    script = (
        "import os, sys, time\n"
        "from offgrid_tui.library import place\n"
        "real = place._write_all\n"
        "def slow(d, data):\n    real(d, data); print('held', flush=True); time.sleep(0.2)\n"
        "place._write_all = slow\n"
        "place.CHUNK = 65536\n"
        "from offgrid_tui.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, "import", "--copy", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in its background deaf to ctrl+c, and the tests with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, said
    assert [path for path in home.models.rglob("*") if path.is_file()] == []
