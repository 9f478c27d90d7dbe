"""Findings are accepted with a reason, and taken back with one."""

from __future__ import annotations

from collections import Counter

from django.test import Client

from accounts.models import User
from incidents import selectors
from incidents.models import Incident, Waiver
from tests.incidents.conftest import CASE


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
