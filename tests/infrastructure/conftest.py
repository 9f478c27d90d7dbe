"""Tests of processes and scripts run on the real clock."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """Instead of the frozen clock: the processes here do not stand still either."""
    yield None
