"""A folder for what is set aside, which no test in another process looks into."""

from __future__ import annotations

import os

import pytest

from tests.timeline.intake.logs import files_aside
from timeline.services.intake import asking, worker


@pytest.fixture(autouse=True)
def _aside(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (asking, worker):
        monkeypatch.setattr(module, "ASIDE", f"waiting-{os.getpid()}")
    for path in files_aside():
        path.unlink()
