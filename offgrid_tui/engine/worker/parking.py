"""Conversations that nobody writes at the moment, out of the way but not lost.

llama.cpp's attention runs over all used cells of a cache that several sequences share, also over those of idle ones:
3000 idle tokens cost each new token of another conversation more than its own weights do. So the state of an idle
conversation is copied out of the cache, which takes 55 ms for 1000 tokens of a 0.6B model, and copied back when it
goes on, which takes 9 ms; reading the prompt again would take seconds. What counts is the last used cell, so an answer
that runs behind such a gap is moved to the front.
"""

from __future__ import annotations

import ctypes
from array import array
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as native

from offgrid_tui.engine.worker.llama import Memory
from offgrid_tui.engine.worker.slot import Slot, common_prefix


@dataclass(eq=False, frozen=True)
class Parked:
    """The state of one conversation: what `tokens` left in the cache."""

    tokens: array[int]
    state: ctypes.Array[ctypes.c_uint8]
    cache_key: str | None


class Parking:
    """Keeps states up to `limit` bytes; the ones parked longest ago give way."""

    def __init__(self, context: Any, limit: int) -> None:
        self._context = context
        self._limit = limit
        self._parked: list[Parked] = []  # the oldest first

    def put(self, slot: Slot) -> bool:
        """Copy the state of `slot`, whose cache can then be emptied. False: it is too large, or cannot be copied."""
        state = self._copy(slot)
        if state is None or len(state) > self._limit:
            return False
        while self._parked and len(state) + sum(len(each.state) for each in self._parked) > self._limit:
            self._parked.pop(0)
        self._parked.append(Parked(slot.tokens[: slot.filled], state, slot.cache_key))
        return True

    def best(self, tokens: array[int], limit: int, *, whole: bool) -> tuple[Parked | None, int]:
        """The state that begins like `tokens` for longest, and how long (`limit` at most).

        Args:
            whole: only states that are a beginning of `tokens` with all they have.
        """
        found, length = None, 0
        for parked in self._parked:
            same = common_prefix(parked.tokens, tokens, limit)
            if same > length and (same == len(parked.tokens) or not whole):
                found, length = parked, same
        return found, length

    def take(self, parked: Parked, slot: Slot) -> bool:
        """Copy a state into the empty cache of `slot`. False: there is no room for it."""
        if not self._restore(parked.state, slot):
            return False
        if parked in self._parked:  # else it gave way to another meanwhile
            self._parked.remove(parked)
        return True

    def move(self, slot: Slot, memory: Memory) -> bool:
        """Put what `slot` has into the first free cells. False: it was lost."""
        state = self._copy(slot)
        if state is None:
            return True  # it stays where it is
        memory.trim(slot.index, 0)
        return self._restore(state, slot)

    def _copy(self, slot: Slot) -> ctypes.Array[ctypes.c_uint8] | None:
        size = native.llama_state_seq_get_size(self._context, slot.index)
        state = (ctypes.c_uint8 * size)()
        copied = native.llama_state_seq_get_data(self._context, state, size, slot.index)
        return state if 0 < size == copied else None

    def _restore(self, state: ctypes.Array[ctypes.c_uint8], slot: Slot) -> bool:
        return bool(native.llama_state_seq_set_data(self._context, state, len(state), slot.index) == len(state))
