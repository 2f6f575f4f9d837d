"""Continuous batching: all answers that run share each step of llama.cpp.

A step takes one token of every answer that is being written, and fills the rest of the batch with the next pieces of
the prompts that are still being read. Who waits gets a slot in the order of priority, then of arrival.
"""

from __future__ import annotations

import queue
from collections.abc import Callable

from offgrid_tui.engine.contract import ErrorCode, Event, Prefill, StopReason
from offgrid_tui.engine.worker.job import Job
from offgrid_tui.engine.worker.llama import now_us
from offgrid_tui.engine.worker.loader import Engine
from offgrid_tui.engine.worker.parking import Parking
from offgrid_tui.engine.worker.placement import Placement
from offgrid_tui.engine.worker.problem import Problem
from offgrid_tui.engine.worker.sampling import Sampler
from offgrid_tui.engine.worker.slot import Slot

_STALL_US = 100_000  # how long a piece of prompt may hold up the answers that are being written
_SMALLEST_PIECE = 16
_PREFILL_EVENT_US = 100_000
_PARK_STEPS = 16  # how often idle conversations are looked after


class Scheduler:
    """Owns the context and its slots, in the thread that calls `run`. Others may call `submit` and `cancel`."""

    def __init__(self, engine: Engine, send: Callable[[Event], None], ended: Callable[[Job, Event], None]) -> None:
        """`ended` gets the last event of each job: Done or Error."""
        self._engine = engine
        self._send = send
        self._ended = ended
        self._slots = [Slot(index) for index in range(engine.slots)]
        parking = Parking(engine.context, engine.parking)
        self._placement = Placement(engine.memory, parking, self._slots, engine.cells)
        self._arrived: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting: list[Job] = []
        self._steps = 0
        self._admits = True  # False after an answer lost its slot to a full cache, until another has ended
        self._was_aborted = False
        self._token_us = 1000.0  # cost of one prompt token
        self._step_us = 0  # duration of the last step without prompts

    def submit(self, job: Job) -> None:
        self._arrived.put(job)

    def cancel(self, job: Job) -> None:
        """End `job` soon, and the batch it is in where that is worth it. From any thread."""
        job.cancelled = True
        if job.abortable:
            self._engine.abort.set()
        self._arrived.put(None)  # wakes a scheduler that has nothing to do

    def run(self) -> None:
        """Work for ever."""
        while True:
            self._take_arrived()
            self._end_cancelled()
            self._admit()
            if any(slot.job for slot in self._slots):
                self._step()

    # ── who runs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_arrived(self) -> None:
        idle = not self._waiting and not any(slot.job for slot in self._slots)
        while idle or not self._arrived.empty():
            if job := self._arrived.get():
                self._waiting.append(job)
                self._waiting.sort(key=lambda each: each.rank)
            idle = False

    def _end_cancelled(self) -> None:
        for job in [job for job in self._waiting if job.cancelled]:
            self._waiting.remove(job)
            self._finish(job, StopReason.CANCELLED)
        for slot in self._slots:
            if slot.job and slot.job.cancelled:
                self._release(slot, StopReason.CANCELLED)

    def _admit(self) -> None:
        while self._waiting and (self._admits or not any(slot.job for slot in self._slots)):
            job = self._waiting[0]
            if all(slot.job for slot in self._slots):
                last = max((slot for slot in self._slots if slot.job), key=_rank)
                if last.job is None or last.job.priority <= job.priority:
                    return
                self._preempt(last)
            slot = self._placement.place(job, self._steps)
            if slot is None:
                return
            self._waiting.remove(job)
            self._start(job, slot)
            self._placement.park(now_us())

    def _start(self, job: Job, slot: Slot) -> None:
        now = now_us()
        job.resume(now)
        if not job.started:
            job.started = now
            job.cached_tokens = slot.filled
            job.sampler = Sampler(job.request.sampling, self._engine.vocabulary.size, job.tokens)
            self._tell_prefill(job, slot, now)

    def _preempt(self, slot: Slot) -> None:
        """Take the slot away; the answer goes on later, from what it has."""
        assert slot.job is not None
        job = slot.job
        slot.leave()
        slot.idle_since = now_us()
        job.wait(slot.idle_since)
        self._waiting.append(job)
        self._waiting.sort(key=lambda each: each.rank)

    # ── one step ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self) -> None:
        self._steps += 1
        if self._steps % _PARK_STEPS == 0:
            self._placement.park(now_us())
        plan = self._plan()
        batch, abort = self._engine.batch, self._engine.abort
        batch.clear()
        outputs = []
        for slot, count in plan:
            slot.used = self._steps
            tokens = slot.tokens[slot.filled : slot.filled + count]
            last = batch.add(slot.index, tokens, slot.filled, output=count == slot.due)
            if count == slot.due:
                outputs.append((slot, last))
        prompts = batch.count - sum(count == 1 for _, count in plan)
        abort.clear()
        for slot, count in plan:
            assert slot.job is not None
            # Others lose this step to an abort. That is worth it for a long one, but not twice running.
            others = len(plan) > 1
            slot.job.abortable = not others or (count > 1 and not self._was_aborted and self._engine.memory.trimmable)
        if any(slot.job and slot.job.cancelled for slot, _ in plan):
            return  # it came before there was anything to abort
        began = now_us()
        code = self._engine.decode()
        now = now_us()
        for slot, _ in plan:
            if slot.job:
                slot.job.abortable = False
        self._was_aborted = code == 2
        if code == 0:
            self._measure(now - began, prompts)
            self._advance(plan, outputs, now)
        elif code == 1:
            self._make_room()
        elif code == 2:
            for slot, _ in plan:
                self._placement.resynchronise(slot)
        else:
            self._fail_all(plan, code)

    def _plan(self) -> list[tuple[Slot, int]]:
        """Which slots take part, each with how many of its tokens."""
        running = sorted((slot for slot in self._slots if slot.job), key=_rank)
        plan = [(slot, 1) for slot in running if slot.due == 1]
        prompts = [slot for slot in running if slot.due > 1]
        room = self._engine.batch.capacity - len(plan)
        if plan and prompts:
            room = min(room, max(_SMALLEST_PIECE, int(_STALL_US / self._token_us)))
        for priority in sorted({slot.job.priority for slot in prompts if slot.job}):
            group = [slot for slot in prompts if slot.job and slot.job.priority == priority]
            # The shortest first: what one leaves of its share goes to the next.
            for others_left, slot in zip(range(len(group), 0, -1), sorted(group, key=lambda s: s.due), strict=True):
                count = min(slot.due, -(-room // others_left))
                if count > 0:
                    plan.append((slot, count))
                    room -= count
        return plan

    def _measure(self, duration: int, prompts: int) -> None:
        if prompts >= _SMALLEST_PIECE:
            self._token_us += 0.5 * (duration / prompts - self._token_us)
        elif not prompts:
            self._step_us = duration

    def _advance(self, plan: list[tuple[Slot, int]], outputs: list[tuple[Slot, int]], now: int) -> None:
        for slot, count in plan:
            slot.filled += count
            job = slot.job
            assert job is not None
            job.shared_with = max(job.shared_with, len(plan) - 1)
            if count > 1 and not job.generated and (slot.due == 0 or now - job.last_prefill >= _PREFILL_EVENT_US):
                self._tell_prefill(job, slot, now)
        reading = any(slot.due > 1 for slot, _ in plan)
        for slot, index in outputs:
            self._take_token(slot, index, _STALL_US if reading else self._step_us)

    def _take_token(self, slot: Slot, index: int, next_in: int) -> None:
        job = slot.job
        assert job is not None and job.sampler is not None and job.output is not None
        token = job.sampler.sample(self._engine.context, index)
        now = now_us()
        if self._engine.vocabulary.ends_turn(token):
            self._release(slot, StopReason.END)
            return
        job.generated += 1
        job.last_token = now
        if not job.first_token:
            job.first_token = now
        job.tokens.append(token)
        met = job.output.push(self._engine.vocabulary.piece(token), now)
        job.thinking_tokens += job.output.thinks
        if met:
            self._release(slot, StopReason.STOP_STRING)
        elif job.generated == job.request.sampling.max_tokens:
            self._release(slot, StopReason.LENGTH)
        elif len(job.tokens) >= self._engine.length:
            self._release(slot, StopReason.CONTEXT)
        else:
            job.output.flush(now, job.generated, next_in)

    def _tell_prefill(self, job: Job, slot: Slot, now: int) -> None:
        job.last_prefill = now
        self._send(Prefill(job.request.id, min(slot.filled, job.prompt_tokens), job.prompt_tokens, job.cached_tokens))

    # ── when it does not go well ────────────────────────────────────────────────────────────────────────────────────

    def _make_room(self) -> None:
        """The cache is full: forget the conversation that was idle longest, or let an answer wait."""
        if self._placement.evict():
            return
        running = sorted((slot for slot in self._slots if slot.job), key=_rank)
        if len(running) > 1:
            self._preempt(running[-1])
            self._admits = False
        else:
            self._release(running[0], StopReason.CONTEXT)

    def _fail_all(self, plan: list[tuple[Slot, int]], code: int) -> None:
        self._engine.memory.clear()
        for slot in self._slots:
            if slot.job is None or all(slot is not planned for planned, _ in plan):
                slot.filled = 0
                if slot.job is None:
                    slot.empty()
                continue
            job = slot.job
            slot.leave()
            slot.empty()
            problem = Problem(
                ErrorCode.INTERNAL,
                "llama.cpp could not compute the next token",
                f"llama_decode gave {code}",
                "Ask again; load the model anew if it happens again.",
            )
            self._close(job)
            self._ended(job, problem.to_event(job.request.id))
        self._admits = True

    # ── the end of an answer ────────────────────────────────────────────────────────────────────────────────────────

    def _release(self, slot: Slot, reason: StopReason) -> None:
        assert slot.job is not None
        job = slot.job
        slot.leave()
        slot.idle_since = now_us()
        self._admits = True
        self._finish(job, reason)

    def _finish(self, job: Job, reason: StopReason) -> None:
        if job.output is not None:
            job.output.end(now_us(), job.generated)
        done = job.done(now_us(), reason, job.output.stop if job.output else None)
        self._close(job)
        self._ended(job, done)

    def _close(self, job: Job) -> None:
        if job.sampler is not None:
            job.sampler.close()


def _rank(slot: Slot) -> tuple[int, int]:
    assert slot.job is not None
    return slot.job.rank
