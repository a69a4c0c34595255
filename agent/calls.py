"""Run the tool calls of a turn: check, charge, run, settle or refund, and say what came of it.

Calls that only read run at once, several at a time. One that writes, or that costs more than runs without asking, is
not run here: its preview becomes a question to the user, and the answer ends. It runs when `resume` is handed the
user's own word; nothing that a model or a tool says can take its place.
"""

import queue
import time
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from agent import leaks, outcomes
from agent.marking import marked_as_data
from agent.outcomes import Outcome
from agent.pump import Task
from agent.pump import call as call_in_thread
from agent.registry import Registry
from agent.types import (
    Answer,
    Charge,
    Limits,
    OpenReach,
    OutcomeUnknown,
    OutOfCredits,
    Question,
    Reach,
    RefundReason,
    Stopped,
    Tool,
    ToolCharge,
    ToolError,
    Verdict,
)
from agent.watch import Watch

AT_ONCE = 4
"""Tools that run side by side for one answer."""
ONE_AT_A_TIME = outcomes.not_run(
    "another action already waits for approval.",
    "Ask for one action at a time, and for this one again when the user has decided.",
)

_Finished = queue.SimpleQueue[Task[Outcome | ToolError]]


@dataclass
class _Job:
    """One call that may run, and its charge once it is paid."""

    call: dict[str, Any]
    tool: Tool
    clean: dict[str, Any]
    reach: Reach
    charge: ToolCharge | None = None
    started: float = 0.0

    @property
    def ran_ms(self) -> int:
        """Return for how long it has run, in milliseconds."""
        return round((time.monotonic() - self.started) * 1000)


