"""Many documents at once: the same results, in the same order, from several processes."""

import json
import os
import pickle
import pty
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from wasmiot_td.bulk import FEW, available_cores, in_processes, load_many
from wasmiot_td.contexts import default_registry
from wasmiot_td.document_sources import SourceError
from wasmiot_td.errors import DocumentError, JsonSyntaxError, ValidationError, WasmiotError
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.thing_description import LoadedDocument, load

NUMBER = FEW + 30


def thing(number: int, **members: Any) -> dict[str, Any]:
    """Return one of many Things."""
    return {
        "@context": [*CANONICAL_CONTEXT],
        "id": f"urn:x:{number}",
        "title": f"thing {number}",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        **members,
    }


def sources() -> list[bytes]:
    """Return many documents, some of which are broken."""
    texts = [json.dumps(thing(number)).encode() for number in range(NUMBER)]
    texts[7] = b'{"title":\n oops}'
    texts[-1] = json.dumps(thing(0, title=5, security=["x"])).encode()
    return texts


def shown(result: LoadedDocument | DocumentError) -> Any:
    """Return what tells one result from another."""
    if isinstance(result, DocumentError):
        return type(result), result.report, vars(result), str(result)
    return result


def test_processes_give_what_one_load_after_the_other_gives() -> None:
    """Documents and errors, in the order of the sources."""
    alone = [shown(result) for result in load_many(sources(), jobs=1)]
    assert [shown(result) for result in load_many(iter(sources()), jobs=2)] == alone
    assert alone[3] == load(sources()[3])
    assert alone[7][0] is JsonSyntaxError
    assert (alone[7][2]["line"], alone[7][2]["column"]) == (2, 2)
    assert [finding.pointer for finding in alone[-1][1].violations] == ["/security/0", "/title"]


def test_local_contexts_are_known_to_every_process() -> None:
    """A registry goes along, and strict mode is content with it."""
    iri = "https://vendor.example/context"
    contexts = default_registry().with_document(iri, {"@context": {"v": "https://v.example/#"}})
    context = [*CANONICAL_CONTEXT, iri]
    texts = [json.dumps({**thing(n), "@context": context, "v:n": n}) for n in range(NUMBER)]
    for result in load_many(texts, jobs=2, strict=True, contexts=contexts):
        assert isinstance(result, LoadedDocument)
        assert b"<https://v.example/#n>" in result.n_triples


def test_sources_are_read_as_they_are_needed() -> None:
    """Who stops early has not read all, and no process is left."""
    taken = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    results = in_processes(abs, endless(), jobs=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert len(taken) < 1000


def test_few_documents_need_no_processes() -> None:
    """What is worked on here need not be carried to another process."""
    assert list(in_processes(lambda number: number + 1, range(FEW))) == [*range(1, FEW + 1)]
    assert available_cores() >= 1


@pytest.mark.parametrize(
    "error",
    [
        JsonSyntaxError("odd", 3, 4),
        SourceError("a.json", "is gone"),
        WasmiotError("nothing special"),
    ],
)
def test_errors_come_out_of_another_process_as_they_went_in(error: WasmiotError) -> None:
    """With all that they carry."""
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_report_survives_the_way_between_processes() -> None:
    """The findings of a rejected document are still findings."""
    with pytest.raises(ValidationError) as caught:
        load(thing(0, title=5))
    assert pickle.loads(pickle.dumps(caught.value)).report == caught.value.report


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with many documents, the last of which is broken."""
    for number, text in enumerate(sources()):
        (tmp_path / f"{number:03}.td.json").write_bytes(text)
    return tmp_path


def wasmiot(*arguments: str, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run `wasmiot td` as a person would."""
    command = [sys.executable, "-m", "wasmiot_td", "td", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)


def until_closed(screen: IO[bytes]) -> str:
    """Return what is shown on a terminal until nobody writes there any more."""
    text = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while part := screen.read(4096):
            text += part
    return text.decode()


def test_a_directory_is_validated_by_processes_with_progress(directory: Path) -> None:
    """At a terminal a person sees how far it is; the report is the one of a single process."""
    terminal, stderr = pty.openpty()
    with ThreadPoolExecutor() as reader, os.fdopen(terminal, "rb", buffering=0) as screen:
        seen = reader.submit(until_closed, screen)
        shared = wasmiot("validate", str(directory), "--jobs", "2", stderr=stderr)
        os.close(stderr)
        assert f"{NUMBER}/{NUMBER}" in seen.result()
    alone = wasmiot("validate", str(directory), "--jobs", "1")
    assert shared.stdout == alone.stdout
    assert shared.returncode == alone.returncode == 1
    assert alone.stderr == ""
    assert f"{NUMBER} documents: {NUMBER - 2} valid, 2 not" in shared.stdout


def test_the_graphs_of_a_directory_are_written_by_processes(directory: Path) -> None:
    """The first document that does not load ends the command, with its report."""
    failed = wasmiot("rdf", str(directory), "--format", "nquads", "--jobs", "2")
    assert failed.returncode == 1
    assert "line 2 column 2" in failed.stderr
    for name in ("007", f"{NUMBER - 1:03}"):
        (directory / f"{name}.td.json").unlink()
    written = wasmiot("rdf", str(directory), "--format", "nquads", "--jobs", "2")
    assert written.returncode == 0
    assert written.stdout.count("/td#title>") == NUMBER - 2


def test_a_refusal_says_nothing_of_the_processes(directory: Path) -> None:
    """They end with the command, which has only its report to tell."""
    (directory / "000.td.json").write_text('{"title": 3}')
    failed = wasmiot("compact", str(directory), "--jobs", "2")
    assert failed.returncode == 1
    assert "000.td.json" in failed.stderr
    assert "Exception ignored" not in failed.stderr
