"""Whether the orchestrator that a device is to join has let it in.

Until then nobody but its operator may use it, so it is not ready. What has joined once goes on
alone, and is ready whether its orchestrator is there or not.
"""

from dataclasses import dataclass

from wasmiot_td.access.peer_tokens import PeerTokens


@dataclass
class Admission:
    """How joining goes.

    Attributes:
        missing: what keeps the device out; empty where it is in, or joins nobody.
    """

    missing: str = ""

    def refuse(self, url: str) -> None:
        """Note that an orchestrator does not want the device."""
        self.missing = f"{url} has refused this device; its log says why"

    def delay(self, url: str) -> None:
        """Note that an orchestrator has not let the device in, and is asked again."""
        self.missing = f"{url} has not let this device in yet; its log says why"

    def admit(self) -> None:
        """Note that the device is in."""
        self.missing = ""


def admission_of(join_token: str, directory: str, tokens: PeerTokens) -> Admission:
    """Return how a device stands that has not asked yet.

    Args:
        join_token: by which it is to join; empty if it need not.
        directory: the URL of the orchestrator.
        tokens: whom it has joined before.
    """
    admission = Admission()
    if join_token and not is_joined(tokens, join_token):
        admission.delay(directory)
    return admission


def is_joined(tokens: PeerTokens, text: str) -> bool:
    """Say whether the device has joined by a token already."""
    from wasmiot_td.access.join_tokens import (
        parts_of,
    )  # which a device without a token does without

    joined_by = {peer.token for peer in tokens.peers.values()}
    return parts_of(text)[0] in joined_by
