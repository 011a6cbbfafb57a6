"""What is said to a server at its start is understood, or refused in one sentence with code 2."""

import pytest

from orchestrator_app.cli import settings_of as orchestrator
from supervisor_app.cli import settings_of as supervisor

WRONG = [
    (orchestrator, "--port", "99999"),
    (supervisor, "--port", "99999"),
    (supervisor, "--port", "-1"),
    (supervisor, "--port", "http"),
    (supervisor, "--id", "not_an_iri"),
    (supervisor, "--id", "urn:a b"),
    (supervisor, "--public-url", "foo"),
    (orchestrator, "--public-url", "http://"),
    (orchestrator, "--public-url", "http://here:port/"),
    (supervisor, "--directory", "ftp://x"),
    (supervisor, "--observe-seconds", "0"),
    (supervisor, "--call-seconds", "nan"),
    (supervisor, "--result-seconds", "inf"),
    (supervisor, "--memory-bytes", "0"),
    (orchestrator, "--monitor-interval", "-1"),
    (orchestrator, "--shutdown-seconds", "-1"),
    (orchestrator, "--threads", "0"),
    (orchestrator, "--store-url", "nonsense"),
    (orchestrator, "--store-update-url", "nonsense"),
]


@pytest.mark.parametrize(("server", "option", "value"), WRONG)
def test_what_cannot_be_meant_is_refused(capsys, server, option, value):
    """The last line names the option and what was said; nothing has started."""
    with pytest.raises(SystemExit) as ended:
        server([f"{option}={value}"])
    said = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2
    assert f"error: argument {option}: {value!r} is no" in said


def test_the_limits_themselves_may_be_said():
    """A free port, no rounds, an address with a name and a port, an IRI of one's own."""
    said = orchestrator(["--port=0", "--monitor-interval=0", "--threads=1", "--streams=0"])
    assert (said.port, said.monitor_interval_seconds, said.threads, said.streams) == (0, 0.0, 1, 0)
    told = supervisor(
        ["--port=65535", "--id=urn:ex:a", "--public-url=https://[::1]:8443/a", "--directory="]
    )
    assert (told.port, told.device_id) == (65535, "urn:ex:a")
    assert (told.public_url, told.directory) == ("https://[::1]:8443/a", "")
