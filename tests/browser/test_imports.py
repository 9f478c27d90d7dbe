"""A log is imported: its page says how far the worker is, by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import User
from incidents.models import Incident
from tests.timeline.intake.logs import CHAT
from timeline.models import LogReading
from timeline.services.intake import worker

pytestmark = pytest.mark.browser


class TestAnImport:
    def test_is_followed_to_its_candidates_without_a_reload(
        self,
        page: Any,
        sign_in: Callable[[Any, User], Any],
        commander: User,
        incident: Incident,
    ) -> None:
        sign_in(page, commander)
        page.goto(f"/incidents/{incident.key}/timeline/import/")
        page.get_by_label("Or paste it").fill(CHAT)
        page.get_by_role("button", name="Read it").click()
        where = page.locator("#reading-status")
        expect(where).to_contain_text("Waiting for a worker.")
        page.evaluate("window.isTheSamePage = true")
        row = LogReading.objects.get()
        taken = worker._claim(row.pk)
        assert taken is not None

        worker._tell(taken, 2, 40)
        expect(where).to_contain_text(f"2 lines so far, 40 bytes of {row.size} bytes.")
        LogReading.objects.update(lease_until=None)  # the worker was killed
        expect(where).to_contain_text("The one that had it was stopped")
        assert page.evaluate("window.isTheSamePage")
        worker.read_long(row.pk)

        page.get_by_role("button", name="Make 3 candidates").click()
        expect(where).to_contain_text("Waiting for a worker.")
        worker.read_long(row.pk)
        expect(page).to_have_url(re.compile(r"/timeline/candidates/\?source=EV-1$"))
        expect(page.locator("#candidates li[data-row]")).to_have_count(3)
