"""One operation, from checked inputs to its outcome: arguments, files, the call, the result."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor_app.call import Argument, Call, CallRequest, Limits, Place
from supervisor_app.call_directory import (
    KeptDirectories,
    call_directory,
    complaint,
    needs_directory,
    output_file,
)
from supervisor_app.errors import ArgumentError, CallFailedError
from supervisor_app.installation import Operation
from supervisor_app.modules import Packages
from supervisor_app.plans import Plan, opens_files, plan_of
from supervisor_app.pointers import with_data
from supervisor_app.references import Reference
from supervisor_app.runtime import Runtime
from supervisor_app.values import lower
from wasmiot_td.data_schema import check_value

Resolve = Callable[[Reference], Any]


@dataclass(frozen=True)
class Inputs:
    """What an operation is given: values by name, and files by their path."""

    values: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    is_write: bool = False


@dataclass(frozen=True)
class Outcome:
    """What an operation gave: a JSON value, or a file."""

    value: Any = None
    has_value: bool = False
    file: Path | None = None
    media_type: str = "application/json"


class Execution:
    """Runs operations on the device's runtime."""

    def __init__(
        self, runtime: Runtime, packages: Packages, limits: Limits, root: Path, resolve: Resolve
    ) -> None:
        self._runtime = runtime
        self._packages = packages
        self._limits = limits
        self._root = root
        self._resolve = resolve
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        self._kept = KeptDirectories(root)
        self._ended: Callable[[str], None] = lambda trap: None

    def on_end(self, note: Callable[[str], None]) -> None:
        """Have each call's trap noted, empty for one that ended well."""
        self._ended = note

    def new_call(self, operation: Operation) -> Call:
        """Return the handle of a call to come, with the limits of its module."""
        return Call(self._limits.capped(operation.module.limits))

    def run(
        self,
        operation: Operation,
        inputs: Inputs,
        call: Call,
        *,
        keep_as: Callable[[], Path],
        wait_seconds: float | None = None,
    ) -> Outcome:
        """Call the function behind an operation.

        Args:
            operation: what to run.
            inputs: checked against its schemas.
            call: the handle by which it can be stopped.
            keep_as: says where an output file is moved to.
            wait_seconds: how long to wait for a slot.

        Raises:
            ArgumentError: values and function do not fit.
            CallFailedError: the call ended without a result.
            ProblemError: something that it depends on cannot be had.
            TimeoutError: no slot became free.
        """
        plan = plan_of(operation, self._packages, inputs.is_write)
        request = CallRequest(
            compiled=plan.compiled,
            entrypoint=plan.entrypoint,
            arguments=self._arguments(plan, inputs),
            decode=plan.decode,
            state=plan.state,
            buffer=operation.buffer,
            interface=plan.interface,
        )
        if not plan.has_files:
            return self._outcome(plan, inputs, request, call, keep_as, wait_seconds)
        with self._directory(operation, inputs, wait_seconds) as directory:
            request = request._replace(directory=directory)
            return self._outcome(plan, inputs, request, call, keep_as, wait_seconds)

    def _outcome(
        self,
        plan: Plan,
        inputs: Inputs,
        request: CallRequest,
        call: Call,
        keep_as: Callable[[], Path],
        wait_seconds: float | None,
    ) -> Outcome:
        try:
            value = self._runtime.run(request, call, wait_seconds)
            outcome = _outcome(plan, inputs, value, request.directory, keep_as)
            _check_output(outcome, call.limits.output_bytes)
        except CallFailedError as error:
            self._ended(error.trap)
            raise _explained(error, request.directory) from error
        self._ended("")
        return outcome

    def _arguments(self, plan: Plan, inputs: Inputs) -> Sequence[Argument]:
        operation, pointers = plan.operation, plan.pointers
        function = pointers.function
        values = {**plan.defaults, **inputs.values}
        for reference in operation.depends_on:
            if reference.input and reference.input not in values:
                values[reference.input] = self._resolve(reference)
        names = [name for name in plan.names if name in values]
        names += [name for name in values if name not in names]
        if operation.depends_on and _room(names, values) < len(function.params):
            unnamed = [r for r in operation.depends_on if not r.input]
            resolved = {f"dependsOn {r.id}": self._resolve(r) for r in unnamed}
            names += list(resolved)
            values |= resolved
        if pointers.data_files:
            files = {f.path: self._packages.path(f.package.digest) for f in pointers.data_files}
            names, values = with_data(names, values, files)
        arguments = _lowered(plan, names, values)
        return [*arguments, Place(), Place()] if pointers.has_places else arguments

    def check(self, operation: Operation, inputs: Inputs) -> None:
        """Refuse values for which the function has no place, as far as nobody need be asked.

        Raises:
            ArgumentError: values and function do not fit.
            CallFailedError: there is no such function.
        """
        if not operation.depends_on:
            self._arguments(plan_of(operation, self._packages, inputs.is_write), inputs)

    def kept_directory(self, operation: Operation) -> Path | None:
        """Return the directory of the kept instance behind an operation; None if it needs none."""
        interface = self._packages.interface(operation.module.package.digest)
        if not needs_directory(operation) and not opens_files(interface):
            return None
        return self._kept.place((operation.slug, operation.module.id))

    def forget(self, slug: str) -> None:
        """Remove what is kept between the calls of an installation."""
        self._kept.forget(slug)

    def _directory(
        self, operation: Operation, inputs: Inputs, wait_seconds: float | None
    ) -> AbstractContextManager[Path]:
        files = operation.data_files
        packages = {f.package.digest: self._packages.path(f.package.digest) for f in files}
        if operation.module.is_stateful:
            return self._kept.turn(operation, packages, inputs.files, wait_seconds)
        return call_directory(self._root, operation, packages, inputs.files)


