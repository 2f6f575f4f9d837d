"""A wish: a small file that a machine without a network writes, and one with a network fulfils.

It says what is wanted, what is here already (by SHA-256), and what the machine is, so that the other side can choose
the quantisation that fits it. TOML, so that a person can read and change it. Sizes in bytes.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from offgrid_tui import __version__
from offgrid_tui.fit.model import Budget as FitBudget
from offgrid_tui.fit.model import Snapshot, Taken, Use
from offgrid_tui.fit.recommend import ROLES
from offgrid_tui.foundation.errors import DamagedError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.model import Cpu, Gpu, Hardware, Memory

FORM = 1
LARGEST = 2**20  # bytes of a wish that are read
_MOST = 1000  # wants, and hashes of one wish
_HEX = frozenset("0123456789abcdef")
_BYTES = 2**50  # more no machine has


@dataclass(frozen=True, slots=True)
class Want:
    """One thing that is wanted: a model by any name that the catalog knows, or whatever suits a use."""

    name: str = ""
    quantisation: str = ""  # empty: what fits best
    use: str = ""  # of fit/recommend.py's ROLES


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that wishes. `available` was to be had when the wish was written, `share` is for models."""

    memory: int
    available: int
    share: int
    architecture: str = ""
    features: tuple[str, ...] = ()
    gpu_memory: int = 0  # of all GPUs together; 0 where the engine uses none
    gpu_share: int = 0
    gpu_available: int = 0
    disk_free: int = 0  # where models lie; 0 where it is not known
    bandwidth: float = 0.0  # bytes a second that its memory gives; 0 where it was not measured
    context: int = 0  # tokens that models are loaded with; 0 for what their training says
    kv_type: str = ""

    def snapshot(self) -> Snapshot:
        """The machine, as what fits is reckoned from."""
        memory = Memory(self.memory, self.available, 0, 0, None, None)
        cpu = Cpu("", self.architecture, 1, 1, 1, 1, None, self.features)
        gpus = (Gpu("", self.gpu_memory, self.gpu_available),) if self.gpu_memory else ()
        hardware = Hardware(memory, cpu, gpus, "", "", "", "")
        own = FitBudget(self.memory, self.share, self.available)
        return Snapshot(hardware, Taken(), own, FitBudget(self.gpu_memory, self.gpu_share, self.gpu_available))

    def use(self, default: Use) -> Use:
        """How the target would load a model; `default` is what this machine would do."""
        from dataclasses import replace

        from offgrid_tui.fit.use import AUTO_LAYERS

        kind = self.kv_type or "f16"
        return replace(
            default,
            context=self.context or default.context,
            kv_type_k=kind,
            kv_type_v=kind,
            gpu_layers=AUTO_LAYERS if self.gpu_memory else 0,
        )


@dataclass(frozen=True, slots=True)
class WishList:
    target: Target
    wants: tuple[Want, ...]
    have: frozenset[str] = field(default_factory=frozenset)  # SHA-256 of files of models that are there
    made: str = ""  # when, as it was written


def write_wish(wish: WishList) -> str:
    """`wish` as TOML."""
    import tomli_w

    machine = {name: _plain(getattr(wish.target, name)) for name in Target.__slots__}
    value: dict[str, Any] = {
        "form": FORM,
        "program": f"offgrid {__version__}",
        "made": wish.made,
        "machine": {name: item for name, item in machine.items() if item not in (0, 0.0, "", [])},
        "want": [
            {name: getattr(one, name) for name in ("name", "quantisation", "use") if getattr(one, name)}
            for one in wish.wants
        ],
        "have": {"sha256": sorted(wish.have)},
    }
    head = (
        "# What this machine wishes for. Carry it to a machine with a network and run there:\n"
        "#     offgrid fulfil THIS-FILE DIR\n"
        "# It says what the machine can hold, and which files it has; not whose it is.\n"
    )
    return head + tomli_w.dumps(value)


def parse_wish(text: bytes) -> WishList:
    """The wish in `text`.

    Raises:
        DamagedError: it is none.
    """
    try:
        value = tomllib.loads(text.decode())
        if value["form"] != FORM:
            raise DamagedError("A newer OffGrid wrote this wish", mend="Update OffGrid here.")
        machine = value["machine"]
        wants = tuple(_want(item) for item in value.get("want", ()))
        have = value.get("have", {}).get("sha256", [])
        if not wants or len(wants) > _MOST or len(have) > _MOST * 10:
            raise ValueError
        return WishList(_target(machine), wants, frozenset(_digest(one) for one in have), str(value.get("made", "")))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise DamagedError(
            "This is not a wish of OffGrid",
            detail="It names nothing that is wanted, or not what the machine can hold.",
            mend="Write one with `offgrid wish` where the models are wanted.",
        ) from None


def wants_of(names: Sequence[str], uses: Sequence[str]) -> tuple[Want, ...]:
    """What a person wishes for; chat where nothing was said.

    Raises:
        UsageError: a use that there is not.
    """
    for use in uses:
        if use not in ROLES:
            raise UsageError(f"There is no use {clean_line(use)}", mend=f"Choose of {', '.join(ROLES)}.")
    found = [Want(name=clean_line(name)) for name in names] + [Want(use=use) for use in uses]
    return tuple(found) or (Want(use="chat"),)


def now_text(wall: float) -> str:
    return datetime.datetime.fromtimestamp(wall, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _want(item: Any) -> Want:
    found = Want(*(clean_line(str(item.get(name, "")), 200) for name in ("name", "quantisation", "use")))
    if bool(found.name) == bool(found.use) or (found.use and found.use not in ROLES):
        raise ValueError
    return found


def _target(machine: Any) -> Target:
    whole = {name: _number(machine.get(name, 0)) for name in _NUMBERS}
    if not whole["memory"]:
        raise ValueError
    return Target(
        **whole,
        bandwidth=float(_number(int(machine.get("bandwidth", 0)))),
        architecture=clean_line(str(machine.get("architecture", "")), 40),
        features=tuple(clean_line(str(one), 40) for one in machine.get("features", ())[:100]),
        kv_type=clean_line(str(machine.get("kv_type", "")), 20),
    )


_NUMBERS = (
    "memory",
    "available",
    "share",
    "gpu_memory",
    "gpu_share",
    "gpu_available",
    "disk_free",
    "context",
)


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _BYTES:
        raise ValueError
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= _HEX:
        raise ValueError
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, float) else value
