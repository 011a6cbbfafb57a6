"""Problem details as an exception."""

import pickle

from wasmiot_td.problem import ProblemError


def test_an_error_goes_from_one_process_to_another():
    """It says there what it said here, with its extension members."""
    error = ProblemError(422, "No device fits", "None has a camera.", rejected=["urn:ex:a"])
    received = pickle.loads(pickle.dumps(error))
    assert (str(received), received.problem) == (str(error), error.problem)
