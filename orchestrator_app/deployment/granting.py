"""What the shares of a deployment may use of each other, where devices are known by keys.

Each share is granted what it leads to: what it feeds and what that feeds, for it cancels and
follows along the chain, and what it reads. Nothing is granted to it of what comes before it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from orchestrator_app.deployment.composing import Deployment
from wasmiot_td.access.assertions import Grant
from wasmiot_td.access.peers import DEVICE, Peer

GRANT = "wasmiot:grant"

Document = Mapping[str, Any]
Sign = Callable[[Grant], str]
"""Returns a grant as a text that the orchestrator has signed."""

Describe = Callable[[str], Document | None]
"""Returns the description at a URL of the directory; None for any other."""


def with_grants(
    deployment: Deployment, peers: Mapping[str, Peer], sign: Sign, describe: Describe
) -> Deployment:
    """Return a deployment whose shares bring what devices must show to each other."""
    devices = {id: peer for id, peer in peers.items() if peer.kind == DEVICE}
    if not devices:
        return deployment
    trigger = deployment.trigger
    shares = [*deployment.installations.values(), *deployment.standby_installations.values()]
    by_url = {f"{share['base']}td": share for share in shares}

    def granted(share: Document) -> Document:
        holder = devices.get(share["wasmiot:device"])
        urls = {a for url in _reached(share, by_url) for a in (url, *_addresses(describe(url)))}
        texts = sorted(map(sign, _grants(urls, holder, devices))) if holder else []
        return {**share, GRANT: texts} if texts else share

    def all_granted(found: Mapping[str, Document]) -> dict[str, Document]:
        return {device: granted(share) for device, share in found.items()}

    return replace(
        deployment,
        installations=all_granted(deployment.installations),
        standby_installations=all_granted(deployment.standby_installations),
        trigger=granted(trigger) if trigger is not None else None,
    )


def _reached(share: Document, by_url: Mapping[str, Document]) -> set[str]:
    """Return the URLs of all that a share leads to."""
    reached, waiting = set[str](), [share]
    while waiting:
        for url in set(_things(waiting.pop())) - reached:
            reached.add(url)
            if url in by_url:
                waiting.append(by_url[url])
    return reached


def _things(value: Any) -> Iterator[str]:
    """Yield the URLs of the Things that a description names."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name == "thing" and isinstance(member, str):
                yield member
            else:
                yield from _things(member)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _things(item)


def _addresses(described: Document | None) -> Iterator[str]:
    """Yield the URLs of what a Thing of the directory offers."""
    base = str((described or {}).get("base", ""))
    for kind in ("properties", "actions", "events"):
        for affordance in (described or {}).get(kind, {}).values():
            for form in affordance.get("forms", ()):
                yield urljoin(base, str(form.get("href", "")))


def _grants(urls: set[str], holder: Peer, devices: Mapping[str, Peer]) -> Iterator[Grant]:
    found: dict[tuple[str, str], set[str]] = {}
    for url in urls:
        for device in devices.values():
            for base in device.bases:
                start = f"{base}deployments/"
                if url.startswith(start):
                    name = url.removeprefix(start).partition("/")[0]
                    found.setdefault((device.id, base), set()).add(name)
    for (audience, base), names in found.items():
        yield Grant(holder.id, holder.key, audience, base, tuple(sorted(names)))
