"""The names of all actions that `[keys]` in config.toml can give other keys."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from textual.binding import Binding


def action_ids() -> frozenset[str]:
    """Every id of ours: app.quit, chat.new, composer.send …"""
    from offgrid_tui.ui.app import OffGridApp
    from offgrid_tui.ui.catalog.acting import ActingScreen
    from offgrid_tui.ui.catalog.filterbar import FilterInput
    from offgrid_tui.ui.catalog.full import FullDetails
    from offgrid_tui.ui.catalog.hub import HubSearch
    from offgrid_tui.ui.catalog.recommending import Recommendations
    from offgrid_tui.ui.chat.composer import Composer
    from offgrid_tui.ui.chat.conversations import ConversationList
    from offgrid_tui.ui.chat.screen import ChatScreen
    from offgrid_tui.ui.chat.transcript import Transcript
    from offgrid_tui.ui.chat.turns import AnswerTurn, TurnView
    from offgrid_tui.ui.overlays.help import Help
    from offgrid_tui.ui.overlays.picker import Picker
    from offgrid_tui.ui.overlays.questions import AskText, Confirm
    from offgrid_tui.ui.overlays.welcome import Welcome

    owners: Iterable[Any] = (
        OffGridApp, ChatScreen, Composer, ConversationList, Transcript, TurnView, AnswerTurn,
        ActingScreen, FilterInput, FullDetails, HubSearch, Recommendations, Help, Picker, AskText, Confirm, Welcome,
    )  # fmt: skip
    return frozenset(b.id for owner in owners for b in owner.BINDINGS if isinstance(b, Binding) and b.id)


def unknown_actions(keys: Mapping[str, str]) -> list[str]:
    """A sentence for each name in `keys` that is no action, with the nearest that is."""
    if not keys:
        return []
    known = action_ids()
    sentences = []
    for name in keys.keys() - known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        sentences.append(f"keys.{name} is no action" + (f"; the nearest is {near[0]}" if near else ""))
    return sorted(sentences)
