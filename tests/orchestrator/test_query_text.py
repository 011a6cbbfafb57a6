"""What is refused before anything parses a query."""

from contextlib import suppress

import pytest

from orchestrator_app.directory.query_text import MAX_CHARACTERS, check_query, dataset_of
from wasmiot_td.problem import ProblemError

FEDERATED = [
    "SELECT * { SERVICE <http://x.example/> { ?s ?p ?o } }",
    "SELECT * { sErViCe SILENT <http://x.example/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p 1SERVICE<http://x.example/>{ ?s ?p ?o } }",
    "PREFIX : <http://x.example/> SELECT * { SERVICE:a { ?s ?p ?o } }",
    "PREFIX a: <http://x.example/> SELECT * { ?s ?p a:b.SERVICE<http://x.example/>{ ?s ?p ?o } }",
    "PREFIX a: <http://x.example/> SELECT * { ?s ?p a:b\\#c . SERVICE a:b # }\n { ?s ?p ?o } }",
    "SELECT * { ?s ?p ?o FILTER(?s<?o) SERVICE ?s { ?s ?p ?o } }",
    "SELECT * { ?s ?p '''a'b''' SERVICE ?s { ?s ?p ?o FILTER(?o = '''c''') } }",
]
HARMLESS = [
    "SELECT ?service { ?service ?p 'SERVICE' } # SERVICE",
    "PREFIX service: <urn:SERVICE:> SELECT * { ?s service:p service:service }",
    'SELECT * { ?s ?p """SERVICE <x> {""" }',
    "ASK { <urn:INSERT> <urn:DELETE> 'LOAD' }",
    "PREFIX insert: <urn:x:> DESCRIBE insert:x",
]
UPDATES = [
    "INSERT DATA { <urn:a> <urn:b> <urn:c> }",
    "PREFIX a: <urn:x:> # comment\nBASE <urn:b:> delete where { ?s ?p ?o }",
    "LOAD <http://x.example/>",
    "WITH <urn:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
]


@pytest.mark.parametrize("text", FEDERATED)
def test_federated_queries_are_refused(text):
    """However SERVICE is written, it is seen."""
    with pytest.raises(ProblemError) as refused:
        check_query(text)
    assert refused.value.problem.status == 403


@pytest.mark.parametrize("text", UPDATES)
def test_updates_are_refused(text):
    """The first word after the prologue tells."""
    with pytest.raises(ProblemError) as refused:
        check_query(text)
    assert refused.value.problem.title == "Updates are refused"


@pytest.mark.parametrize("text", HARMLESS)
def test_words_in_names_and_texts_are_no_keywords(text):
    """A variable, a prefix, a text or a comment may hold any word."""
    check_query(text)


def test_deep_nesting_is_refused():
    """What would overflow a parser's stack does not get there."""
    with pytest.raises(ProblemError, match="deeper"):
        check_query("SELECT * " + "{" * 5000 + "}" * 5000)


def test_brackets_in_texts_do_not_nest():
    """Only brackets of the query itself are counted."""
    check_query("SELECT * { ?s ?p '" + "{" * 5000 + "' }")


@pytest.mark.parametrize("unit", ["a", "a.", "'''\\", "\\'''", "'\\'", "<a"])
@pytest.mark.parametrize("before", ["", "'''"])
@pytest.mark.timeout(20)
def test_no_text_is_read_again_and_again(before: str, unit: str) -> None:
    """What took minutes where each character was read once for each before it, takes a moment."""
    text = (before + unit * MAX_CHARACTERS)[:MAX_CHARACTERS]
    with suppress(ProblemError):
        check_query(text)
    with suppress(ProblemError):
        dataset_of(text)


@pytest.mark.parametrize("text", ["ASK { ?s ?p 'x }", 'ASK { ?s ?p """x"" }', "ASK { ?s ?p ''' }"])
def test_a_text_that_does_not_end(text: str) -> None:
    """Nothing is guessed about what is behind it."""
    with pytest.raises(ProblemError, match="does not end"):
        check_query(text)


def test_a_long_query_is_refused() -> None:
    """It says how long one may be."""
    with pytest.raises(ProblemError, match="65536 characters"):
        check_query("ASK {} #" + "x" * MAX_CHARACTERS)


@pytest.mark.parametrize(
    ("prologue", "folder"),
    [
        ("", "http://h/"),
        ("BASE <a/>", "http://h/a/"),
        ("BASE <http://other/a>", "http://other/"),
        ("BASE <a/> BASE <b/>", "http://h/a/b/"),
    ],
)
def test_relative_graphs_begin_where_the_query_was_sent(prologue: str, folder: str) -> None:
    """Unless it says where, which may be relative too."""
    text = f"{prologue} PREFIX p: <p#> ASK FROM <g> FROM NAMED p:x {{}}"
    assert dataset_of(text, "http://h/sparql") == ([f"{folder}g"], [f"{folder}p#x"])


def test_an_absolute_prefix_stays_as_it_is() -> None:
    """Also one that ends in an empty fragment, as most do."""
    text = "PREFIX p: <http://x/y#> PREFIX q: <urn:z:> ASK FROM p:a FROM q:b {}"
    assert dataset_of(text, "http://h/sparql")[0] == ["http://x/y#a", "urn:z:b"]
