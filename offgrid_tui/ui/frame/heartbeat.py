"""Keeps the pulse: turns what came over the bridge into the figures of the status line."""

from __future__ import annotations

from collections import deque

from offgrid_tui.chat.guide import is_guide
from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.ui import messages
from offgrid_tui.ui.chat.figures import stem
from offgrid_tui.ui.frame.pulse import Activity, Pulse
from offgrid_tui.ui.messages import BusMessage

_ENDED = 64  # answers that are remembered as over, for progress that comes late

_PHASES = {
    "engine": Activity.WAITING,
    "queued": Activity.WAITING,
    "starting": Activity.STARTING,
    "loading": Activity.LOADING,
    "prompt": Activity.READING,
}


class Heartbeat:
    """One for each app; a listener of the bridge.

    Shown are the figures of the answer that was asked for last among those that run here. What other workstations on
    this home have answered is none of it: only our own answers advance and grow, theirs are saved and change.
    """

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._running: dict[str, int | None] = {}  # our answers -> tokens of their prompt, oldest first
        self._ended: deque[str] = deque(maxlen=_ENDED)

    def take(self, message: BusMessage) -> None:
        """Note what a message says; messages that say nothing about the pulse are none of ours."""
        pulse = self._pulse
        match message:
            case messages.AnswerAdvanced(progress) if self._is_shown(progress.turn_id):
                if pulse.activity is not Activity.STOPPING:
                    pulse.activity = _PHASES[progress.phase]
                pulse.fraction = progress.fraction
                if progress.tokens is not None:
                    self._running[progress.turn_id] = pulse.context_used = progress.tokens
            case messages.ModelReady(loaded, _):
                pulse.model, pulse.context_size, pulse.guide = loaded.name, loaded.context, is_guide(loaded.model)
            case messages.TextArrived() if self._is_shown(message.turn_id):
                pulse.grew(message.tokens, message.elapsed_ms)
                if (prompt := self._running[message.turn_id]) is not None:
                    pulse.context_used = prompt + message.tokens
            case messages.AnswerFinished(turn) if turn.id in self._running:
                was_shown = self._is_shown(turn.id)
                del self._running[turn.id]
                self._ended.append(turn.id)
                if was_shown:
                    pulse.activity = Activity.FAILED if turn.state is TurnState.FAILED else Activity.IDLE
                    pulse.fraction = None
                    self.show(turn)
                    if self._running:
                        pulse.begin()  # what still runs says with its next word how far it is
            case messages.EngineMoved(text, problem):
                pulse.engine, pulse.engine_failed = problem or text, bool(problem)
            case _:
                pass

    def _is_shown(self, turn_id: str) -> bool:
        if turn_id in self._ended:
            return False
        if turn_id not in self._running:
            self._running[turn_id] = None
            self._pulse.begin()
        return turn_id == next(reversed(self._running))

    def choose(self, model: str | None) -> None:
        """Another model is asked from now on; nothing is known of it yet but its file's name."""
        self._pulse.model = stem(model) if model else None
        self._pulse.guide = is_guide(model)
        self._pulse.context_size = None
        self.settle()

    def settle(self) -> None:
        """Nothing runs."""
        self._pulse.activity = Activity.IDLE if self._pulse.model else Activity.NONE

    def show(self, turn: Turn | None) -> None:
        """The figures of the last answer in the conversation that is open; None where there is none."""
        pulse, figures = self._pulse, turn.figures if turn else None
        pulse.context_used = pulse.rate = pulse.ttft_ms = None
        if turn is None or figures is None:
            return
        if figures.prompt_tokens is not None:
            pulse.context_used = figures.prompt_tokens + (figures.completion_tokens or 0)
        pulse.context_size = figures.context or pulse.context_size
        pulse.rate, pulse.ttft_ms = figures.decode_tps, figures.ttft_ms
        if turn.model_name:
            pulse.model, pulse.guide = turn.model_name, is_guide(turn.model)
