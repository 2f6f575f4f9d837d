"""`offgrid search`: what it prints, and what it says where the hub is silent."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from offgrid_tui.cli.main import run
from offgrid_tui.system.paths import Paths
from tests.support.hub import Fault, LoopbackHub

TOKEN = "hf_nobodyshallsee"


@pytest.fixture
def hub(home: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with LoopbackHub() as running:
        monkeypatch.setenv("OFFGRID_NETWORK_HUB", running.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        running.tokens.add(TOKEN)
        facts = {"total": 4_022_468_096, "architecture": "qwen3", "context_length": 40960}
        files = {"Qwen3-4B-Q4_K_M.gguf": b"x", "Qwen3-4B-Q8_0.gguf": b"x"}
        running.add("Qwen/Qwen3-4B-GGUF", files, downloads=41233, gguf=facts)
        running.add("who/qwen-\u0041_x-GGUF", {"q-Q4_0.gguf": b"x"}, downloads=7, gated="auto")
        yield running


def test_a_table_with_its_age(hub: LoopbackHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "qwen"]) == 0
    said = capsys.readouterr()
    head, first, second, summary = said.out.splitlines()
    assert head.split() == ["Repository", "Params", "Quants", "Size", "Downloads", "Trust"]
    assert first.split() == ["Qwen/Qwen3-4B-GGUF", "4.0B", "2", "~2.5", "GB", "41233", "official"]
    assert second.split() == ["who/qwen-A_x-GGUF", "(gated)", "–", "Q4_0", "–", "7", "community"]
    assert (summary, said.err) == ("2 models, from the hub now", "")
    assert all(len(line) <= 80 for line in said.out.splitlines())
    assert run(["search", "qwen", "--quant", "q8_0", "--max-size", "5GB", "--offline"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "Q8_0" in lines[1]
    assert lines[2].startswith("1 model, seen before: as of ") and lines[2].endswith(" ago")
    assert len(hub.requests) == 1


def test_json_and_nobody_sees_the_token(hub: LoopbackHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "qwen", "--limit", "1", "--json"]) == 0
    said = capsys.readouterr()
    value = json.loads(said.out)
    assert [model["repository"] for model in value["models"]] == ["Qwen/Qwen3-4B-GGUF"]
    assert (value["more"], value["cached"], value["problem"], value["page"]) == (True, False, None, 1)
    assert value["models"][0]["seen"] == value["seen"]
    assert hub.requests[0].authorization == f"Bearer {TOKEN}"
    hub.misbehave(Fault.REFUSE)
    assert run(["search", "4b", "--json"]) == 0
    later = capsys.readouterr()
    assert json.loads(later.out)["cached"] is True
    assert "403" in json.loads(later.out)["problem"]["detail"]
    assert TOKEN not in said.out + said.err + later.out + later.err


def test_off_the_grid(hub: LoopbackHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run(["search", "qwen"])
    capsys.readouterr()
    monkeypatch.setenv("OFFGRID_NETWORK_OFFGRID", "true")
    monkeypatch.setenv("OFFGRID_NETWORK_HUB", "https://hub.invalid")
    assert run(["search", "qwen"]) == 0
    said = capsys.readouterr()
    assert "2 models, seen before" in said.out
    assert "off-grid mode is on: nothing was sent" in said.err
    assert run(["search", "mistral"]) == 4  # nothing to stand in: refused
    assert "0 models: nothing like it was seen before" in capsys.readouterr().out
    assert len(hub.requests) == 1


def test_what_a_repository_holds(hub: LoopbackHub, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"v-Q4_K_M.gguf": b"x" * 5000, "mmproj-F16.gguf": b"y" * 1000, "../up-Q8_0.gguf": b"x"}
    commit = hub.add("org/v-GGUF", files, gated="manual").head
    assert run(["search", "--files", "hf.co/org/v-GGUF"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split() == [
        "Q4_K_M",
        "6",
        "kB",
        "2",
        "known",
        "v-Q4_K_M.gguf",
        "+",
        "mmproj-F16.gguf",
    ]
    assert said.out.splitlines()[2] == f"commit {commit[:12]}, from the hub now"
    assert "gated: accept what https://huggingface.co/org/v-GGUF asks" in said.err
    assert "left out ../up-Q8_0.gguf" in said.err
    assert run(["search", "--files", "org/v-GGUF", "--offline", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["commit"], value["cached"]) == (commit, True)
    assert [len(file["sha256"]) for file in value["variants"][0]["files"]] == [64, 64]
    assert run(["search", "--files", "org/none-GGUF"]) == 3
    assert run(["search", "--files"]) == 2


@pytest.mark.parametrize("bad", [["--max-size", "big"], ["--sort", "size"], ["--limit", "x"]])
def test_a_wrong_line(bad: list[str], home: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["search", "x", *bad])
    assert caught.value.code == 2
    assert run(["search", "--limit", "0"]) == 2
    assert "no such page" in capsys.readouterr().err
