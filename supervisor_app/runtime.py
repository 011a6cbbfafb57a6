"""Run WebAssembly: the slots of a device, who waits for one, and the instances that are kept."""

import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor_app.call import Call, CallRequest, ModuleInterface
from supervisor_app.call_directory import held
from supervisor_app.errors import CallCutShortError
from supervisor_app.host_functions.guest import HostFunction
from supervisor_app.kept_state import ModuleState, write_state
from supervisor_app.short_calls import keep_lock
from supervisor_app.slot import Slot
from supervisor_app.watch import Watch


class Runtime:
    """The slots of one device."""

    def __init__(self, functions: Sequence[HostFunction], slots: int) -> None:
        keep_lock()
        self._free: list[Slot] = []
        self._permits: queue.SimpleQueue[None] = queue.SimpleQueue()  # one for each free slot
        self._functions = tuple(functions)
        self._watch = Watch()
        self._is_cut_short = False
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], Slot] = {}
        self._modules: frozenset[Path] | None = None
        for _ in range(max(slots, 1)):
            self._release(Slot(self._functions))

    def check_imports(self, compiled: Path, interface: ModuleInterface) -> list[str]:
        """Return why a module cannot be linked on this device; empty if it can."""
        return Slot(self._functions).check_imports(compiled, interface)

    def run(self, request: CallRequest, call: Call, wait_seconds: float | None) -> Any:
        """Make a call in the next free slot and return what its `decode` made of it.

        Args:
            request: what to call.
            call: the handle by which it can be stopped.
            wait_seconds: how long to wait for a slot; None waits as long as it takes.

        Raises:
            CallFailedError: it trapped, was stopped, or a host function failed.
            ArgumentError: the arguments do not fit the function.
            TimeoutError: no slot became free.
        """
        if request.state is not None:
            kept = self._kept_for(request.state)
            with held(kept.lock, wait_seconds):
                return self._run_in(kept, request, call)
        try:
            self._permits.get(timeout=wait_seconds)
        except queue.Empty:
            raise TimeoutError("every slot of this device is taken") from None
        slot = self._free.pop()
        try:
            return self._run_in(slot, request, call)
        finally:
            self._release(slot)

    def _release(self, slot: Slot) -> None:
        if self._modules is not None and self._modules is not slot.modules:
            slot.keep_modules(self._modules)
        self._free.append(slot)  # the one that was used last is taken first: it is ready
        self._permits.put(None)

    def keep_modules(self, compiled: Iterable[Path]) -> None:
        """Let go of all modules but these; a slot that is at work does when it is free."""
        self._modules = frozenset(compiled)
        idle: list[Slot] = []
        with suppress(queue.Empty):
            while True:
                self._permits.get_nowait()
                idle.append(self._free.pop())
        for slot in reversed(idle):
            self._release(slot)

    def forget_state(self, slug: str) -> None:
        """Let go of the instances that an installation keeps."""
        with self._lock:
            self._kept = {k: v for k, v in self._kept.items() if k[0] != slug}

    def take_state(
        self, state: tuple[str, str], exports: Mapping[str, str], wait_seconds: float
    ) -> ModuleState | None:
        """Return what the instance of a module keeps, between two calls; None if there is none.

        Raises:
            StateError: it keeps what cannot be taken out of it.
            TimeoutError: a call takes too long.
        """
        with self._lock:
            kept = self._kept.get(state)
        if kept is None:
            return None
        with held(kept.lock, wait_seconds):
            return kept.take_state(exports)

    def restored(self, request: CallRequest, call: Call, state: ModuleState) -> Slot:
        """Return a slot with an instance that has a state, to be used by `keep`.

        Raises:
            StateError: the state does not fit.
            CallFailedError: no instance can be made.
        """
        slot = Slot(self._functions)
        exports = request.interface.state
        wanted = request._replace(prepare=lambda s, i: write_state(s, i, exports, state))
        self._run_in(slot, wanted, call)
        return slot

    def keep(self, slots: Mapping[tuple[str, str], Slot | None]) -> None:
        """Have instances take the place of those that are kept; none is a fresh one."""
        with self._lock:
            kept = {key: slot for key, slot in self._kept.items() if key not in slots}
            self._kept = {**kept, **{key: slot for key, slot in slots.items() if slot}}

    def _kept_for(self, state: tuple[str, str]) -> Slot:
        with self._lock:
            if state not in self._kept:
                self._kept[state] = Slot(self._functions)
            return self._kept[state]

    def _run_in(self, slot: Slot, request: CallRequest, call: Call) -> Any:
        self._watch.add(call)
        if self._is_cut_short:
            call.interrupt(CallCutShortError())
        try:
            return slot.run(request, call)
        finally:
            self._watch.remove(call)

    def cut_short(self) -> None:
        """Stop what runs, and whatever waits for its turn."""
        self._is_cut_short = True
        self._watch.interrupt_all(CallCutShortError())

    def close(self) -> None:
        """End what runs in the background."""
        self._watch.close()
