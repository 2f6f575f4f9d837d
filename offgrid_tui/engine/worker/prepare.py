"""From a request to the tokens of its prompt, beside the decoding: in a thread of its own."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable

from offgrid_tui.engine.contract import Count, Counted, ErrorCode, Event, Generate, StopReason
from offgrid_tui.engine.worker import sampling, thinking
from offgrid_tui.engine.worker.job import Job
from offgrid_tui.engine.worker.llama import now_us
from offgrid_tui.engine.worker.loader import Engine
from offgrid_tui.engine.worker.output import Output
from offgrid_tui.engine.worker.problem import Problem
from offgrid_tui.engine.worker.rendering import RenderCancelled
from offgrid_tui.engine.worker.template import Template


class Preparer:
    """Renders and tokenises in order of arrival."""

    def __init__(
        self,
        engine: Engine,
        template: Template,
        thinks: bool,
        send: Callable[[Event], None],
        submit: Callable[[Job], None],
        ended: Callable[[Job, Event], None],
    ) -> None:
        """`thinks`: the model knows thinking. A job goes to `submit`, or, with its last event, to `ended`."""
        self._engine = engine
        self._template = template
        self._thinks = thinks
        self._send = send
        self._submit = submit
        self._ended = ended
        self._queue: queue.SimpleQueue[Job | Count] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="prepare", daemon=True).start()

    def put(self, work: Job | Count) -> None:
        self._queue.put(work)

    def _run(self) -> None:
        while True:
            work = self._queue.get()
            try:
                if isinstance(work, Count):
                    self._send(Counted(work.id, self._count(work)))
                else:
                    self._prepare(work)
                    work.wait(now_us())
                    self._submit(work)
            except RenderCancelled:
                assert isinstance(work, Job)
                self._ended(work, work.done(now_us(), StopReason.CANCELLED))
            except Problem as problem:
                self._end(work, problem)
            except Exception as error:  # noqa: BLE001 - one request must not end the others
                traceback.print_exc()
                self._end(work, Problem(ErrorCode.INTERNAL, "The request could not be prepared", repr(error)[:500]))

    def _end(self, work: Job | Count, problem: Problem) -> None:
        if isinstance(work, Count):
            self._send(problem.to_event(work.id))
        else:
            self._ended(work, problem.to_event(work.request.id))

    def _count(self, count: Count) -> int:
        if not count.messages:
            return 0
        text = self._template.render(count.messages, count.tools, count.reasoning)
        return len(self._engine.vocabulary.prompt(text))

    def _prepare(self, job: Job) -> None:
        request = job.request
        self._check(request)
        text = self._template.render(
            request.messages,
            reasoning=request.reasoning,
            answer_begun=request.continue_last,
            cancelled=lambda: job.cancelled,
        )
        opened = thinking.opened_by(text)
        if opened and request.continue_last:
            raise _unsupported("continue_last of an answer that is still thinking")
        job.tokens = self._engine.vocabulary.prompt(text)
        job.prompt_tokens = len(job.tokens)
        if not job.tokens:
            raise Problem(ErrorCode.BAD_REQUEST, "There is nothing to answer", "the prompt is empty")
        if job.prompt_tokens >= self._engine.length:
            raise Problem(
                ErrorCode.CONTEXT_OVERFLOW,
                "The conversation is longer than the context",
                f"{job.prompt_tokens} tokens, and the context holds {self._engine.length}",
                "Load the model with a larger context, or start a new conversation.",
                {"prompt_tokens": job.prompt_tokens, "context": self._engine.length},
            )
        job.output = Output(request.id, request.sampling.stop, opened, job.received, self._send)

    def _check(self, request: Generate) -> None:
        """Refuse by name what does not work yet, and what never can."""
        if request.n != 1:
            raise _unsupported("n other than 1")
        if request.tools:
            raise _unsupported("tools")
        if request.response_format.kind != "text":
            raise _unsupported(f"response_format {request.response_format.kind}")
        if request.reasoning.budget is not None:
            raise _unsupported("a reasoning budget")
        if request.reasoning.mode == "on" and not self._thinks:
            raise _unsupported("reasoning: this model does not think")
        if request.reasoning.mode == "off" and self._thinks and not self._template.switches_thinking:
            raise _unsupported("reasoning off: this model's template has no switch for it")
        if not request.messages:
            raise Problem(ErrorCode.BAD_REQUEST, "There is nothing to answer", "the request has no messages")
        if request.continue_last and request.messages[-1].role != "assistant":
            raise Problem(ErrorCode.BAD_REQUEST, "There is no answer to continue", "the last message is no answer")
        sampling.check(request.sampling, self._engine.vocabulary.size)


def _unsupported(what: str) -> Problem:
    return Problem(
        ErrorCode.UNSUPPORTED,
        f"This engine does not support {what}",
        mend="Leave it out of the request.",
        data={"feature": what},
    )