@dataclass
class ToolCalls:
    """Run the tools of one answer within its limits."""

    tools: Registry
    offered: Collection[str]
    prices: Mapping[str, int]
    allowed: Mapping[str, int]
    """Reading tools that the user lets run without asking, each up to a price."""
    open_reach: OpenReach
    answer: Answer
    charge: Charge
    limits: Limits
    watch: Watch
    deadline: float
    tick: float
    conversation: list[dict[str, Any]] = field(default_factory=list)
    """What the model was sent and has said, up to the calls."""
    asked: bool = False
    """A question waits for the user's word, so the answer ends."""
    _results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def results(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Run the calls and return their `tool_result` blocks for the model, in their order.

        The one that waits for the user's word has none yet; `asked` then says so.
        """
        ready: list[_Job] = []
        questions: list[_Job] = []
        for call in calls:
            job = self._plan(call)
            if job is not None:
                (questions if self._must_ask(job) else ready).append(job)
        self._run_all(ready)
        for job in questions:
            self._ask(job)
        return [self._results[call["id"]] for call in calls if call["id"] in self._results]

    def resume(self, verdict: Verdict) -> None:
        """Run the call that the user said yes to, with its charge; a no stands in the answer already."""
        call, charge = verdict.call, verdict.charge
        if charge is None:
            return
        try:
            tool = self.tools.get(call["name"])
            if tool is None:
                raise ToolError("There is no such tool any more.")
            clean = tool.read(call["input"])
            reach = self.open_reach(tool, clean.get("connection"), connection_id=verdict.connection_id)
        except ToolError as error:
            charge.refund(str(error), 0)
            self._finish(call, outcomes.failure(str(error)), 0)
            return
        shown = partial(outcomes.cleared, known=outcomes.secrets_of(reach))
        self._run_all([_Job(call, tool, clean, replace(reach, approved=verdict.preview, as_shown=shown), charge)])

    def refuse_all(self, calls: list[dict[str, Any]], why: str) -> None:
        """Answer calls that must not run."""
        for call in calls:
            self._refuse(call, outcomes.failure(why))

    # --- Before it runs ---------------------------------------------------------------------------------------------

    def _tool(self, call: dict[str, Any]) -> Tool | None:
        return self.tools.get(call["name"]) if call["name"] in self.offered else None

    def _plan(self, call: dict[str, Any]) -> _Job | None:
        """Return the job of a call that may run; whatever it lacks is answered at once and costs nothing."""
        tool = self._tool(call)
        try:
            self.watch.call(call)
            if self.watch.closed_because is not None:
                advice = "No more tools run for this message; answer now."
                self._refuse(call, outcomes.not_run(self.watch.closed_because, advice))
                return None
            if tool is None:
                raise ToolError(f"There is no tool called {call['name'][:64]!r}.")
            clean = tool.read(call["input"])
            return _Job(call, tool, clean, self.open_reach(tool, clean.get("connection")))
        except ToolError as error:
            self._refuse(call, outcomes.failure(str(error)))
            return None

    def _refuse(self, call: dict[str, Any], outcome: Outcome) -> None:
        self.answer.tool_started(call, self._tool(call), 0)
        self._finish(call, replace(outcome, not_run=True), 0)

    def _must_ask(self, job: _Job) -> bool:
        tool, price = job.tool, self.prices[job.tool.name]
        if tool.writes or leaks.must_ask(tool, job.clean, self.conversation, self.tools):
            return True
        return price > self.limits.approve_above and self.allowed.get(tool.name, -1) < price

    def _ask(self, job: _Job) -> None:
        """Find out what a call would change and put it before the user; nothing is charged or run."""
        if self.asked:
            return self._refuse(job.call, ONE_AT_A_TIME)
        look = partial(outcomes.preview, job.tool, job.clean, job.reach)
        try:
            preview = call_in_thread(look, self.tick, partial(self._beat_until, self._until()))
        except ToolError as late:
            preview = late
        if isinstance(preview, ToolError):
            return self._refuse(job.call, outcomes.failure(str(preview)))
        self.asked = True
        self.answer.ask(Question(job.call, job.tool, preview, self.prices[job.tool.name], job.reach.connection))

    # --- While it runs ----------------------------------------------------------------------------------------------

    def _run_all(self, jobs: list[_Job]) -> None:
        """Run the jobs, a few at a time; each charge is settled or refunded before this returns or raises."""
        waiting, running, finished = deque(jobs), dict[Task[Outcome | ToolError], _Job](), _Finished()
        try:
            while waiting or running:
                while waiting and len(running) < AT_ONCE:
                    self._start(waiting.popleft(), running, finished)
                if running:
                    self._collect(running, finished)
        except BaseException as error:
            # Stop, or whatever else ends the answer: what reads is left to itself and nobody pays for it. What writes
            # can't be called back, so it is waited for and paid: a stop must not make it free.
            for job in [job for job in running.values() if not job.tool.writes]:
                self._abandon(job, _reason_of(error))
            self._see_writes_through({task: job for task, job in running.items() if job.tool.writes}, finished)
            raise

    def _see_writes_through(self, running: dict[Task[Outcome | ToolError], _Job], finished: _Finished) -> None:
        while running:
            with suppress(queue.Empty):
                task = finished.get(timeout=self.tick)
                if task in running:
                    with suppress(Stopped):
                        self._resolve(running.pop(task), task.result())
            with suppress(Stopped):
                self._end_late(running)

    def _start(self, job: _Job, running: dict[Task[Outcome | ToolError], _Job], finished: _Finished) -> None:
        if job.charge is None:
            try:
                job.charge = self.charge(job.tool)
            except OutOfCredits as short:
                return self._refuse(job.call, outcomes.too_dear(short))
            try:
                self.answer.tool_started(job.call, job.tool, job.charge.credits)
            except BaseException as error:
                job.charge.refund(_reason_of(error), 0)
                raise
        job.started = time.monotonic()
        running[Task(partial(outcomes.attempt, job.tool, job.clean, job.reach), finished)] = job

    def _collect(self, running: dict[Task[Outcome | ToolError], _Job], finished: _Finished) -> None:
        """Wait a tick for the next job to finish, and end those whose time is over."""
        try:
            task = finished.get(timeout=self.tick)
            if task in running:  # One that was ended as late may still come back.
                self._resolve(running.pop(task), task.result())
        except queue.Empty:
            self.answer.beat()
        self._end_late(running)

    def _end_late(self, running: dict[Task[Outcome | ToolError], _Job]) -> None:
        for task, job in list(running.items()):
            if time.monotonic() > min(self.deadline, job.started + self.limits.tool_seconds):
                del running[task]
                self._abandon(job, RefundReason.TIMEOUT)
                late = outcomes.unknown("it took too long.") if job.tool.writes else outcomes.failure(outcomes.LATE)
                self._finish(job.call, late, job.ran_ms)

    def _abandon(self, job: _Job, why: RefundReason) -> None:
        if job.charge is not None:
            job.charge.refund(RefundReason.OUTCOME_UNKNOWN if job.tool.writes else why, job.ran_ms)

    def _resolve(self, job: _Job, came: Outcome | ToolError) -> None:
        charge, ran = job.charge, job.ran_ms
        assert charge is not None
        if isinstance(came, ToolError) and came.ours:
            unknown = isinstance(came, OutcomeUnknown)
            charge.refund(RefundReason.OUTCOME_UNKNOWN if unknown else outcomes.storable(str(came)), ran)
            outcome = outcomes.unknown(str(came)) if unknown else outcomes.failure(str(came))
        else:
            outcome = outcomes.failure(str(came)) if isinstance(came, ToolError) else came
            charge.settle(ran, _block(job.call, outcome, ran))
            # A settle that came too late has lost; the charge then says that nothing was taken.
            outcome = replace(outcome, credits=charge.credits)
        self._finish(job.call, outcome, ran)

    def _until(self) -> float:
        return min(self.deadline, time.monotonic() + self.limits.tool_seconds)

    def _beat_until(self, until: float) -> None:
        self.answer.beat()
        if time.monotonic() > until:
            raise ToolError("The tool took too long to say what it would change. Nothing was charged.", ours=True)

    # --- When it has run --------------------------------------------------------------------------------------------

    def _finish(self, call: dict[str, Any], outcome: Outcome, duration_ms: int) -> None:
        """Hand the result to the answer, and keep the part of it that the model sees."""
        self.watch.outcome(call["name"], outcome.success)
        block = _block(call, outcome, duration_ms)
        sent = {key: block[key] for key in ("type", "tool_use_id", "is_error")}
        self._results[call["id"]] = {**sent, "content": marked_as_data(call["name"], outcome.content)}
        self.answer.tool_finished(block)
        self.answer.beat()


def _reason_of(error: BaseException) -> RefundReason:
    """Return why a tool is given back that was cut off as the answer ended with this."""
    return error.reason if isinstance(error, Stopped) else RefundReason.INTERNAL_ERROR


def _block(call: dict[str, Any], outcome: Outcome, duration_ms: int) -> dict[str, Any]:
    """Return the result of a call as it is stored."""
    return {
        "type": "tool_result",
        "tool_use_id": call["id"],
        "content": outcome.content,
        "is_error": not outcome.success,
        "name": call["name"],
        "success": outcome.success,
        "credits": outcome.credits,
        "duration_ms": duration_ms,
        "summary": outcomes.storable(outcome.summary)[: outcomes.SUMMARY_MAX_CHARS],
        **({"unknown": True} if outcome.unknown else {}),
        **({"not_run": True} if outcome.not_run else {}),
    }
