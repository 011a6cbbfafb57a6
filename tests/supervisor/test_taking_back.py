"""An installation is taken back while it is still being made."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

from supervisor_app.installations import Installations

ONE = '(module (func (export "f") (result i32) i32.const 1))'
F = {"f": {"wasmiot:entrypoint": "f", "output": {"type": "integer"}}}


def test_what_is_being_installed_is_removed_when_it_is_there(device, monkeypatch):
    """Who had no answer in time takes it back, and it does not come after that."""
    begun, goes_on, accept = threading.Event(), threading.Event(), Installations._accept

    def slow(*arguments):
        begun.set()
        assert goes_on.wait(30)
        return accept(*arguments)

    monkeypatch.setattr(Installations, "_accept", slow)
    with ThreadPoolExecutor(2) as pool:
        put = pool.submit(device.put, "late", ONE, actions=F)
        assert begun.wait(30)
        taken_back = pool.submit(device.app.test_client().delete, "/deployments/late")
        assert not wait([taken_back], 0.2).done
        goes_on.set()
        assert (put.result().status_code, taken_back.result().status_code) == (201, 204)
    assert device.client.get("/deployments").json == []
