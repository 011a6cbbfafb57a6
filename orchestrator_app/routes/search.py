"""`/search/jsonpath`, `/search/xpath`: not offered, and said so (W3C WoT Discovery, 7.3.2.3).

`/search/sparql` is in `sparql.py`.
"""

from flask import Blueprint, Response

from wasmiot_td.problem import ProblemError

blueprint = Blueprint("search", __name__)


@blueprint.get("/search/jsonpath")
@blueprint.get("/search/xpath")
def not_offered() -> Response:
    """Name what is offered instead."""
    detail = "This directory is searched by SPARQL, at /search/sparql?query=."
    raise ProblemError(501, "Not offered", detail)
