"""Evidence is added, paired, superseded and redacted on its pages."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from incidents.models import Evidence, Incident
from tests.factories import make_incident
from tests.incidents.conftest import CASE, add_log, refs

URL = f"{CASE}evidence/"


class TestEvidenceAdd:
    def sent(self, **changes: object) -> dict[str, object]:
        return {
            "kind": "log_query",
            "side": "operational",
            "is_original": "on",
            **changes,
        }

    def test_stores_several_files_at_once(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)
        files = [SimpleUploadedFile(f"{n}.log", n.encode()) for n in ("a", "b")]

        page = client.post(f"{URL}add/", self.sent(upload=files))

        assert page.url == f"{URL}2/"
        titles = list(Evidence.objects.values_list("title", flat=True))
        assert titles == ["a.log", "b.log"]

    def test_takes_a_link(self, client: Client, incident: Incident, commander: User):
        client.force_login(commander)

        client.post(
            f"{URL}add/", self.sent(title="Run", url="https://ci.example/run/1")
        )

        assert Evidence.objects.get().url == "https://ci.example/run/1"

    def test_keeps_what_was_typed_and_the_file_name_and_offers_a_retry(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        page = client.post(
            f"{URL}add/",
            self.sent(
                title="Extract",
                source="Ledger",
                upload=SimpleUploadedFile("a.png", b"this is no picture"),
            ),
        )

        text = page.content.decode()
        assert page.status_code == 422
        assert 'value="Extract"' in text
        assert 'value="Ledger"' in text
        assert "Not stored yet: a.png." in text
        assert "Try again" in text
        assert not Evidence.objects.exists()

    def test_says_which_of_several_files_are_stored(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)
        files = [
            SimpleUploadedFile("good.log", b"fine"),
            SimpleUploadedFile("bad.png", b"this is no picture"),
        ]

        page = client.post(f"{URL}add/", self.sent(upload=files))

        assert page.status_code == 422
        assert "Stored: EV-1 good.log. Not stored: bad.png" in page.content.decode()
        assert Evidence.objects.count() == 1

    def test_is_closed_to_a_viewer(self, client: Client, incident, viewer: User):
        client.force_login(viewer)

        assert client.get(f"{URL}add/").status_code == 403
        assert f"{URL}add/" not in client.get(URL).content.decode()


class TestEvidenceVerbs:
    def test_supersede_keeps_both(
        self, client: Client, incident: Incident, commander: User
    ):
        add_log(incident, commander, "Old")
        new = add_log(incident, commander, "New")
        client.force_login(commander)
        assert "Not chosen" in client.get(f"{URL}1/supersede/").content.decode()

        client.post(
            f"{URL}1/supersede/", {"replacement": new.pk, "reason": "The whole hour."}
        )

        assert b"The whole hour." in client.get(f"{URL}1/").content
        assert refs(client.get(URL)) == ["EV-1", "EV-2"]

    def test_pair_is_kept_on_both(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-08"""
        first = add_log(incident, commander, "Auths")
        second = add_log(incident, commander, "Entries", side="finance")
        client.force_login(commander)

        client.post(f"{URL}1/pair/", {"paired_with": second.pk, "version": 1})

        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.paired_with, second.paired_with) == (second, first)

    def test_edit_and_attach(self, client: Client, incident: Incident, commander: User):
        add_log(incident, commander, "Named", url="", description="In the archive.")
        client.force_login(commander)

        client.post(
            f"{URL}1/attach/",
            {"upload": SimpleUploadedFile("a.log", b"now here"), "version": 1},
        )
        client.post(
            f"{URL}1/edit/",
            {
                "title": "Better",
                "kind": "log_query",
                "side": "operational",
                "version": 2,
            },
        )

        row = Evidence.objects.get()
        assert (row.title, row.is_openable) == ("Better", True)


class TestEvidenceRedact:
    @pytest.fixture
    def elsewhere(self, incident, commander) -> Evidence:
        """The same bytes as evidence of another incident."""
        return add_log(make_incident(actor=commander, title="Other"), commander)

    @pytest.fixture
    def redacted(self, client, incident, commander, administrator) -> Evidence:
        row = add_log(incident, commander)
        client.force_login(commander)
        client.post(f"{URL}1/redact/", {"reason": "Card data of a payer."})
        client.force_login(administrator)
        client.post(f"{URL}1/redact/confirm/")
        return row

    def test_leaves_a_tombstone_with_the_hash(
        self, client: Client, redacted: Evidence, viewer: User
    ):
        """R-EV-09"""
        client.force_login(viewer)
        text = client.get(f"{URL}1/").content.decode()

        assert "Content redacted" in text
        assert "Card data of a payer." in text
        assert f'data-copy="{redacted.sha256}"' in text
        assert f"{URL}1/download/" not in text
        assert client.get(f"{URL}1/download/").status_code == 404
        assert "redacted" in client.get(URL).content.decode()

    def test_does_not_say_that_bytes_are_gone_which_another_incident_keeps(
        self, client: Client, elsewhere: Evidence, redacted: Evidence
    ):
        """R-EV-09"""
        assert elsewhere.sha256 == redacted.sha256
        text = client.get(f"{URL}1/").content.decode()
        assert "No one can open it here again." in text
        assert "deleted" not in text
        assert "another incident keeps the same bytes" in text

    def test_shows_nothing_while_it_is_decided(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        add_log(incident, commander, "Secret")
        client.force_login(commander)
        client.post(f"{URL}1/redact/", {"reason": "Card data."})
        assert f"{URL}1/redact/confirm/" not in client.get(f"{URL}1/").content.decode()

        client.force_login(viewer)
        page = client.get(f"{URL}1/")

        assert page.context["preview"] is None
        assert "Redaction asked for" in page.content.decode()
        assert client.get(f"{URL}1/download/").status_code == 403

    def test_is_closed_to_who_may_not(
        self, client: Client, incident: Incident, responder: User
    ):
        add_log(incident, responder)
        client.force_login(responder)
        assert client.get(f"{URL}1/redact/").status_code == 403
        assert "Redact" not in client.get(f"{URL}1/").content.decode()
