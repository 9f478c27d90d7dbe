"""The API of evidence: files, links, what is refused."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from incidents.models import Evidence, Incident
from tests.incidents.conftest import refusals

CASE = "/api/v1/incidents/INC-1/"


class TestEvidence:
    def upload(self, client, name="orders.csv", content=b"a,b\n", **fields):
        return client.post(
            f"{CASE}evidence/",
            {
                "kind": "metric",
                "title": "Orders",
                "upload": SimpleUploadedFile(name, content),
                **fields,
            },
            format="multipart",
        )

    def test_uploads_and_downloads_the_same_bytes(self, api, incident, responder):
        """R-EV-07"""
        client = api(responder)
        made = self.upload(client, content=b"x,y\n1,2\n")
        assert made.status_code == 201
        assert made.json()["is_original"] is True

        file = client.get(made.json()["download"])

        assert b"".join(file.streaming_content) == b"x,y\n1,2\n"
        assert file["Content-Disposition"].startswith("attachment;")
        assert file["X-Content-Type-Options"] == "nosniff"
        assert file["Content-Security-Policy"] == "default-src 'none'; sandbox"

    @pytest.mark.parametrize(
        ("name", "content", "code"),
        [
            ("a.csv", b"", "empty_file"),
            ("a.csv", b"x" * 5000, "too_large"),
            ("a.png", b"text", "type_mismatch"),
            ("a.csv", b"4539 1488 0343 6467", "card_number"),
        ],
    )
    def test_refuses_a_bad_file(
        self, api, incident, responder, settings, name, content, code
    ):
        settings.EVIDENCE_MAX_BYTES = 4096
        answer = self.upload(api(responder), name, content)
        assert answer.status_code == 422
        assert refusals(answer) == {"upload": code}
        assert not Evidence.objects.exists()

    def test_takes_a_later_summary_in_a_form(self, api, incident, responder):
        """R-EV-04"""
        answer = self.upload(api(responder), is_original="false")
        assert answer.json()["is_original"] is False

    def test_refuses_a_capture_in_the_future(self, api, incident, responder):
        answer = api(responder).post(
            f"{CASE}evidence/",
            {
                "kind": "metric",
                "title": "Orders",
                "url": "https://dash.example/1",
                "captured_at": "2026-03-18T00:00:00Z",
            },
        )
        assert refusals(answer) == {"captured_at": "future_time"}

    def test_attaches_the_file_of_a_named_one(self, api, incident, responder):
        client = api(responder)
        client.post(
            f"{CASE}evidence/",
            {"kind": "notes", "title": "Shift book", "description": "On paper"},
        )
        client.post(
            f"{CASE}evidence/",
            {
                "kind": "timeline_notes",
                "title": "Shift book",
                "description": "On paper",
            },
        )
        answer = client.post(
            f"{CASE}evidence/1/attach/",
            {"upload": SimpleUploadedFile("book.txt", b"13:52 alert\n")},
            format="multipart",
        )
        assert answer.status_code == 200
        assert answer.json()["is_openable"] is True

    def test_tells_the_claims_that_cite_it(self, api, rows, responder):
        client = api(responder)
        client.patch(f"{CASE}scope/1/", {"evidence": ["EV-1"]})
        assert client.get(f"{CASE}evidence/1/").json()["used_by"] == ["SC-1"]

    def test_a_file_of_an_invisible_incident_is_404(
        self, api, incident, responder, viewer
    ):
        made = self.upload(api(responder))
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)
        assert api(viewer).get(made.json()["download"]).status_code == 404

    def test_an_artifact_without_a_file_has_no_download(self, api, rows, viewer):
        answer = api(viewer).get(f"{CASE}evidence/1/file/")
        assert (answer.status_code, answer.json()["code"]) == (409, "file_missing")
