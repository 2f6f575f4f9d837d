"""The heart's interface: what every provider is asked, and what it answers.

Requests and events are frozen dataclasses. Between processes they travel as JSON, one object a line, with the name of
the class in `type` and the protocol version in `v`. The engine's worker runs in another Python environment, so this
module imports the standard library alone, and nothing of ours.

What an engine cannot do yet is refused by name (`ErrorCode.UNSUPPORTED`), never ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

VERSION = 1


class ErrorCode(StrEnum):
    """Why something could not be done; one code, one mend."""

    BAD_REQUEST = "bad_request"
    UNSUPPORTED = "unsupported"  # known to the contract, not to this engine
    PROTOCOL = "protocol"
    ENGINE_MISSING = "engine_missing"
    NOT_FOUND = "not_found"
    NOT_GGUF = "not_gguf"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"  # a GGUF whose contents contradict one another
    UNSUPPORTED_ARCHITECTURE = "unsupported_architecture"
    NO_TOKENIZER = "no_tokenizer"
    TOO_LARGE = "too_large"  # refused before llama.cpp was asked
    OUT_OF_MEMORY = "out_of_memory"  # llama.cpp could not allocate
    OOM_KILLED = "oom_killed"  # the kernel ended the worker
    LOAD_FAILED = "load_failed"
    TEMPLATE_BROKEN = "template_broken"
    CONTEXT_OVERFLOW = "context_overflow"
    BUSY = "busy"
    CANCELLED = "cancelled"
    CRASHED = "crashed"
    UNRESPONSIVE = "unresponsive"
    RESTART_BUDGET = "restart_budget"
    INTERNAL = "internal"


class StopReason(StrEnum):
    """Why an answer ended."""

    END = "end"  # the model ended its turn
    STOP_STRING = "stop_string"
    LENGTH = "length"  # max_tokens reached
    CONTEXT = "context"  # the context window is full
    CANCELLED = "cancelled"
    TOOL_CALLS = "tool_calls"


# ── what a conversation is made of ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `tool_call_id` says which call a message of role `tool` answers."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """What the answer must look like: free text, any JSON, JSON by a schema, or text by a GBNF grammar."""

    kind: Literal["text", "json", "json_schema", "grammar"] = "text"
    json_schema: dict[str, Any] | None = None
    grammar: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. Temperature 0 is greedy. A penalty of 1.0 (repetition) or 0.0 (others) is off."""

    temperature: float = 0.7
    top_k: int = 40  # 0 is off
    top_p: float = 0.95  # 1 is off
    min_p: float = 0.05  # 0 is off
    typical_p: float = 1.0  # 1 is off
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_window: int = 64  # tokens that the penalties look back
    seed: int | None = None  # None: chosen by the engine and told in Done
    max_tokens: int | None = None  # None: until the model stops or the context is full
    stop: tuple[str, ...] = ()
    logit_bias: dict[str, float] = field(default_factory=dict)  # token id, as text, to what is added to its logit


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Whether a model that can think should; `budget` is in tokens."""

    mode: Literal["auto", "on", "off"] = "auto"
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model file is loaded. None lets the engine choose and say in `Loaded` what it chose."""

    context: int | None = None  # tokens
    slots: int | None = None  # sequences that may run at once
    batch: int | None = None  # tokens of one llama_decode
    threads: int | None = None  # decode
    threads_batch: int | None = None  # prefill
    gpu_layers: int | None = None  # 0 keeps all on the CPU
    kv_type_k: str | None = None  # f16, q8_0, q4_0 …
    kv_type_v: str | None = None
    flash_attention: bool | None = None
    mmap: bool = True
    mlock: bool = False


# ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Load:
    """Have `model` ready. Answered by LoadProgress… and Loaded, or Error. `model` is an absolute path (local engine)
    or a provider's own name for a model."""

    id: str
    model: str
    options: LoadOptions = LoadOptions()
    force: bool = False  # load even where the memory estimate says no


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer `messages`. Answered by (LoadProgress…, Loaded,) Prefill…, Text…, then exactly one Done or Error."""

    id: str
    model: str
    messages: tuple[Message, ...]
    options: LoadOptions = LoadOptions()
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    response_format: ResponseFormat = ResponseFormat()
    reasoning: Reasoning = Reasoning()
    n: int = 1
    priority: Literal["interactive", "normal", "background"] = "normal"
    cache_key: str | None = None  # names a conversation, so that its state can be found again
    owner: str = "local"
    continue_last: bool = False  # the last message is the beginning of the answer
    force: bool = False  # as in Load


@dataclass(frozen=True, slots=True)
class Count:
    """How many tokens `messages` and `tools` are once rendered by the model's template. Answered by Counted."""

    id: str
    model: str
    messages: tuple[Message, ...]
    options: LoadOptions = LoadOptions()
    tools: tuple[Tool, ...] = ()
    reasoning: Reasoning = Reasoning()


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the request `target`. No answer of its own: `target` ends with Done(stop_reason=cancelled)."""

    target: str


@dataclass(frozen=True, slots=True)
class Unload:
    """Free `model` (all models when None). Answered by Ok once the memory is free."""

    id: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Answered by Ok. The worker answers from its reader, between two batches, at any load."""

    id: str