def _lowered(plan: Plan, names: Sequence[str], values: Mapping[str, Any]) -> list[Argument]:
    try:
        is_buffered = bool(plan.operation.buffer)
        return lower(names, values, plan.pointers.function, is_buffered=is_buffered)
    except ArgumentError as error:
        missing = [name for name in plan.names if name not in values]
        if missing:
            raise ArgumentError(f"{error}; nothing came for {missing}") from None
        raise


def _explained(error: CallFailedError, directory: Path | None) -> CallFailedError:
    """Return the failure with what the module itself said about it."""
    said = complaint(directory) if directory else ""
    return type(error)(error.trap, f"{error}; it said: {said}") if said else error


def _room(names: list[str], values: Mapping[str, Any]) -> int:
    return sum(1 if isinstance(values[name], (bool, int, float)) else 2 for name in names)


def _check_output(outcome: Outcome, limit: int) -> None:
    if outcome.file is not None and (size := outcome.file.stat().st_size) > limit:
        outcome.file.unlink()
        raise CallFailedError("output", f"the output has {size} bytes, the limit is {limit}")


def _outcome(
    plan: Plan, inputs: Inputs, value: Any, directory: Path | None, keep_as: Callable[[], Path]
) -> Outcome:
    operation = plan.operation
    if directory is not None:
        found = output_file(directory, operation)
        if found is not None:
            file = keep_as()
            shutil.move(found[0], file)
            return Outcome(file=file, media_type=found[1])
    if plan.is_plain_output(value) and not inputs.is_write:
        return Outcome(value, has_value=True)
    schema = operation.output_schema
    if isinstance(value, bytes) and schema is not None:
        file = keep_as()
        file.write_bytes(value)
        return Outcome(file=file, media_type=str(schema["contentMediaType"]))
    if schema is None or inputs.is_write:
        return Outcome(value, has_value=value is not None)
    if findings := check_value(value, schema):
        raise CallFailedError("result", f"the result does not fit its description: {findings[0]}")
    return Outcome(value, has_value=True)
