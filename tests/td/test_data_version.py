"""The number of a data directory's layout."""

import pytest

from wasmiot_td.data_version import FILE, DataVersionError, keep_version, refuse_other_kind


def test_a_new_directory_gets_the_number_that_is_known(tmp_path):
    """It is written once, and found the next time."""
    assert keep_version(tmp_path) == 1
    assert (tmp_path / FILE).read_text() == "1\n"
    assert keep_version(tmp_path) == 1


def test_an_older_one_is_brought_up_step_by_step(tmp_path):
    """Each migration is taken once, in order; the directory of before numbers is the first."""
    taken = []
    steps = [lambda _: taken.append("second"), lambda _: taken.append("third")]
    assert keep_version(tmp_path, steps[:1]) == 2
    assert keep_version(tmp_path, steps) == 3
    assert keep_version(tmp_path, steps) == 3
    assert taken == ["second", "third"]


def test_a_migration_that_fails_is_taken_again(tmp_path):
    """The number is that of the last one that came to its end."""

    def fail(_):
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        keep_version(tmp_path, [lambda _: None, fail])
    assert (tmp_path / FILE).read_text() == "2\n"


@pytest.mark.parametrize("text", ["2", "99\n", "-1", "none"])
def test_a_newer_one_or_what_is_no_number_is_refused(tmp_path, text):
    """Nothing is changed."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataVersionError, match="layout"):
        keep_version(tmp_path)
    assert (tmp_path / FILE).read_text() == text


@pytest.mark.parametrize("sign", ["device-id", "installations"])
def test_the_data_of_another_kind_of_server_is_refused(tmp_path, sign):
    """A new directory and one of its own are taken, and one in which both have been."""
    refuse_other_kind(tmp_path, "orchestrator")
    (tmp_path / sign).touch()
    refuse_other_kind(tmp_path, "supervisor")
    with pytest.raises(DataVersionError, match=r"another kind of server \(supervisor\)"):
        refuse_other_kind(tmp_path, "orchestrator")
    (tmp_path / "graph").mkdir()
    refuse_other_kind(tmp_path, "orchestrator")
