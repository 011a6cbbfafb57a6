"""The options of both servers about access."""

import argparse
from pathlib import Path
from typing import Any

from wasmiot_td.reach import ALLOW, DENY, network
from wasmiot_td.tls import add_tls_options


class _Add(argparse.Action):
    """An option that may be given several times; its values are a tuple, as settings have them."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, value: Any, _option: object = None
    ) -> None:
        """Add a value to those so far."""
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), value))


def add_access_options(parser: argparse.ArgumentParser) -> None:
    """Add the options about who may do what."""
    add = parser.add_argument
    add(
        "--insecure",
        dest="is_insecure",
        action="store_true",
        help="serve other machines without asking for tokens",
    )
    add(
        "--public-td",
        dest="has_public_td",
        action="store_true",
        help="let anybody read /.well-known/wot where tokens are asked for",
    )
    add("--oauth-issuer", default="", metavar="URL", help="accept access tokens of an issuer")
    add("--oauth-audience", default="", metavar="NAME", help="whom its tokens must be for")
    add(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="JSON of mode 0600: by URL, what is shown to other servers",
    )
    _add_networks(parser, ALLOW, "allow_addresses", "connect to a network of special addresses")
    _add_networks(parser, DENY, "deny_addresses", "never connect to a network")
    add_tls_options(parser)


def _add_networks(parser: argparse.ArgumentParser, option: str, dest: str, what: str) -> None:
    parser.add_argument(
        option,
        dest=dest,
        type=network,
        action=_Add,
        default=(),
        metavar="CIDR",
        help=f"{what} where others' documents say so; may be given several times",
    )


class _AddKeys(argparse.Action):
    """An option that names public keys, and may be given several times."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, value: Any, _option: object = None
    ) -> None:
        """Add the keys that a text names to those so far."""
        from wasmiot_td.access.trust import TrustError, keys_named

        try:
            found = keys_named(str(value))
        except (TrustError, OSError, UnicodeDecodeError) as error:
            parser.error(f"argument --trusted-key: {error}")
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), *found))


def add_trust_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option that names the keys of which one must have signed."""
    parser.add_argument(
        "--trusted-key",
        dest="trusted_keys",
        action=_AddKeys,
        default=(),
        metavar="KEY",
        help=f"{what}; a public key or a file of them, may be given several times",
    )
