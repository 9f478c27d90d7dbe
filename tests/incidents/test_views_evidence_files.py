"""The file of an artifact: its preview in a sandbox, its download."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from incidents.models import Incident
from tests.factories import PNG, make_incident
from tests.incidents.conftest import CASE, add_log

URL = f"{CASE}evidence/"


class TestEvidencePreview:
    def test_serves_the_picture_drawn_anew_in_a_sandbox(
        self, client: Client, incident: Incident, commander: User
    ):
        add_log(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
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
        add_log(incident, commander, upload=SimpleUploadedFile("shot.png", PNG))
        client.force_login(commander)
        assert client.get(f"{URL}{address}").status_code == 404

    def test_is_refused_for_what_is_no_picture(
        self, client: Client, incident: Incident, commander: User
    ):
        add_log(incident, commander)
        client.force_login(commander)
        assert client.get(f"{URL}1/preview/").status_code == 422


class TestEvidenceDownload:
    def test_is_an_attachment_that_no_browser_runs(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        add_log(
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
        add_log(secret, commander)
        client.force_login(responder)

        assert client.get(f"{URL}1/download/").status_code == 404

    @pytest.mark.parametrize("number", [1, 9])
    def test_is_404_without_stored_bytes(
        self, client: Client, incident: Incident, commander: User, number: int
    ):
        add_log(incident, commander, url="https://ci.example/run/1")
        client.force_login(commander)

        assert client.get(f"{URL}{number}/download/").status_code == 404
