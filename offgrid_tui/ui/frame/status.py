"""The status line: the workstation's pulse in one row, as much of it as there is room for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from offgrid_tui.chat.guide import LABEL
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, duration, gib, rate, tokens
from offgrid_tui.ui.frame.pulse import Activity, Pulse
from offgrid_tui.ui.widgets.gauge import Drawing, gauge


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is shown. Every step of `_STEPS` takes the least important thing that is left."""

    name: int = 32  # cells for the model's name
    ttft: bool = True
    bar: int = 12  # cells of a gauge; 0 is none
    counts: bool = True  # 2.5k/8k beside the percentage
    state: bool = True
    memory: bool = True
    context: bool = True


_STEPS: tuple[Callable[[_Detail], _Detail], ...] = (
    lambda d: replace(d, bar=10),
    lambda d: replace(d, bar=8),
    lambda d: replace(d, name=20),
    lambda d: replace(d, ttft=False),
    lambda d: replace(d, bar=6),
    lambda d: replace(d, name=14),
    lambda d: replace(d, bar=0),
    lambda d: replace(d, counts=False),
    lambda d: replace(d, memory=False),
    lambda d: replace(d, context=False),
    lambda d: replace(d, name=8),
    lambda d: replace(d, state=False),
)

_COLOR = {
    Activity.NONE: "$muted",
    Activity.IDLE: "$ok",
    Activity.FAILED: "$bad",
    Activity.STOPPING: "$warn",
}
_MARK = {Activity.NONE: "○", Activity.FAILED: "✗"}


class StatusLine(Widget):
    """One row; `tick()` draws it again where something changed. Nothing in it moves by itself."""

    DEFAULT_CSS = """
    StatusLine { height: 1; width: 1fr; padding: 0 1; background: $background; color: $foreground; }
    """
    ALLOW_SELECT = False

    def __init__(self, pulse: Pulse, drawing: Callable[[], Drawing]) -> None:
        super().__init__()
        self._pulse = pulse
        self._drawing = drawing
        self._drawn: Content | None = None

    def tick(self) -> None:
        """Repaint, but only where the line would look different."""
        if self._line() != self._drawn:
            self.refresh()

    def render(self) -> Content:
        self._drawn = self._line()
        return self._drawn

    def _line(self) -> Content:
        return fit(self._pulse, self.size.width, self._drawing())


def fit(pulse: Pulse, width: int, drawing: Drawing) -> Content:
    """The line at most `width` cells wide; what matters least goes first."""
    detail = _Detail()
    line = _line(pulse, detail, drawing)
    for step in _STEPS:
        if line.cell_length <= width:
            break
        detail = step(detail)
        line = _line(pulse, detail, drawing)
    return line


def _line(pulse: Pulse, detail: _Detail, drawing: Drawing) -> Content:
    bar = Content.styled(" │ ", "$faint")
    groups = [_model(pulse, detail)]
    if detail.context:
        used, size = pulse.context_used, pulse.context_size
        text = f"{tokens(used)}/{tokens(size)}"
        groups.append(_measure("ctx", pulse.context_fraction, text, detail, drawing))
    if detail.memory:
        text = f"{gib(pulse.memory_used)}/{gib(pulse.memory_budget)} G"
        groups.append(_measure("RAM", pulse.memory_fraction, text, detail, drawing, percent=False))
    return bar.join(groups)


def _model(pulse: Pulse, detail: _Detail) -> Content:
    activity = pulse.activity
    if pulse.engine is not None:
        return _engine(pulse)
    mark = _MARK.get(activity, "●")
    parts: list[Content | str | tuple[str, str]] = [(f"{mark} ", _COLOR.get(activity, "$accent"))]
    if pulse.model is None:
        parts.append(("no model", "$muted"))
        return Content.assemble(*parts)
    parts.append((_short(pulse.model, detail.name), "bold"))
    if pulse.label:
        parts.append((f" ({pulse.label})", "$warn"))
    if pulse.guide:
        parts.append((f" {LABEL}", "$warn"))
    if detail.state:
        parts.append((f" {_state(pulse)}", _COLOR.get(activity, "$accent") if activity.running else "$muted"))
    parts.append(f"  {rate(pulse.rate):>8}")
    if detail.ttft:
        parts.append(("  TTFT ", "$muted"))
        parts.append(duration(None if pulse.ttft_ms is None else pulse.ttft_ms / 1000))
    return Content.assemble(*parts)


def _state(pulse: Pulse) -> str:
    if pulse.activity in (Activity.LOADING, Activity.READING) and pulse.fraction is not None:
        return f"{pulse.activity.value} {pulse.fraction:.0%}"
    return pulse.activity.value


def _engine(pulse: Pulse) -> Content:
    if pulse.engine_failed:
        return Content.assemble(("✗ ", "$bad"), "engine failed", (f"  {pulse.engine}", "$muted"))
    return Content.assemble(("◌ ", "$accent"), "engine ", (pulse.engine or "", "$accent"))


def _measure(
    name: str, fraction: float | None, text: str, detail: _Detail, drawing: Drawing, *, percent: bool = True
) -> Content:
    color = "$accent" if fraction is None or fraction < 0.8 else "$warn" if fraction < 0.95 else "$bad"
    parts: list[Content | str | tuple[str, str]] = [(f"{name} ", "$muted")]
    if detail.bar:
        parts += [gauge(fraction, detail.bar, drawing, color), " "]
    share = NO_VALUE if fraction is None else f"{fraction:.0%}"
    if percent or not detail.counts:
        parts.append(f"{share:>3}")
    if detail.counts:
        parts.append((f" {text}" if percent else text, "$muted" if percent else "$foreground"))
    return Content.assemble(*parts)


def _short(name: str, width: int) -> str:
    name = clean_line(name)
    while cell_len(name) > width:
        name = name[:-2] + "…" if name.endswith("…") else name[:-1] + "…"
    return name
