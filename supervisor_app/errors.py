"""What can go wrong inside a supervisor, as one tree.

SupervisorError
├── PackageError         a module or a data file cannot be used; carries its digest
│   └── CompileError     it is not a module this engine can run
├── ArgumentError        the arguments do not fit the function
├── StateError           what a module keeps cannot be taken, or does not fit another one
├── NotKeptError         what is to be on disk before an answer is not: it is full, or fails
└── CallFailedError      a call ended without a result; carries the trap's name
    ├── CallCancelledError    because somebody asked for it
    └── CallCutShortError     because the device was stopped
"""


class SupervisorError(Exception):
    """The root of the tree."""


class PackageError(SupervisorError):
    """A module or a data file cannot be used."""

    def __init__(self, message: str, digest: str = "") -> None:
        self.digest = digest
        super().__init__(message)


class CompileError(PackageError):
    """The bytes are not a module that this engine can run."""


class ArgumentError(SupervisorError):
    """The arguments, or the results, do not fit the type of the function."""


class StateError(SupervisorError):
    """What a module keeps between its calls cannot be taken out of it, or put into another one."""


class NotKeptError(SupervisorError):
    """What is to be on disk before an answer cannot be there: the disk is full, or it fails."""


class CallFailedError(SupervisorError):
    """A call ended without a result.

    Attributes:
        trap: what ended it, in one word: a wasm trap code in lower case (`unreachable`,
            `interrupt`, …), `exit`, `host-function`, `files`, `memory`.
    """

    def __init__(self, trap: str, detail: str) -> None:
        self.trap = trap
        super().__init__(detail)


class CallCancelledError(CallFailedError):
    """A call was interrupted because somebody asked for it."""


class CallCutShortError(CallFailedError):
    """A call was interrupted, or did not begin, because the device was stopped."""

    def __init__(self) -> None:
        super().__init__("stopped", "the supervisor was stopped before the call had ended")
