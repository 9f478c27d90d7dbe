"""The evidence tab: the table or gallery, one artifact beside it."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident, LinkCheck, StoredFile
from incidents.services import claims, integrity
from incidents.services.core import lock_incident
from postmortem.lib.persistence import save_many, service
from tests.conftest import HTMX
from tests.factories import PNG
from tests.incidents.conftest import CASE, add_log, refs

URL = f"{CASE}evidence/"


def queries(client: Client, address: str) -> int:
    """How many queries the second look at a page costs."""
    client.get(address)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@service
def many_rows(incident: Incident, actor: User, *, like: Evidence) -> None:
    """300 more artifacts with other bytes in the store."""
    locked = lock_incident(incident.pk, actor=actor, permission="evidence.add")
    rows = []
    for number in range(2, 302):
        row = Evidence(
            incident=locked,
            number=number,
            kind="log_query",
            title=f"Log {number}",
            sha256=f"{number:064x}",
            size=like.size,
            filename="a.log",
            media_type="text/plain",
            recorded_by=actor,
        )
        rows.append(row)
    save_many(rows, actor=actor)
    kept = StoredFile.objects.get(sha256=like.sha256)
    StoredFile.objects.bulk_create(
        StoredFile(sha256=row.sha256, size=kept.size, path=kept.path) for row in rows
    )
    activity.record(locked, actor=actor, verb="test.many", sentence="added 300")


class TestEvidenceList:
    def test_filters_by_record_kind_use_and_words(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-04"""
        first = add_log(incident, commander, "Ledger extract", source="Ledger")
        add_log(incident, commander, "Recollection", is_original=False, kind="report")
        claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Stuck",
            evidence=[first],
        )
        client.force_login(commander)

        assert refs(client.get(URL)) == ["EV-1", "EV-2"]
        assert refs(client.get(f"{URL}?record=later")) == ["EV-2"]
        assert refs(client.get(f"{URL}?kind=log_query")) == ["EV-1"]
        assert refs(client.get(f"{URL}?use=unlinked")) == ["EV-2"]
        assert refs(client.get(f"{URL}?q={first.sha256[:8]}")) == ["EV-1"]
        assert refs(client.get(f"{URL}?q=ledger&record=later")) == []

    def test_shows_a_finance_record_without_its_pair(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-08"""
        add_log(incident, commander, "Clearing account", side="finance")
        client.force_login(commander)

        page = client.get(f"{URL}?use=unpaired")

        assert refs(page) == ["EV-1"]
        assert f"{URL}1/pair/" in page.content.decode()

    def test_marks_a_later_summary_and_one_that_is_only_named(
        self, client: Client, incident: Incident, commander: User
    ):
        add_log(
            incident,
            commander,
            "Recollection",
            is_original=False,
            url="",
            description="Said in the retro.",
        )
        client.force_login(commander)

        text = client.get(URL).content.decode()

        assert "Later summary" in text
        assert "only named" in text

    def test_costs_the_same_with_300_artifacts(
        self, client: Client, incident: Incident, commander: User
    ):
        first = add_log(incident, commander, "A")
        client.force_login(commander)
        few = [queries(client, address) for address in (URL, f"{URL}1/")]
        many_rows(incident, commander, like=first)
        many = [queries(client, address) for address in (URL, f"{URL}1/")]

        assert many == few
        assert max(many) <= 20
        page = client.get(URL)
        assert (len(refs(page)), page.context["total"]) == (50, 301)

    def test_is_a_gallery_too(
        self, client: Client, incident: Incident, commander: User
    ):
        add_log(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
        add_log(incident, commander)
        client.force_login(commander)

        text = client.get(f"{URL}?view=gallery").content.decode()

        assert f'src="{URL}1/preview/?size=thumbnail"' in text
        assert f"{URL}2/preview/" not in text

    def test_names_a_file_that_does_not_match_its_hash(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-09"""
        row = add_log(incident, commander)
        StoredFile.objects.filter(sha256=row.sha256).update(
            problem="was altered: its SHA-256 has changed", checked_at=timezone.now()
        )
        client.force_login(commander)

        assert "Hash mismatch:" in client.get(URL).content.decode()
        text = client.get(f"{URL}1/").content.decode()
        assert "<b>Hash mismatch.</b>" in text
        assert f"{URL}1/download/" not in text

    def test_says_since_when_every_hash_was_checked(
        self, client: Client, incident: Incident, commander: User
    ):
        row = add_log(incident, commander)
        integrity.check_file(row.sha256)
        client.force_login(commander)

        text = client.get(URL).content.decode()
        assert "Every hash re-checked since 17 Mar 10:20 UTC, no mismatch." in text


class TestEvidenceDetail:
    def test_shows_text_as_text_with_its_hash_and_claims(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-05, R-EV-07"""
        row = add_log(incident, commander)
        claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Captures wait",
            evidence=[row],
        )
        client.force_login(commander)

        text = client.get(f"{URL}1/").content.decode()

        assert "Log &lt;b&gt;" in text
        assert f'data-copy="{row.sha256}"' in text
        assert "Captures wait" in text

    def test_shows_a_picture_inline_and_no_other_binary(
        self, client: Client, incident: Incident, commander: User
    ):
        add_log(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
        add_log(
            incident,
            commander,
            upload=SimpleUploadedFile("a.pdf", b"%PDF-1.7\n%\xe2\n"),
        )
        client.force_login(commander)

        assert client.get(f"{URL}1/").context["preview"].kind == "picture"
        assert client.get(f"{URL}2/").context["preview"].kind == "none"

    def test_gives_htmx_the_panel_alone(self, client: Client, incident, commander):
        add_log(incident, commander)
        client.force_login(commander)

        page = client.get(f"{URL}1/", headers=HTMX)

        assert b"<html" not in page.content
        assert b'id="artifact-title"' in page.content

    def test_keeps_a_withdrawn_one_readable(
        self, client: Client, incident: Incident, commander: User
    ):
        add_log(incident, commander)
        client.force_login(commander)

        client.post(f"{URL}1/withdraw/", {"reason": "From another day."})

        assert b"From another day." in client.get(f"{URL}1/").content
        assert b"From another day." in client.get(URL).content
        assert client.get(f"{URL}1/edit/").status_code == 409

    def test_steps_through_what_the_filter_shows(
        self, client: Client, incident: Incident, commander: User
    ):
        for title, original in (("A", True), ("B", False), ("C", True)):
            add_log(incident, commander, title, is_original=original)
        client.force_login(commander)

        page = client.get(f"{URL}1/?record=original")

        assert page.context["previous"] is None
        assert page.context["following"].ref == "EV-3"
        assert f'href="{URL}3/?record=original"' in page.content.decode()

    def test_opens_at_the_page_of_the_list_that_holds_it(
        self, client: Client, incident: Incident, commander: User
    ):
        many_rows(incident, commander, like=add_log(incident, commander))
        client.force_login(commander)

        page = client.get(f"{URL}120/")

        assert page.context["page"].number == 3
        assert "EV-120" in refs(page)

    def test_shows_who_had_it_in_hand(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        """R-EV-09"""
        add_log(incident, commander)
        client.force_login(viewer)
        file = client.get(f"{URL}1/download/")
        assert b"".join(file.streaming_content)

        text = client.get(f"{URL}1/").content.decode()

        assert "IC on call added EV-1 Log" in text
        assert "Auditor downloaded EV-1" in text

    def test_says_that_a_link_is_not_checked_or_what_it_answered(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-07"""
        row = add_log(incident, commander, url="https://ci.example/run/1")
        client.force_login(commander)
        assert "no hosts are listed" in client.get(f"{URL}1/").content.decode()
        LinkCheck.objects.create(
            evidence=row,
            state="broken",
            words="Nothing is there any more (404).",
            checked_at=timezone.now(),
        )

        assert "Nothing is there any more" in client.get(f"{URL}1/").content.decode()
        assert "broken" in client.get(URL).content.decode()

    def test_is_404_without_the_artifact(self, client: Client, incident, commander):
        client.force_login(commander)

        assert client.get(f"{URL}7/").status_code == 404
