"""Every setting: its name, type, default, range and meaning. The documentation and all checks are made from this."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_type_hints

from offgrid_tui.foundation.text import clean

Source = Literal["default", "file", "environment", "override"]

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be. `low` and `high` are allowed themselves; None is no limit. Of a list, `high` is the most
    texts it may hold."""

    doc: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    none: str = ""  # what it means that nothing is set, where None is a value
    secret: bool = False  # never shown: not in messages, logs, screens


def _set(default: Any, doc: str, **rule: Any) -> Any:
    made = Rule(doc, **rule)
    return field(default=default, repr=not made.secret, metadata={"rule": made})


@dataclass(frozen=True, slots=True)
class UiSettings:
    """How it looks and moves."""

    theme: str = _set("dark", "Colours: the name of a file in themes/, ours or your own.")
    ascii: bool = _set(False, "Draw with ASCII alone, for fonts without blocks.")
    frame_rate: int | None = _set(
        None, "Most frames drawn in a second.", unit="1/s", low=1, high=60, none="15, over SSH 10"
    )
    mouse: bool = _set(True, "Take mouse clicks; false leaves the mouse to the terminal, for selecting text.")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """llama.cpp: where it is and how it loads a model."""

    python: str | None = _set(
        None, "A Python interpreter that has llama_cpp.", none="our own, else the engine that OffGrid built"
    )
    wheels: str | None = _set(
        None, "A folder of wheels to install the engine from, without a network.", none="the package registry"
    )
    keep_alive: float = _set(
        300.0, "How long a model stays in memory when nobody uses it.", unit="s", low=0.0, high=604800.0
    )
    context: int | None = _set(
        None,
        "Context of a conversation.",
        unit="tokens",
        low=64,
        high=16777216,
        none="up to 8192, less where the model or the memory has less",
    )
    slots: int | None = _set(
        8, "Answers that may run at once in one model.", low=1, high=64, none="chosen by the engine"
    )
    batch: int | None = _set(
        None, "Tokens in one step of reading a prompt.", unit="tokens", low=32, high=2048, none="chosen by the engine"
    )
    threads: int | None = _set(None, "Threads that write an answer.", low=1, high=512, none="physical cores less one")
    threads_batch: int | None = _set(None, "Threads that read a prompt.", low=1, high=512, none="all physical cores")
    gpu_layers: int | None = _set(
        None,
        "Layers of the model on the GPU; 0 keeps all on the CPU.",
        low=0,
        high=10000,
        none="all, where the engine has a GPU",
    )
    kv_type: str | None = _set(None, "Type of the KV cache.", choices=KV_TYPES, none="f16")
    flash_attention: bool | None = _set(
        None, "Use flash attention; slower on a CPU, needed by quantised KV types.", none="chosen by the engine"
    )
    mmap: bool = _set(True, "Map the model's file instead of reading it.")
    mlock: bool = _set(False, "Keep the model from being swapped out.")


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """How much memory models may take."""

    policy: str = _set(
        "balanced",
        "How much models may take where no budget is set: 60, 45 or 80 % of the memory, 90, 75 or 95 % of the GPUs'.",
        choices=("balanced", "conservative", "aggressive"),
    )
    budget: float | None = _set(
        None,
        "All loaded models together, as a fraction of the memory of this machine.",
        low=0.05,
        high=1.0,
        none="by the policy",
    )
    vram_budget: float | None = _set(
        None,
        "All loaded models together, as a fraction of the memory of the GPUs.",
        low=0.05,
        high=1.0,
        none="by the policy",
    )
    reserve: float = _set(
        0.5,
        "Memory that must stay free for everything else, whatever the budget says.",
        unit="GiB",
        low=0.0,
        high=1024.0,
    )


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The model of a new conversation and how it chooses its words."""

    model: str | None = _set(
        None, "The model of a new conversation: a file, or the name of a model that is here.", none="the one used last"
    )
    system: str = _set("", "The system prompt of a new conversation.")
    reasoning: str = _set("auto", "Whether a model that can think should.", choices=("auto", "on", "off"))
    temperature: float = _set(0.7, "How freely words are chosen; 0 takes the likeliest each time.", low=0.0, high=5.0)
    top_k: int = _set(40, "Choose among the k likeliest tokens; 0 is off.", low=0, high=1000000)
    top_p: float = _set(
        0.95, "Choose among the likeliest tokens of this joint probability; 1 is off.", low=0.0, high=1.0
    )
    min_p: float = _set(0.05, "Drop tokens less likely than this part of the likeliest; 0 is off.", low=0.0, high=1.0)
    typical_p: float = _set(1.0, "Locally typical sampling; 1 is off.", low=0.0, high=1.0)
    repetition_penalty: float = _set(
        1.0, "Above 1, tokens seen before become less likely; 1 is off.", low=0.1, high=10.0
    )
    frequency_penalty: float = _set(0.0, "Taken off for each time a token was used; 0 is off.", low=-2.0, high=2.0)
    presence_penalty: float = _set(0.0, "Taken off once for a token that was used; 0 is off.", low=-2.0, high=2.0)
    penalty_window: int = _set(64, "How far the penalties look back.", unit="tokens", low=0, high=1048576)
    seed: int | None = _set(
        None, "The same seed gives the same answer again.", low=0, high=4294967294, none="another one for each answer"
    )
    max_tokens: int | None = _set(
        None,
        "Longest answer.",
        unit="tokens",
        low=1,
        high=16777216,
        none="until the model stops or the context is full",
    )
    stop: tuple[str, ...] = _set((), "Texts at which an answer ends.", high=64)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Who may speak outward."""

    offgrid: bool = _set(False, "Off-grid mode: nothing leaves this machine.")
    hub: str | None = _set(
        None, "Where models are looked for: Hugging Face or a mirror.", none="HF_ENDPOINT, else https://huggingface.co"
    )
    hub_token: str | None = _set(
        None,
        "Your token for the hub; sent to it alone, over https.",
        secret=True,
        none="HF_TOKEN, else what `hf auth login` saved",
    )
    proxy: str | None = _set(
        None,
        "The HTTP proxy that everything outward goes through, but for the hosts in NO_PROXY.",
        secret=True,
        none="HTTPS_PROXY, HTTP_PROXY or ALL_PROXY",
    )
    ca_file: str | None = _set(
        None, "A file of certificates to trust besides the system's.", none="REQUESTS_CA_BUNDLE, where it is set"
    )
    timeout: float = _set(10.0, "Longest wait for the next sign of life of a server.", unit="s", low=0.1, high=600.0)
    deadline: float = _set(30.0, "Longest time for one question to the hub.", unit="s", low=0.1, high=3600.0)


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """How models come here."""

    at_once: int = _set(2, "Downloads that run at once.", low=1, high=16)
    limit: float | None = _set(
        None, "Most that all downloads together may take.", unit="MB/s", low=0.001, high=100000.0, none="no limit"
    )
    reserve: float = _set(2.0, "What a download leaves free on the disk.", unit="GB", low=0.0, high=100000.0)
    background: bool = _set(
        True, "Let the transfers that run go on when the terminal is lost; false stops them with it."
    )


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "ui": UiSettings,
        "engine": EngineSettings,
        "memory": MemorySettings,
        "chat": ChatSettings,
        "network": NetworkSettings,
        "downloads": DownloadSettings,
    }
)
KEYS_SECTION = "keys"  # [keys] action = "ctrl+x" or ["ctrl+x", "f5"]; any name of an action


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from. `where` is "/path/config.toml:12", the name of a variable, or empty."""

    source: Source
    where: str = ""


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A value that could not be used. The program goes on with what held before it: the default, in most cases.

    `file` and `line` say where it stands in a file; `variable` is set where it came from the environment. `nearest` is
    the valid name or value closest to it, where there is one.
    """

    key: str
    what: str
    mend: str
    nearest: str | None = None
    file: Path | None = None
    line: int | None = None
    variable: str | None = None

    @property
    def where(self) -> str:
        if self.file is not None:
            return clean(f"{self.file}:{self.line}" if self.line else str(self.file))
        return clean(self.variable or "command line")

    def __str__(self) -> str:
        near = f" (nearest: {self.nearest})" if self.nearest else ""
        return f"{self.where}: {self.what}{near}. {self.mend}"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings as they hold now. `keys` maps an action to its keys, joined by commas."""

    ui: UiSettings = UiSettings()
    engine: EngineSettings = EngineSettings()
    memory: MemorySettings = MemorySettings()
    chat: ChatSettings = ChatSettings()
    network: NetworkSettings = NetworkSettings()
    downloads: DownloadSettings = DownloadSettings()
    keys: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[SettingProblem, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def origin(self, key: str) -> Origin:
        """Where the value of `key` ("engine.context") came from."""
        return self.origins.get(key, Origin("default"))


@cache
def hints(section: str) -> Mapping[str, Any]:
    """Name of a setting in `section` -> its type."""
    return MappingProxyType(get_type_hints(SECTIONS[section]))


@cache
def rules(section: str) -> Mapping[str, Rule]:
    """Name of a setting in `section` -> what its value must be."""
    return MappingProxyType({f.name: f.metadata["rule"] for f in dataclasses.fields(SECTIONS[section])})


def known_keys() -> tuple[str, ...]:
    """Every setting by its dotted name, in the order of the documentation."""
    return tuple(f"{section}.{name}" for section in SECTIONS for name in rules(section))
