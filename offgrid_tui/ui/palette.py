"""Every action by its name: the keys of this screen, the themes, and what has no key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from offgrid_tui.ui.frame.keybar import hints
from offgrid_tui.ui.overlays.picker import Item, Picked, Picker

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp
    from offgrid_tui.ui.frame.screen import FrameScreen


def open_palette(app: OffGridApp, screen: FrameScreen) -> None:
    """Show the palette over `screen` and do what is chosen there."""
    items: list[Item] = []
    actions: dict[str, Callable[[], object]] = {}

    def offer(label: str, right: str, reason: str, action: Callable[[], object]) -> None:
        id = str(len(items))
        items.append(Item(id, label, right, reason))
        actions[id] = action

    for node, hint in hints(screen):
        if hint.id is None or hint.action == "palette":  # what moves the cursor is no action to look for
            continue

        async def act(action: str = hint.action, namespace: object = node) -> None:
            await app.run_action(action, namespace)  # type: ignore[arg-type]

        offer(hint.tooltip or hint.description, hint.display, hint.reason, act)
    for label, action in screen.more_actions():
        offer(label, "", screen.why_not(action), lambda action=action: app.run_action(action, screen))  # type: ignore[misc]
    for name in sorted(app.available_themes):
        offer(f"Theme: {name}", "in use" if name == app.theme else "", "", lambda name=name: app.use_theme(name))  # type: ignore[misc]

    def find(text: str) -> list[Item]:
        words = text.lower().split()
        return [item for item in items if all(word in item.label.lower() for word in words)]

    def picked(result: Picked | None) -> None:
        if result is not None and result.id is not None:
            app.call_next(actions[result.id])

    app.push_screen(Picker("Palette", find, hint="What do you want to do?"), picked)