@dataclass(frozen=True, slots=True)
class Status:
    """What runs? Answered by StatusReport (host only)."""

    id: str


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End, and the workers with it. Answered by Ok."""

    id: str


# ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of a host or a worker: who speaks, and what it can do."""

    process: Literal["host", "worker"]
    pid: int
    engine: str = ""  # "llama-cpp-python 0.3.36"
    system_info: str = ""  # llama.cpp's own line about the CPU features it was built with
    backends: tuple[str, ...] = ()
    can: tuple[str, ...] = ()  # names of optional features that work: tools, response_format, reasoning …


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """llama.cpp's own progress, 0 to 1. Phases: queued, starting, weights, context, warm-up."""

    id: str
    model: str
    phase: str
    fraction: float
    elapsed_ms: float
    expected_ms: float | None = None  # from earlier loads of this file; None where there was none


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded, as llama.cpp tells it. Sizes in bytes, times in milliseconds."""

    id: str
    model: str
    name: str  # general.name, else the file's stem
    architecture: str
    parameters: int
    quantisation: str
    file_size: int
    context_trained: int
    context: int  # tokens a conversation may use
    slots: int
    layers: int
    gpu_layers: int  # layers truly on a GPU
    devices: tuple[str, ...]
    memory: dict[str, int]  # kind (weights, kv, compute, output, recurrent) and device, as "weights CPU": bytes
    threads: int
    threads_batch: int
    load_ms: float
    template: str  # "gguf", or "chatml (fall-back: …)"
    thinking: bool  # the template or vocabulary knows thinking
    warnings: tuple[str, ...] = ()
    engine: str = ""
    reused: bool = False  # it was in memory already


@dataclass(frozen=True, slots=True)
class Prefill:
    """How much of the prompt was read. `cached` tokens of `total` needed no work."""

    id: str
    done: int
    total: int
    cached: int


@dataclass(frozen=True, slots=True)
class Text:
    """The next piece of an answer, whole characters only. `tokens` counts all generated so far in this answer."""

    id: str
    text: str
    channel: Literal["answer", "thinking"]
    tokens: int
    elapsed_ms: float  # since the engine got the request
    index: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """An answer ended. Times by llama.cpp's clock, in milliseconds; each excludes the others."""

    id: str
    stop_reason: StopReason
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    thinking_tokens: int
    queue_ms: float  # waiting for a slot
    load_ms: float  # 0 where the model was in memory
    prefill_ms: float
    decode_ms: float
    ttft_ms: float | None  # from request (load included) to the first token; None where there was none
    seed: int
    shared_with: int = 0  # most other answers that ran in the same batches
    stop: str | None = None  # the stop string that was met
    index: int = 0

    @property
    def prefill_tps(self) -> float | None:
        """Prompt tokens a second, cached ones excluded; None where nothing had to be read."""
        fresh = self.prompt_tokens - self.cached_tokens
        return 1000 * fresh / self.prefill_ms if fresh > 0 and self.prefill_ms > 0 else None

    @property
    def decode_tps(self) -> float | None:
        """Generated tokens a second. The first token is the prefill's, so n tokens took n - 1 steps."""
        steps = self.completion_tokens - 1
        return 1000 * steps / self.decode_ms if steps > 0 and self.decode_ms > 0 else None


@dataclass(frozen=True, slots=True)
class Error:
    """A request failed (`id`), or the process that speaks did (`id` None)."""

    id: str | None
    code: ErrorCode
    title: str  # what happened
    detail: str = ""  # why
    mend: str = ""  # what to do next
    data: dict[str, Any] = field(default_factory=dict)
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """A line that llama.cpp or a library printed."""

    level: Literal["debug", "info", "warning", "error"]
    text: str


@dataclass(frozen=True, slots=True)
class Counted:
    id: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Ok:
    id: str


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One loaded (or loading) model. Sizes in bytes."""

    model: str
    state: Literal["starting", "loading", "ready", "stopping", "failed"]
    pid: int | None
    running: int  # answers in work
    waiting: int
    reserved: int  # memory reserved for it
    resident: int | None  # memory it has, as the operating system tells
    restarts: int
    idle_s: float
    loaded: Loaded | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    id: str
    pid: int
    started: float  # Unix seconds
    clients: int
    keep_alive_s: float
    budget: int  # bytes all workers may reserve together
    workers: tuple[WorkerStatus, ...] = ()


Request = Load | Generate | Count | Cancel | Unload | Ping | Status | Shutdown
Event = Hello | LoadProgress | Loaded | Prefill | Text | Done | Error | Log | Counted | Ok | StatusReport
