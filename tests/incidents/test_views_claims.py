"""Claims on the overview: what is told, what is unknown, what no longer proves."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from incidents.models import Incident, KnownUnknown, StoredFile
from incidents.services.findings import refresh_findings
from tests.factories import make_evidence, make_scope, make_unknown

URL = "/incidents/INC-1/"


class TestOverview:
    def test_shows_a_file_that_is_not_the_hashed_one_at_every_claim(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-09"""
        row = make_evidence(
            incident, actor=commander, upload=SimpleUploadedFile("m.csv", b"m,1\n")
        )
        make_scope(incident, actor=commander, evidence=[row])
        StoredFile.objects.filter(sha256=row.sha256).update(problem="was altered")
        refresh_findings(incident.pk)
        client.force_login(commander)

        text = client.get(URL).content.decode()

        assert "pm-chip-bad" in text
        assert "hash mismatch" in text

    def test_offers_what_is_open_on_nearly_every_first_day(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-KU-02"""
        client.force_login(commander)
        page = client.get(URL).content.decode()
        for usual in ("provider", "cause", "finance"):
            address = f"/incidents/INC-1/unknowns/add/?usual={usual}"
            assert address in page
            question = KnownUnknown.FIRST_DAY[usual][0]
            assert question in client.get(address).content.decode()

    def test_shows_an_unknown_with_all_that_is_asked_of_it(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-KU-01, R-KU-03"""
        row = make_evidence(incident, actor=commander)
        make_unknown(
            incident,
            actor=commander,
            why_it_matters="It decides the cause.",
            evidence=[row],
        )
        client.force_login(commander)

        page = client.get(URL).content.decode()
        shown = page[page.index('id="KU-1"') : page.index('id="lanes"')]

        for words in (
            "Did Provider A shorten its retry schedule?",
            "It decides the cause.",
            "Missing: delivery log export",
            "IC on call",
            "due 19 Mar 2026, 10:20",
            ">EV-1<",
            "Resolve",
        ):
            assert words in shown

    def test_says_what_customers_are_told(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-SC-06"""
        make_scope(incident, actor=commander)
        client.force_login(commander)
        assert "What customers are told is not stated." in (
            client.get(URL).content.decode()
        )
        client.post(
            "/incidents/INC-1/scope/1/edit/",
            {
                "audience": "experienced",
                "consequence": "Card orders stayed without confirmation",
                "version": 1,
                "communication": "Status page at 14:20, next at 14:50",
            },
        )
        assert "Told: Status page at 14:20" in client.get(URL).content.decode()
