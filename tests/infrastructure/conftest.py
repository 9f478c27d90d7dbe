"""Tests of processes and scripts run on the real clock."""

import pytest


@pytest.fixture(autouse=True)
def clock() -> None:
    """Instead of the frozen clock: the processes here do not stand still either."""
