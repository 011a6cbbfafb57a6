"""Which tests may run beside each other, and that no property test is held to a time.

Those of one file never, nor those that use mDNS: multicast DNS on the loopback interface is one for
the whole machine, and each answer goes to all. Nor those of a folder whose files share servers:
each process of tests would start them anew.

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
SHARING = ("cli/", "pages/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests of a group run one after the other."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item.path.relative_to(HERE).as_posix())))


def group_of(name: str) -> str:
    """Return the group of a file of tests."""
    if name in MULTICAST:
        return "multicast"
    return next((folder for folder in SHARING if name.startswith(folder)), name)
