"""YAML-LD: the same documents, easier to write by hand. The only import of PyYAML.

Scalars mean what they mean in JSON (YAML 1.2, core schema): `yes`, `on` and dates are texts.
Aliases are allowed, but what they stand for counts each time, lest ten lines become gigabytes.

Source: https://www.w3.org/TR/yaml-ld/ (basic profile: what JSON-LD can say, and nothing more).
"""

import json
import re
from typing import Any

import yaml

from wasmiot_td.errors import JsonSyntaxError, ValidationError
from wasmiot_td.report import Finding, Report

MOST_BYTES = 128 * 1024
"""PyYAML reads some 90 KB in a second."""

MOST_NODES = 10_000
MOST_DEPTH = 50

_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_IMPLICIT = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
)


class YamlSyntaxError(JsonSyntaxError):
    """The bytes are not YAML, or say more than JSON can."""

    language = "YAML"
    source = "https://yaml.org/spec/1.2.2/"


class _CoreLoader(yaml.SafeLoader):
    """Safe, with the scalars of YAML 1.2's core schema, and no key twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, or say which key is there twice."""
        seen = set[str]()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                line = key.start_mark.line + 1
                found = Finding(f"/{name}", f"the key {name!r} is there twice, in line {line}")
                raise ValidationError(Report((found,)))
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


def _int(loader: _CoreLoader, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _bool(loader: _CoreLoader, node: Any) -> bool:
    return _TRUTH[loader.construct_scalar(node)]


for _tag, _pattern, _first in _IMPLICIT:
    _CoreLoader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first))
_CoreLoader.add_constructor("tag:yaml.org,2002:int", _int)
_CoreLoader.add_constructor("tag:yaml.org,2002:bool", _bool)


def to_json(source: bytes) -> bytes:
    """Return a YAML document as JSON text.

    Raises:
        YamlSyntaxError: it is no YAML, or more than JSON can say.
        ValidationError: a key is there twice, or aliases make too much of it.
    """
    if len(source) > MOST_BYTES:
        found = Finding("", f"the document is too large: at most {MOST_BYTES} bytes of YAML")
        raise ValidationError(Report((found,)))
    try:
        value = yaml.load(source, _CoreLoader)
        _count(value, 0, 0)
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or "this is no YAML"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlSyntaxError(str(message)[:500], line, column) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise YamlSyntaxError(f"more than JSON can say: {error}"[:500], 1, 1) from error


def _count(value: Any, nodes: int, depth: int) -> int:
    """Return how many nodes there are, what an alias stands for counted each time."""
    nodes += 1
    if nodes > MOST_NODES or depth > MOST_DEPTH:
        limit = f"at most {MOST_NODES} nodes and {MOST_DEPTH} levels"
        raise ValidationError(Report((Finding("", f"the document is too large: {limit}"),)))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        nodes = _count(one, nodes, depth + 1)
    return nodes
