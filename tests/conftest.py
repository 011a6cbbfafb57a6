"""Which tests may run beside each other, and that no property test is held to a time.

Those of one file never, nor those that use mDNS: multicast DNS on the loopback interface is one for
the whole machine, and each answer goes to all.

Hypothesis would fail a test whose examples come slowly, or one of which takes long: any may, on a
machine that is busy with something else.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

HERE = Path(__file__).parent
MULTICAST = frozenset(
    {
        "interop/test_avahi.py",
        "orchestrator/test_introduction.py",
        "supervisor/test_announce.py",
        "system/test_demo.py",
        "system/test_impostor.py",
        "system/test_readme.py",
        "system/test_registration.py",
    }
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests of a file, and all that use mDNS, run one after the other."""
    for item in items:
        name = item.path.relative_to(HERE).as_posix()
        group = "multicast" if name in MULTICAST else name
        item.add_marker(pytest.mark.xdist_group(group))
