"""`offgrid fit`, `recommend` and `quantization`, as a person and as a script call them."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.cli.main import run
from offgrid_tui.fit.model import Level
from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.use import default_use
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.hardware.bandwidth import FILE, LOOKS, identity
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from tools.fitmatrix.models import Shape, write

KEYS = [
    "weights_bytes",
    "kv_bytes",
    "compute_bytes",
    "overhead_bytes",
    "total_bytes",
    "budget_bytes",
    "verdict",
    "source",
    "alternatives",
]


@pytest.fixture(autouse=True)
def a_known_rate(home: Paths) -> None:
    """How fast memory is read need not be measured."""
    machine = probe()
    kept = {"machine": identity(machine, max(1, machine.cpu.cores - 1)), "bytes_per_second": 2 * 10**10, "looks": LOOKS}
    home.cache.mkdir(parents=True)
    (home.cache / FILE).write_text(json.dumps(kept))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(Shape("small", "qwen3", embedding=256, heads=4, kv_heads=2, vocabulary=4096), tmp_path)


def answer(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_file(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "fit", str(model))
    assert list(found) == KEYS
    assert (found["verdict"], found["source"], found["alternatives"]) == ("safe", "header", [])
    header = read_header(model)
    assert found["weights_bytes"] == pytest.approx(header.weights, rel=0.001)
    assert found["total_bytes"] == sum(found[key] for key in KEYS[:4])


def test_options_change_what_is_needed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = answer(capsys, "fit", str(model), "--context", "8192")
    longer = answer(capsys, "fit", str(model), "--context", "16384")
    small = answer(capsys, "fit", str(model), "--context", "8192", "--kv-type", "q8_0")
    assert longer["kv_bytes"] == 2 * plain["kv_bytes"]
    assert small["kv_bytes"] == plain["kv_bytes"] * 34 // 64
    assert small["compute_bytes"] < plain["compute_bytes"]  # a quantised cache needs flash attention


def test_the_command_says_what_the_service_says(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = FitService(Settings())
    found = service.of_header(read_header(model), default_use(Settings().engine, 131072, context=4096))
    told = answer(capsys, "fit", str(model), "--context", "4096")
    assert told["total_bytes"] == found.verdict.needs
    assert told["verdict"] == found.verdict.level.value


def test_what_is_blocked_says_so_by_its_exit_code_and_names_what_fits(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGRID_MEMORY_RESERVE", str(probe().memory.available / 2**30 - 0.09))  # 92 MiB are left
    found = answer(capsys, "fit", str(model), "--context", "32768", code=4)
    assert found["verdict"] == Level.BLOCKED
    ways = {way["way"]: way for way in found["alternatives"]}
    assert set(ways["context"]) == {"way", "value", "total_bytes", "verdict"}
    assert run(["fit", str(model), "--context", "32768"]) == 4
    assert "blocked" in capsys.readouterr().out


def test_a_name_of_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "fit", "qwen3:4b")
    assert (found["source"], found["verdict"] in ("safe", "warning", "critical", "blocked")) == ("shape", True)
    assert found["weights_bytes"] > 10**9
    assert run(["fit", "qwen3:4b"]) in (0, 4)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Qwen3 4B")
    assert [line.split("  ")[0] for line in lines[1:7]] == [
        "weights", "KV cache", "compute", "overhead", "total", "budget",
    ]  # fmt: skip
    assert all(len(line) <= 80 for line in lines)


def test_an_address(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its header is read there: nothing of the weights."""
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Range"])
            first, last = (int(part) for part in self.headers["Range"].removeprefix("bytes=").split("-"))
            size = model.stat().st_size
            data = model.read_bytes()[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{size}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        far = answer(capsys, "fit", f"http://127.0.0.1:{server.server_port}/small.gguf", "--context", "4096")
        server.shutdown()
    assert asked
    assert far == answer(capsys, "fit", str(model), "--context", "4096") | {"budget_bytes": far["budget_bytes"]}


@pytest.mark.parametrize(
    "words, code",
    [
        (["fit", "no-such-model-at-all"], 3),
        (["fit", "qwen3:4b", "--context", "1"], 2),
        (["fit", "qwen3:4b", "--gpu-layers", "-1"], 2),
        (["fit", "https://127.0.0.1:1/model.gguf"], 1),
    ],
)
def test_mistakes(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == code
    assert capsys.readouterr().err.startswith("offgrid: ")


def test_a_file_that_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"<!DOCTYPE html>" * 10)
    assert run(["fit", str(path)]) == 7
    assert "web page" in capsys.readouterr().err


def test_off_grid_mode_refuses_an_address(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFGRID_NETWORK_OFFGRID", "true")
    assert run(["fit", "https://example.org/model.gguf"]) == 4


def test_recommendations(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "recommend")
    assert found["bandwidth_bytes_per_second"] == 2 * 10**10
    told = [(one["for"], one["label"]) for one in found["recommendations"]]
    assert told == [
        (role, label) for role in ("chat", "code", "embedding") for label in ("fastest", "balanced", "best")
    ]
    assert all(one["reason"] for one in found["recommendations"])
    picked = [one for one in found["recommendations"] if one["key"]]
    assert all(one["verdict"] in ("safe", "warning") and one["measured"] is False for one in picked)
    only = answer(capsys, "recommend", "--for", "code")
    assert {one["for"] for one in only["recommendations"]} == {"code"}
    assert run(["recommend", "--for", "embedding"]) == 0
    assert "embedding, best: " in capsys.readouterr().out


def test_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "quantization")
    names = [one["name"] for one in found["quantizations"]]
    assert names == ["Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16"]
    sizes = [one["fits"]["8B"]["size_bytes"] for one in found["quantizations"]]
    assert sizes == sorted(sizes)
    assert run(["quantization"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("Q4_K_M")]) == 2
    assert all(len(line) <= 100 for line in lines)
