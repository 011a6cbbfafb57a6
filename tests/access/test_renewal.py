"""Files of TLS that cannot be taken at one look are tried again at each, and told of once."""

import logging
import os
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from wasmiot_td.access import authority_folder
from wasmiot_td.renewal import FileWatch, renew
from wasmiot_td.tls import Tls

PORT = 1  # on which nothing of this process listens


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The certificate of an authority that is believed."""
    authority_folder.make(tmp_path, "test", timedelta(days=100))
    return authority_folder.certificate_path(tmp_path, "ca")


@pytest.fixture
def watch(file: Path, caplog: pytest.LogCaptureFixture) -> FileWatch:
    """What looks after that file."""
    caplog.set_level(logging.INFO)
    tls = Tls(ca=file)
    assert tls.client_context is not None
    return FileWatch((file,), partial(renew, tls, "http://localhost/", PORT))


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the log says, without the reasons."""
    return [message.split()[0] for message in caplog.messages]


def write_unseen(file: Path, content: bytes) -> None:
    """Write a file of which nothing is seen to change: the rest of what was looked at too early."""
    before = file.stat()
    assert len(content) == before.st_size
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_stays_as_it_is_is_not_taken_again(
    watch: FileWatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Unless somebody asks for it."""
    watch.look()
    assert events(caplog) == []
    watch.look(is_asked=True)
    assert events(caplog) == ["tls_files_taken"]


def test_a_passing_fault_is_told_once_and_tried_again(
    watch: FileWatch, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is whole at a later look is taken then, though no file is seen to have changed."""
    right = file.read_bytes()
    file.write_bytes(b" " * len(right))
    for _ in range(3):
        watch.look()
    assert events(caplog) == ["tls_files_not_taken"]
    write_unseen(file, right)
    for _ in range(3):
        watch.look()
    assert events(caplog) == ["tls_files_not_taken", "tls_files_taken"]


def test_another_fault_is_told(
    watch: FileWatch, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """So are the same one of another file in its place, and one that somebody asks for."""
    n_bytes = file.stat().st_size
    file.write_bytes(b" " * n_bytes)
    watch.look()
    file.unlink()
    watch.look()
    watch.look()
    watch.look(is_asked=True)
    assert events(caplog) == ["tls_files_not_taken"] * 3
    assert len(set(caplog.messages)) == 2


def test_a_fault_that_turns_into_another_unseen_is_told(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is another fault that counts, and not what is seen of the files."""
    faults = iter(["one", "one", "two", "two", ""])
    watch = FileWatch((file,), lambda: next(faults))
    file.unlink()
    for _ in range(6):
        watch.look()
    assert caplog.messages == ["tls_files_not_taken one", "tls_files_not_taken two"]
