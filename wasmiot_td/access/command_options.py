"""The options of both servers about access."""

import argparse
from pathlib import Path


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
