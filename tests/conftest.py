"""Which tests may run beside each other: those of one file never, nor those that use mDNS.

Multicast DNS on the loopback interface is one for the whole machine, and each answer goes to all.
"""

from pathlib import Path

import pytest

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
