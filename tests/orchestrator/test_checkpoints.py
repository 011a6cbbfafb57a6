"""Copies of the store, which those share who wait for one."""

import threading
from concurrent.futures import ThreadPoolExecutor

from orchestrator_app.directory.checkpoints import Checkpoints


def test_those_who_wait_share_a_copy(tmp_path):
    """However many come while one is made, a single further one has all that they asked for."""
    version, made, may_go_on, has_begun = [1], [], threading.Event(), threading.Event()

    def make(path):
        path.mkdir()
        made.append(path.name)
        has_begun.set()
        may_go_on.wait(10)
        version[0] += 1  # others write all the time

    copies = Checkpoints(lambda: version[0], make, tmp_path / "copies")

    def use(wanted):
        with copies.current() as path:
            return int(path.name) >= wanted

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(use, 1)
        has_begun.wait(10)
        version[0] = 5
        others = [pool.submit(use, 5) for _ in range(7)]
        while not all(future.running() for future in others):
            may_go_on.wait(0.01)
        may_go_on.wait(0.05)
        may_go_on.set()
        assert first.result()
        assert all(other.result() for other in others)
    assert len(made) <= 3
