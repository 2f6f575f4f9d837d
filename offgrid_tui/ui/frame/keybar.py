"""The footer: the keys that work right now, read from the bindings themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.screen import Screen


@dataclass(frozen=True, slots=True)
class KeyHint:
    """One action a user can take here. `reason` says why it can't be taken now; empty where it can."""

    key: str
    display: str
    description: str
    tooltip: str
    action: str
    reason: str = ""
    show: bool = True
    id: str | None = None


def hints(screen: Screen[Any]) -> list[tuple[DOMNode, KeyHint]]:
    """What the keys do on `screen`, nearest to the focus first; one entry for each action, with its first key."""
    found: dict[str, tuple[DOMNode, KeyHint]] = {}
    for node, binding, enabled, tooltip in screen.active_bindings.values():
        if not binding.description or binding.system:
            continue
        why_not = getattr(node, "why_not", None)
        reason = why_not(binding.action) if why_not is not None else ""
        name = f"{node.css_identifier}.{binding.action}"
        if name not in found:
            hint = KeyHint(
                binding.key,
                display_key(binding),
                binding.description,
                tooltip or binding.tooltip,
                binding.action,
                reason or ("" if enabled else "not possible here"),
                binding.show,
                binding.id,
            )
            found[name] = node, hint
    floors = {screen: 1, screen.app: 2}
    return sorted(found.values(), key=lambda entry: floors.get(entry[0], 0))


def display_key(binding: Binding) -> str:
    """How a key is written: ^p, f1, esc, enter."""
    if binding.key_display:
        return binding.key_display
    names = {
        "question_mark": "?", "slash": "/", "escape": "esc", "left_square_bracket": "[", "right_square_bracket": "]",
        "pageup": "pgup", "pagedown": "pgdn", "up": "↑", "down": "↓", "left": "←", "right": "→",
        "full_stop": ".", "comma": ",",
    }  # fmt: skip
    *modifiers, key = binding.key.split("+")
    key = names.get(key, key)
    return "".join("^" if m == "ctrl" else f"{m}+" for m in modifiers) + key


GAP = "  "
URGENT = "app.stop"  # comes first while there is something to stop
ALWAYS = ("app.palette", "app.help")  # where everything else can be found


class KeyBar(Widget):
    """One row of keys. What does not fit is left out whole, from the end; `?` shows all of them."""

    DEFAULT_CSS = """
    KeyBar { height: 1; width: 1fr; padding: 0 1; background: $background; color: $muted; }
    """
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[int, int, str]] = []  # first cell, end, key

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def render(self) -> Content:
        shown = [hint for _, hint in hints(self.screen) if hint.show]
        last = [hint for hint in shown if hint.id in ALWAYS]
        first = [hint for hint in shown if hint not in last]
        first.sort(key=lambda hint: hint.id != URGENT or bool(hint.reason))
        return self._lay_out(first, last, self.size.width)

    def _lay_out(self, first: Iterable[KeyHint], last: Iterable[KeyHint], width: int) -> Content:
        """`last` stands at the right edge and is never left out while there is room for it at all."""
        self._spans = []
        right = Content(GAP).join([_item(hint) for hint in last])
        room = width - right.cell_length - len(GAP)
        line = Content("")
        for hint in first:
            item = _item(hint)
            start = line.cell_length + (len(GAP) if self._spans else 0)
            if start + item.cell_length > room:
                break
            line = Content.assemble(line, GAP if self._spans else "", item)
            self._spans.append((start, start + item.cell_length, hint.key))
        at = max(width - right.cell_length, 0)
        for hint in last:
            end = at + _item(hint).cell_length
            self._spans.append((at, end, hint.key))
            at = end + len(GAP)
        return Content.assemble(line, " " * max(width - line.cell_length - right.cell_length, 0), right)

    def on_click(self, event: events.Click) -> None:
        x = event.get_content_offset(self)
        if x is None:
            return
        for start, end, key in self._spans:
            if start <= x.x < end:
                self.app.simulate_key(key)


def _item(hint: KeyHint) -> Content:
    key = "$muted" if hint.reason else "bold $accent"
    return Content.assemble((hint.display, key), " ", (hint.description, "$muted"))
