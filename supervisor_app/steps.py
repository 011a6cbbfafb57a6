"""What an operation does: a function of a module, or another Thing."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from supervisor_app.call import Call
from supervisor_app.call_places import CallPlaces
from supervisor_app.execution import Execution, Inputs, Outcome
from supervisor_app.installation import Operation
from supervisor_app.thing_steps import ThingSteps
from wasmiot_td.call_context import CallContext
from wasmiot_td.request_id import current_request_id

_numbers = itertools.count()


class Steps:
    """Runs operations, whoever does their work."""

    def __init__(self, execution: Execution, thing_steps: ThingSteps, places: CallPlaces) -> None:
        self.places = places
        self._execution = execution
        self._thing_steps = thing_steps
        self.new_call = execution.new_call
        self.forget = execution.forget
        self.on_call_end = execution.on_end

    def check(self, operation: Operation, inputs: Inputs) -> None:
        """Refuse inputs for which a function has no place; see `Execution.check`."""
        if operation.uses is None:
            self._execution.check(operation, inputs)

    def run(
        self,
        operation: Operation,
        inputs: Inputs,
        call: Call,
        *,
        keep_as: Callable[[], Path],
        wait_seconds: float | None = None,
        context: CallContext | None = None,
    ) -> Outcome:
        """Run an operation; see `Execution.run` and `ThingSteps.run`.

        Outside an execution a call that it causes carries the id of the request alone.
        """
        if operation.uses is None:
            return self._execution.run(
                operation, inputs, call, keep_as=keep_as, wait_seconds=wait_seconds
            )
        context = context or CallContext(request_id=current_request_id())
        return self._thing_steps.run(
            operation, operation.uses, inputs, call, keep_as=keep_as, context=context
        )

    def run_now(
        self,
        operation: Operation,
        inputs: Inputs,
        output_path: Callable[[str], Path],
        wait_seconds: float,
    ) -> AbstractContextManager[Outcome]:
        """Run an operation while somebody waits; a file outcome is gone after the context.

        Entering it raises ProblemError, 503, where too many wait already.
        """

        def keep_as() -> Path:
            return output_path(f"now-{next(_numbers)}")

        call = self.new_call(operation)
        run = partial(self.run, operation, inputs, call, keep_as=keep_as, wait_seconds=wait_seconds)
        return _RunningNow(run, self.places)


class _RunningNow:
    """A call that somebody waits for; the file that it may leave is there within the context."""

    __slots__ = ("_file", "_places", "_run")

    def __init__(self, run: Callable[[], Outcome], places: CallPlaces) -> None:
        self._run = run
        self._places = places
        self._file: Path | None = None

    def __enter__(self) -> Outcome:
        self._places.take()
        try:
            outcome = self._run()
        except BaseException:
            self._places.leave()
            raise
        self._file = outcome.file
        return outcome

    def __exit__(self, *_error: object) -> None:
        self._places.leave()
        if self._file is not None:
            self._file.unlink(missing_ok=True)
