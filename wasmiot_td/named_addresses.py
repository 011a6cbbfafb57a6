"""Which URLs of a document lead where this server does not go, as far as their text says.

So a document is refused when it comes, and not when it is used. What a name leads to is decided
when it is connected to (`checked_connections.py`): a resolver may say another thing then.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from wasmiot_td.errors import ValidationError
from wasmiot_td.json_text import escape_pointer
from wasmiot_td.reach import Reach
from wasmiot_td.report import Finding, Report

_URLS = frozenset(("base", "href", "thing", "binary"))
_URLS_OF_OURS = _URLS | {"id", "event", "property"}
_OURS = "wasmiot:"
_NOWHERE = "http://relative.invalid/"


def refuse_addresses(
    document: Mapping[str, Any], reach: Reach, inside: Collection[str] | None = None
) -> None:
    """Let a document pass that names no address outside of a reach.

    Args:
        document: in canonical form.
        reach: where it may lead.
        inside: what `urls_inside` returns of it, if that is known.

    Raises:
        ValidationError: it does; every such URL is reported.
    """
    inside = urls_inside(document) if inside is None else inside
    base = urljoin(_NOWHERE, _text(document.get("base")))
    own = [url for name in _URLS if not _is_below(url := _text(document.get(name)))]
    if not any(reach.refusal_of_url(_joined(base, url)) for url in (*own, *inside)):
        return
    findings = [
        Finding(pointer, why, value=url)
        for pointer, url in _urls(document, "", _URLS)
        if (why := reach.refusal_of_url(_joined(base, url)))
    ]
    if findings:
        raise ValidationError(Report.of(findings))


def urls_inside(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the URLs inside a document's members that may lead elsewhere than its base.

    Where they stand is worked out when one is refused.
    """
    found = set[str]()
    stack = [each for name, item in document.items() for each in _parts(name, item, _URLS)]
    while stack:
        value, names = stack.pop()
        if isinstance(value, list):
            stack += [(item, names) for item in value if isinstance(item, (dict, list))]
        else:
            found.update(
                item for name, item in value.items() if name in names and isinstance(item, str)
            )
            stack += [each for name, item in value.items() for each in _parts(name, item, names)]
    return frozenset(url for url in found if not _is_below(url))


def _parts(name: str, item: Any, names: frozenset[str]) -> list[tuple[Any, frozenset[str]]]:
    if not isinstance(item, (dict, list)):
        return []
    return [(item, _URLS_OF_OURS if name.startswith(_OURS) else names)]


def _urls(value: Any, pointer: str, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            place = f"{pointer}/{escape_pointer(name)}"
            if isinstance(member, str):
                if name in names:
                    yield place, member
            else:
                yield from _urls(member, place, _URLS_OF_OURS if name.startswith(_OURS) else names)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _urls(item, f"{pointer}/{index}", names)


def _is_below(url: str) -> bool:
    """Return whether a URL surely leads to where the base does, which is looked at by itself."""
    return ":" not in url and "//" not in url and url.isprintable()


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:  # no URL at all, which others say
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
