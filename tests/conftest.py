"""What holds for every file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from native.ports import open_ports


@pytest.fixture(autouse=True, scope="module")
def every_port_is_closed() -> Iterator[None]:
    """A process has a bounded number of ports: what one file leaves open, another file, in the same process, lacks."""
    before = len(open_ports())
    yield
    left = open_ports()[before:]
    assert not left, f"This file of tests left {len(left)} ports open: {left[:3]}"
