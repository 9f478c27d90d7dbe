"""Opening a file: inert headers, and who had it in hand."""

import datetime as dt

import pytest
from django.core.files.storage import default_storage

from incidents import activity, selectors
from incidents.models import Evidence, StoredFile
from incidents.services import custody, lifecycle
from tests.factories import PNG
from tests.incidents.conftest import CSV, PDF


@pytest.fixture
def opened():
    """Opens a file and sees that its handle is closed."""
    handles = []

    def run(row, **options):
        file = custody.open_evidence_file(row, **options)
        handles.append(file.handle)
        return file

    yield run
    for handle in handles:
        handle.close()


class TestOpen:
    def test_gives_html_as_an_inert_download(self, add_file, viewer, opened):
        row = add_file("page.html", b"<script>alert(1)</script>")

        file = opened(row, actor=viewer)

        assert file.handle.read() == b"<script>alert(1)</script>"
        assert file.headers["Content-Type"] == "application/octet-stream"
        assert file.headers["Content-Disposition"].startswith("attachment;")
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in file.headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        ("name", "content", "served"),
        [
            ("shot.png", PNG, "image/png"),
            ("a.log", b"x\n", "text/plain"),
            ("report.pdf", PDF, "application/pdf"),
            ("drawing.svg", b"<svg/>", "application/octet-stream"),
        ],
    )
    def test_is_a_download_whatever_it_is(
        self, add_file, viewer, opened, name, content, served
    ):
        headers = opened(add_file(name, content), actor=viewer).headers

        assert headers["Content-Type"] == served
        assert headers["Content-Disposition"].startswith("attachment;")
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"

    def test_keeps_a_hostile_name_out_of_the_header(self, add_file, viewer, opened):
        row = add_file('orders "x"\r\nSet-Cookie: a=b é.csv', CSV)

        header = opened(row, actor=viewer).headers["Content-Disposition"]

        assert "\r" not in header
        assert "\n" not in header
        assert header.count('"') == 2

    def test_tells_every_download_in_the_custody(
        self, add_file, incident, viewer, opened
    ):
        """R-EV-09: who had it in hand, chained like every deed."""
        row = add_file()
        opened(row, actor=viewer)
        opened(row, actor=viewer)

        told = [(e.actor, e.sentence) for e in selectors.custody(incident, row)]

        assert told[:2] == [(viewer, "downloaded EV-1")] * 2
        incident.refresh_from_db()
        assert activity.verify(incident) == []

    def test_tells_previews_of_a_restricted_incident_once_an_hour(
        self, add_file, incident, commander, opened, clock
    ):
        """Decision 12"""
        row = add_file()
        opened(row, actor=commander, purpose="preview")
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=commander, is_restricted=True
        )
        row.refresh_from_db()
        for minutes in (0, 10, 61):
            clock.shift(dt.timedelta(minutes=minutes))
            opened(row, actor=commander, purpose="preview")

        told = [e.sentence for e in selectors.custody(incident, row)]

        assert told.count("previewed EV-1") == 2

    def test_is_nothing_for_somebody_who_may_not_see_it(
        self, add_file, incident, commander, viewer
    ):
        row = add_file()
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=commander, is_restricted=True
        )

        with pytest.raises(Evidence.DoesNotExist):
            custody.open_evidence_file(row, actor=viewer)

    def test_says_when_the_store_has_lost_it(self, add_file, viewer):
        row = add_file(content=b"lost,file\n")
        default_storage.delete(StoredFile.objects.get(sha256=row.sha256).path)

        with pytest.raises(custody.FileMissing):
            custody.open_evidence_file(row, actor=viewer)
