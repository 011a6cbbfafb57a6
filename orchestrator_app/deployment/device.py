"""What the description of a device says about deploying to it; pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from wasmiot_td import uri_template
from wasmiot_td.errors import AffordanceNotFound


def installation_url(device: Mapping[str, Any], slug: str) -> str:
    """Return the URL to which the installation of a deployment is sent, without a last slash.

    Raises:
        AffordanceNotFound: the device's description has no usable deploy action.
    """
    forms = device.get("actions", {}).get("deploy", {}).get("forms", ())
    if not forms:
        title = device.get("title", device.get("id"))
        raise AffordanceNotFound(f"{title} describes no action 'deploy'")
    href = uri_template.expand(str(forms[0]["href"]), {"id": slug})
    return urljoin(str(device.get("base", "")), href).rstrip("/")
