"""Starting a task when the transaction commits."""

from __future__ import annotations

from typing import Any

import pytest
from kombu.exceptions import OperationalError

from postmortem.lib import jobs

pytestmark = pytest.mark.django_db


class TestKick:
    def test_of_a_broker_that_is_away_makes_one_person_wait_and_not_all(
        self,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        now, asked = 1000.0, []

        def away(task: str, **kwargs: Any) -> None:
            asked.append(task)
            raise OperationalError("timed out")

        monkeypatch.setattr(jobs, "_asked_again_at", 0.0)
        monkeypatch.setattr(jobs.time, "monotonic", lambda: now)
        monkeypatch.setattr(jobs.current_app, "send_task", away)
        with django_capture_on_commit_callbacks(execute=True):
            jobs.kick("first")
            jobs.kick("second")
        assert asked == ["first"]

        now += jobs.REST
        with django_capture_on_commit_callbacks(execute=True):
            jobs.kick("third")
        assert asked == ["first", "third"]
