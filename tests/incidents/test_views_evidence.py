"""The evidence tab: table, one artifact, upload, download."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident, LinkCheck, StoredFile
from incidents.services import claims, evidence, integrity
from incidents.services.core import lock_incident
from postmortem.lib.persistence import save_many, service
from tests.factories import make_incident

URL = "/incidents/INC-1/evidence/"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06"
    b"\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f"
    b"\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def add(incident: Incident, actor: User, title: str = "Log", **fields) -> Evidence:
    fields.setdefault("kind", "log_query")
    if "url" not in fields and "upload" not in fields:
        fields["upload"] = SimpleUploadedFile("a.log", f"{title} <b>\n".encode())
    return evidence.add_evidence(
        incident_id=incident.pk, actor=actor, title=title, **fields
    )


def refs(page) -> list[str]:
    assert page.status_code == 200
    return [line.row.ref for line in page.context["lines"]]


class TestEvidenceList:
    def test_filters_by_record_kind_use_and_words(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-04"""
        first = add(incident, commander, "Ledger extract", source="Ledger")
        add(incident, commander, "Recollection", is_original=False, kind="report")
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
        add(incident, commander, "Clearing account", side="finance")
        client.force_login(commander)

        page = client.get(f"{URL}?use=unpaired")

        assert refs(page) == ["EV-1"]
        assert f"{URL}1/pair/" in page.content.decode()

    def test_marks_a_later_summary_and_one_that_is_only_named(
        self, client: Client, incident: Incident, commander: User
    ):
        add(
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
        first = add(incident, commander, "A")
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
        add(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
        add(incident, commander)
        client.force_login(commander)

        text = client.get(f"{URL}?view=gallery").content.decode()

        assert f'src="{URL}1/preview/?size=thumbnail"' in text
        assert f"{URL}2/preview/" not in text

    def test_names_a_file_that_does_not_match_its_hash(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-09"""
        row = add(incident, commander)
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
        row = add(incident, commander)
        integrity.check_file(row.sha256)
        client.force_login(commander)

        text = client.get(URL).content.decode()
        assert "Every hash re-checked since 17 Mar 10:20 UTC, no mismatch." in text


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


class TestEvidenceDetail:
    def test_shows_text_as_text_with_its_hash_and_claims(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-05, R-EV-07"""
        row = add(incident, commander)
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
        add(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
        add(
            incident,
            commander,
            upload=SimpleUploadedFile("a.pdf", b"%PDF-1.7\n%\xe2\n"),
        )
        client.force_login(commander)

        assert client.get(f"{URL}1/").context["preview"].kind == "picture"
        assert client.get(f"{URL}2/").context["preview"].kind == "none"

    def test_gives_htmx_the_panel_alone(self, client: Client, incident, commander):
        add(incident, commander)
        client.force_login(commander)

        page = client.get(f"{URL}1/", headers={"HX-Request": "true"})

        assert b"<html" not in page.content
        assert b'id="artifact-title"' in page.content

    def test_keeps_a_withdrawn_one_readable(
        self, client: Client, incident: Incident, commander: User
    ):
        add(incident, commander)
        client.force_login(commander)

        client.post(f"{URL}1/withdraw/", {"reason": "From another day."})

        assert b"From another day." in client.get(f"{URL}1/").content
        assert b"From another day." in client.get(URL).content
        assert client.get(f"{URL}1/edit/").status_code == 404

    def test_steps_through_what_the_filter_shows(
        self, client: Client, incident: Incident, commander: User
    ):
        for title, original in (("A", True), ("B", False), ("C", True)):
            add(incident, commander, title, is_original=original)
        client.force_login(commander)

        page = client.get(f"{URL}1/?record=original")

        assert page.context["previous"] is None
        assert page.context["following"].ref == "EV-3"
        assert f'href="{URL}3/?record=original"' in page.content.decode()

    def test_opens_at_the_page_of_the_list_that_holds_it(
        self, client: Client, incident: Incident, commander: User
    ):
        many_rows(incident, commander, like=add(incident, commander))
        client.force_login(commander)

        page = client.get(f"{URL}120/")

        assert page.context["page"].number == 3
        assert "EV-120" in refs(page)

    def test_shows_who_had_it_in_hand(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        """R-EV-09"""
        add(incident, commander)
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
        row = add(incident, commander, url="https://ci.example/run/1")
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
        add(incident, commander, "Old")
        new = add(incident, commander, "New")
        client.force_login(commander)

        client.post(
            f"{URL}1/supersede/", {"replacement": new.pk, "reason": "The whole hour."}
        )

        assert b"The whole hour." in client.get(f"{URL}1/").content
        assert refs(client.get(URL)) == ["EV-1", "EV-2"]

    def test_pair_is_kept_on_both(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-EV-08"""
        first = add(incident, commander, "Auths")
        second = add(incident, commander, "Entries", side="finance")
        client.force_login(commander)

        client.post(f"{URL}1/pair/", {"paired_with": second.pk, "version": 1})

        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.paired_with, second.paired_with) == (second, first)

    def test_edit_and_attach(self, client: Client, incident: Incident, commander: User):
        add(incident, commander, "Named", url="", description="In the archive.")
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
    def redacted(self, client, incident, commander, administrator) -> Evidence:
        row = add(incident, commander)
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

    def test_shows_nothing_while_it_is_decided(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        add(incident, commander, "Secret")
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
        add(incident, responder)
        client.force_login(responder)
        assert client.get(f"{URL}1/redact/").status_code == 403
        assert "Redact" not in client.get(f"{URL}1/").content.decode()


class TestEvidencePreview:
    def test_serves_the_picture_drawn_anew_in_a_sandbox(
        self, client: Client, incident: Incident, commander: User
    ):
        add(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
        client.force_login(commander)

        page = client.get(f"{URL}1/preview/")

        assert page["Content-Type"] == "image/webp"
        assert page.content[8:12] == b"WEBP"
        assert page["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert page["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("address", ["1/preview/?size=huge", "9/preview/"])
    def test_is_404_for_what_is_not_there(
        self, client: Client, incident: Incident, commander: User, address: str
    ):
        add(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
        client.force_login(commander)
        assert client.get(f"{URL}{address}").status_code == 404

    def test_is_refused_for_what_is_no_picture(
        self, client: Client, incident: Incident, commander: User
    ):
        add(incident, commander)
        client.force_login(commander)
        assert client.get(f"{URL}1/preview/").status_code == 422


class TestEvidenceDownload:
    def test_is_an_attachment_that_no_browser_runs(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        add(
            incident,
            commander,
            upload=SimpleUploadedFile("x.html", b"<html><script>1</script></html>"),
        )
        client.force_login(viewer)

        page = client.get(f"{URL}1/download/?inline=1")
        body = b"".join(page.streaming_content)
        page.close()

        assert body == b"<html><script>1</script></html>"
        assert page["Content-Disposition"].startswith("attachment")
        assert page["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in page["Content-Security-Policy"]

    def test_obeys_the_visibility_of_the_incident(
        self, client: Client, commander: User, responder: User
    ):
        secret = make_incident(actor=commander, is_restricted=True)
        add(secret, commander)
        client.force_login(responder)

        assert client.get(f"{URL}1/download/").status_code == 404

    @pytest.mark.parametrize("number", [1, 9])
    def test_is_404_without_stored_bytes(
        self, client: Client, incident: Incident, commander: User, number: int
    ):
        add(incident, commander, url="https://ci.example/run/1")
        client.force_login(commander)

        assert client.get(f"{URL}{number}/download/").status_code == 404
