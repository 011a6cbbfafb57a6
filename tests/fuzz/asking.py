"""Ask an application, and check that the answer is one of success or a refusal with its reasons."""

import json
from typing import Any

from bounds import bounded
from flask.testing import FlaskClient

from wasmiot_td.problem import PROBLEM_MEDIA_TYPE


def ask(client: FlaskClient, method: str, path: str, **request: Any) -> Any:
    """Send a request and return the response.

    Raises:
        AssertionError: it is a fault of the server, or an error that is no problem details.
    """
    with bounded():
        response = client.open(path, method=method, **request)
        body = response.get_data()
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and not path.startswith("/ui/"):  # those are for people
        assert response.mimetype == PROBLEM_MEDIA_TYPE
        assert json.loads(body)["status"] == response.status_code
    return response
