"""What an operation does: a function of a module, or another Thing."""

from pathlib import Path

from supervisor_app.call import Call
from supervisor_app.execution import Execution, Inputs, Outcome
from supervisor_app.installation import Operation
from supervisor_app.thing_steps import ThingSteps
from wasmiot_td.call_context import CallContext

_NO_CONTEXT = CallContext()


class Steps:
    """Runs operations, whoever does their work."""

    def __init__(self, execution: Execution, thing_steps: ThingSteps) -> None:
        self._execution = execution
        self._thing_steps = thing_steps
        self.new_call = execution.new_call
        self.forget = execution.forget
        self.on_call_end = execution.on_end

    def run(
        self,
        operation: Operation,
        inputs: Inputs,
        call: Call,
        *,
        keep_as: Path,
        wait_seconds: float | None = None,
        context: CallContext = _NO_CONTEXT,
    ) -> Outcome:
        """Run an operation; see `Execution.run` and `ThingSteps.run`."""
        if operation.uses is None:
            return self._execution.run(
                operation, inputs, call, keep_as=keep_as, wait_seconds=wait_seconds
            )
        return self._thing_steps.run(
            operation, operation.uses, inputs, call, keep_as=keep_as, context=context
        )
