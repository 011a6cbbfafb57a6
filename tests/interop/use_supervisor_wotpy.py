"""Write and read a property of the Thing whose TD is at a URL, with wotpy; print it as JSON."""

import asyncio
import json
import sys
import urllib.request

from wotpy.protocols.http.client import HTTPClient
from wotpy.wot.servient import Servient
from wotpy.wot.wot import WoT


async def main(url: str) -> None:
    """Use the Thing; wotpy wants absolute addresses."""
    document = json.load(urllib.request.urlopen(url))
    base = document.pop("base")
    for form in (f for p in document["properties"].values() for f in p["forms"]):
        form["href"] = base + form["href"]
    kept = ("@context", "id", "title", "securityDefinitions", "security", "properties")
    servient = Servient(catalogue_port=None)
    servient.add_client(HTTPClient())
    thing = WoT(servient=servient).consume(json.dumps({k: document[k] for k in kept}))
    await thing.write_property("level", 6)
    print(json.dumps({"written": await thing.read_property("level")}))  # noqa: T201


asyncio.run(main(sys.argv[1]))
