"""Findings are accepted with a reason, and taken back with one."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from incidents import selectors
from incidents.models import Incident, Waiver
from incidents.views import findings
from postmortem.lib.findings import Finding, Level
from tests.incidents.conftest import CASE

PARTS = ("blocking", "later", "advisory")
SAYS = re.compile(r"Point (\d+)\.")


@pytest.mark.usefixtures("many")
class TestAllFindings:
    @pytest.fixture
    def many(self, incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the checks have stored: 8 that block closing, and 140 advisory ones."""
        levels = [*[Level.ERROR] * 8, *[Level.WARNING] * 140]
        found = tuple(
            Finding("TL003", level, f"Point {number}.", key=str(number))
            for number, level in enumerate(levels)
        )
        stored = selectors.StoredFindings(
            found, is_current=True, computed_at=timezone.now()
        )
        monkeypatch.setattr(findings, "findings_for_page", lambda *_, **__: stored)

    def test_stand_a_hundred_on_a_page(self, client: Client, viewer: User) -> None:
        client.force_login(viewer)
        pages = [client.get(f"{CASE}findings/?page={n}") for n in (1, 2)]

        shown = [[int(n) for n in SAYS.findall(page.text)] for page in pages]
        assert shown == [list(range(100)), list(range(100, 148))]
        for page in pages:
            totals = [page.context[f"{name}_total"] for name in PARTS]
            assert totals == [0, 8, 140]
        assert "1 to 100 of 148" in pages[0].text
        assert "101 to 148 of 148" in pages[1].text

    @pytest.mark.parametrize("number", ["99", "x", "-1", "9" * 5000, "%00"])
    def test_begin_with_the_first_page_for_one_that_there_is_not(
        self, client: Client, viewer: User, number: str
    ) -> None:
        client.force_login(viewer)
        answer = client.get(f"{CASE}findings/?page={number}")
        assert SAYS.findall(answer.text)[0] == "0"


class TestFindings:
    def accept_url(self, incident: Incident) -> str:
        finding = next(f for f in selectors.findings(incident) if f.level == "warning")
        return f"{CASE}findings/accept/?check={finding.id}&finding={finding.key}"

    def test_an_advisory_one_is_accepted_with_a_reason(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        url = self.accept_url(incident)

        assert client.get(url).status_code == 200
        assert client.post(url, {"reason": ""}).status_code == 422
        assert client.post(url, {"reason": "Known."}).url == f"{CASE}findings/"

        assert Waiver.objects.get().reason == "Known."
        assert "Known." in client.get(f"{CASE}findings/").content.decode()

    def test_a_responder_may_not(
        self, client: Client, incident: Incident, responder: User
    ):
        client.force_login(responder)

        assert client.get(self.accept_url(incident)).status_code == 403
        assert "findings/accept" not in client.get(f"{CASE}findings/").content.decode()

    def test_an_address_without_its_key_means_the_only_one_of_the_check(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        found = Counter(
            f.id for f in selectors.findings(incident) if f.level != "error"
        )
        only = next(check for check, count in found.items() if count == 1)
        bare = f"{CASE}findings/accept/?check={only}"

        page = client.get(bare)
        drawer = client.get(bare, headers={"HX-Request": "true"})
        assert "<html" in page.text
        assert 'id="pm-drawer-title"' in drawer.text
        assert "<html" not in drawer.text
        assert client.post(bare, {"reason": "Known."}).url == f"{CASE}findings/"
        assert Waiver.objects.get().reason == "Known."

    def test_one_that_is_gone_or_not_the_only_one_leads_to_all_of_them(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        found = Counter(f.id for f in selectors.findings(incident))
        [(several, count)] = found.most_common(1)
        assert count > 1

        gone = f"{CASE}findings/accept/?check=ZZ999&finding=x"
        assert client.get(gone).url == f"{CASE}findings/"
        assert "This finding is no longer open." in client.get(gone, follow=True).text
        many = f"{CASE}findings/accept/?check={several}"
        words = f"{several} has {count} findings. Choose the one that you accept."
        assert words in client.get(many, follow=True).text
        drawer = client.get(many, headers={"HX-Request": "true"})
        assert (drawer.status_code, drawer["HX-Redirect"]) == (204, f"{CASE}findings/")

    def test_is_taken_back_with_a_reason(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        client.post(self.accept_url(incident), {"reason": "Known."})

        client.post(f"{CASE}findings/1/withdraw/", {"reason": "It matters after all."})

        assert Waiver.objects.get().is_retracted
