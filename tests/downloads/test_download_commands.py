"""`offgrid download`, `downloads` and `run`, as a user types them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.system.identity import is_alive
from offgrid_tui.system.paths import Paths
from tests.downloads.downloads_desk import REPOSITORY, tiny
from tests.support.hub import Fault, LoopbackHub

NAME = "tiny-Q4_0.gguf"


@pytest.fixture
def files(hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    made = tiny(tmp_path)
    hub.add(REPOSITORY, made)
    monkeypatch.setenv("OFFGRID_NETWORK_HUB", hub.url)
    monkeypatch.setenv("OFFGRID_DOWNLOADS_RESERVE", "0")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    return made


def offgrid(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "offgrid_tui", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def listed() -> list[dict[str, Any]]:
    return list(json.loads(offgrid("downloads", "--json").stdout))


def until(fact: Any) -> Any:
    ends = time.monotonic() + 60
    while not (found := fact()):
        assert time.monotonic() < ends, "it never became true"
        time.sleep(0.05)
    return found


def brought() -> list[Any]:
    """What the list shows beside the model inside the package."""
    return [model for model in json.loads(offgrid("list", "--json").stdout)["models"] if model["id"] != "pocket"]


def test_a_repository_is_fetched_and_in_the_list(home: Paths, files: dict[str, bytes]) -> None:
    done = offgrid("download", f"hf.co/{REPOSITORY}", "--yes")
    assert "verified sha256" in done.stdout
    [model] = brought()
    assert (model["origin"], model["check"], model["repository"]) == ("downloaded", "verified", REPOSITORY)
    assert "is here already" in offgrid("download", f"hf.co/{REPOSITORY}").stdout


def test_progress_as_json_lines(home: Paths, files: dict[str, bytes]) -> None:
    done = offgrid("download", f"hf.co/{REPOSITORY}", "--file", NAME, "--yes", "--json", "--limit", "0.5")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["event"] for one in said} == {"state", "progress", "end"}
    assert said[-1]["event"] == "end" and said[-1]["state"] == "installed"
    came = [one["done_bytes"] for one in said if one["event"] == "progress"]
    assert came == sorted(came) and came[-1] == len(files[NAME])


def test_a_publisher_whom_nobody_knows_is_asked_about_once(home: Paths, files: dict[str, bytes]) -> None:
    done = offgrid("download", f"hf.co/{REPOSITORY}", code=ExitCode.REFUSED)
    assert "acme" in done.stderr and "--yes" in done.stderr
    offgrid("download", f"hf.co/{REPOSITORY}", "--yes")
    offgrid("remove", "tiny-q4_0", "--yes")
    offgrid("download", f"hf.co/{REPOSITORY}")


def test_the_errors_of_the_hub_end_the_command_with_their_code(home: Paths, hub: LoopbackHub, files: Any) -> None:
    hub.repositories[REPOSITORY].gated = "auto"
    done = offgrid("download", f"hf.co/{REPOSITORY}", "--yes", code=ExitCode.REFUSED)
    assert "gated" in done.stderr
    [one] = listed()
    assert one["state"] == "failed" and "gated" in one["problem"]["title"]
    assert "gated" in offgrid("downloads").stdout


def test_ctrl_c_pauses_and_resume_goes_on_in_the_background(home: Paths, hub: LoopbackHub, files: Any) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "offgrid_tui", "download", f"hf.co/{REPOSITORY}", "--yes", "--limit", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: (found := listed()) and found[0]["files"][0]["received_bytes"] > 50_000)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=30)
    assert child.returncode == ExitCode.INTERRUPTED, stderr
    assert "is paused" in stdout
    [one] = listed()
    assert one["state"] == "paused"
    offgrid("downloads", "resume", one["id"][:4])
    until(lambda: listed()[0]["state"] == "installed")
    assert len(brought()) == 1


def test_in_the_background_it_arrives_without_a_terminal(home: Paths, files: dict[str, bytes]) -> None:
    done = offgrid("download", f"hf.co/{REPOSITORY}", "--yes", "--background")
    assert "--follow" in done.stdout
    offgrid("downloads", "--follow")
    assert until(lambda: listed()[0]["state"] == "installed")
    until(lambda: not is_alive((home.data / "downloads.lock").read_text().strip()))


def test_cancel_and_clear(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    hub.misbehave(Fault.FLIP, server="cdn")
    offgrid("download", f"hf.co/{REPOSITORY}", "--yes", code=ExitCode.DAMAGED)
    [one] = listed()
    assert list((home.models / ".incoming").rglob("*.bad"))
    offgrid("downloads", "cancel", one["name"])
    assert not list((home.models / ".incoming").iterdir())
    offgrid("downloads", "clear")
    assert listed() == []
    assert offgrid("downloads", "pause", "nothing", code=ExitCode.NOT_FOUND)


def test_run_fetches_what_is_missing_and_refuses_what_does_not_fit(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    hub.add("acme/Huge-GGUF", {"huge-Q8_0.gguf": b"GGUF" * 1000})
    (home.config).mkdir(parents=True, exist_ok=True)
    (home.config / "catalog.toml").write_text(
        '[models.huge]\nname = "Huge"\n[[models.huge.variants]]\nrepository = "acme/Huge-GGUF"\n'
        'quantisation = "Q8_0"\n[[models.huge.variants.files]]\npath = "huge-Q8_0.gguf"\nsize = 900000000000000\n'
    )
    done = offgrid("run", "huge", "Hello?", code=ExitCode.REFUSED)
    assert "does not fit" in done.stderr and hub.requests == []
    offgrid("download", "huge", "--quant", "Q2_K", code=ExitCode.NOT_FOUND)


def test_names_and_flags_that_make_no_sense(home: Paths, files: dict[str, bytes], tmp_path: Path) -> None:
    offgrid("download", "--all", "x", code=ExitCode.USAGE)
    offgrid("download", "a", "b", "--quant", "Q4_0", code=ExitCode.USAGE)
    offgrid("download", "x", "--limit", "-1", code=ExitCode.USAGE)
    (tmp_path / NAME).write_bytes(files[NAME])
    assert "offgrid import" in offgrid("download", str(tmp_path / NAME), code=ExitCode.USAGE).stderr
    offgrid("download", "no-such-model-at-all", code=ExitCode.NOT_FOUND)


def test_off_the_grid_nothing_is_queued(
    home: Paths, hub: LoopbackHub, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGRID_NETWORK_OFFGRID", "true")
    monkeypatch.setenv("OFFGRID_NETWORK_HUB", "https://hub.example")
    done = offgrid("download", "qwen3:0.6b", "--yes", code=ExitCode.REFUSED)
    assert "off-grid" in done.stderr and listed() == []
