"""Everything under /api/ that is refused says so as problem+json."""

from __future__ import annotations

import errno
import logging

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from incidents.services import lifecycle
from postmortem.lib.drf import PersonThrottle, parsers
from postmortem.lib.uploads import ReceivedFile

ROOT = "/api/v1/incidents/"


@pytest.fixture
def client(commander):
    made = Client(raise_request_exception=False)
    made.force_login(commander)
    return made


def told(answer, status):
    """The problem, once it is one in all its parts."""
    assert answer["Content-Type"] == "application/problem+json", answer.content[:200]
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    return body["code"]


class TestProblems:
    @pytest.mark.parametrize(
        "path", ["/api/", "/api/v1/nothing/", "/api/v2/incidents/"]
    )
    def test_of_an_unknown_address(self, client, path):
        assert told(client.get(path), 404) == "not_found"

    def test_of_a_number_that_is_none(self, client, incident):
        assert told(client.get(f"{ROOT}INC-1/scope/x/"), 404) == "not_found"

    def test_of_a_write_without_its_slash(self, client):
        answer = client.post(ROOT.rstrip("/"), {})
        assert told(answer, 404) == "not_found"
        assert "Location" not in answer

    def test_of_a_method_that_is_not_answered(self, client, incident):
        answer = client.delete(f"{ROOT}INC-1/")
        assert told(answer, 405) == "method_not_allowed"
        assert answer["Allow"] == "GET, HEAD, PATCH"

    def test_of_an_answer_that_is_not_made_here(self, client):
        answer = client.get(ROOT, headers={"Accept": "text/html"})
        assert told(answer, 406) == "not_acceptable"

    def test_of_a_kind_of_answer_is_none_where_a_file_is_answered(
        self, client, incident, commander
    ):
        client.post(
            f"{ROOT}INC-1/evidence/",
            {
                "kind": "metric",
                "title": "x",
                "upload": SimpleUploadedFile("a.csv", b"1"),
            },
        )
        path = f"{ROOT}INC-1/evidence/1/file/"
        answer = client.get(path, headers={"Accept": "text/csv"})
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content) == b"1"

    def test_of_a_kind_of_body_that_is_not_read(self, client):
        answer = client.post(ROOT, "a: 1", content_type="application/yaml")
        assert told(answer, 415) == "unsupported_media_type"

    @pytest.mark.parametrize("body", ["{", "[1,", '{"a": NaN}', '{"a":1,"a":2}'])
    def test_of_a_body_that_is_not_understood(self, client, body):
        answer = client.post(ROOT, body, content_type="application/json")
        assert told(answer, 400) == "parse_error"

    def test_of_a_body_that_is_too_large(self, client, monkeypatch):
        monkeypatch.setattr(parsers, "MAX_BODY", 10)
        answer = client.post(ROOT, '{"title": "x"}', content_type="application/json")
        assert told(answer, 413) == "too_large"

    def test_of_a_form_with_too_many_fields(self, client, incident):
        body = {f"f{n}": "x" for n in range(1100)}
        answer = client.post(f"{ROOT}INC-1/evidence/", body)
        assert told(answer, 400) == "bad_request"

    def test_of_a_text_field_that_is_too_large(self, client, incident, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
        answer = client.post(f"{ROOT}INC-1/evidence/", {"title": "x" * 200})
        assert told(answer, 413) == "too_large"

    def test_of_somebody_who_is_not_signed_in(self):
        answer = APIClient().get(ROOT)
        assert told(answer, 401) == "not_authenticated"
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_of_a_session_without_its_csrf_token(self, commander):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(commander)
        assert told(strict.post(ROOT, {}), 403) == "permission_denied"

    def test_of_a_host_that_is_not_ours(self, client):
        assert told(client.get(ROOT, headers={"Host": "evil.example"}), 400)

    def test_of_a_crash_has_an_id_that_stands_in_the_log(
        self, client, monkeypatch, caplog
    ):
        def broken(**fields):
            raise RuntimeError("secret detail")

        monkeypatch.setattr(lifecycle, "declare_incident", broken)
        with caplog.at_level(logging.ERROR, "postmortem.lib.drf.problems"):
            answer = client.post(
                ROOT,
                {"title": "x", "severity": "SEV1"},
                content_type="application/json",
            )
        assert told(answer, 500) == "server_error"
        assert "secret detail" not in answer.content.decode()
        number = answer.json()["request_id"]
        logged = [row for row in caplog.records if number in row.getMessage()]
        assert len(logged) == 1
        assert logged[0].exc_info

    def test_of_a_database_that_is_away_says_when_to_send_again(
        self, client, monkeypatch
    ):
        def away(**fields):
            raise OperationalError("server closed the connection")

        monkeypatch.setattr(lifecycle, "declare_incident", away)
        answer = client.post(
            ROOT, {"title": "x", "severity": "SEV1"}, content_type="application/json"
        )
        assert told(answer, 503) == "database_away"
        assert answer["Retry-After"] == "5"
        assert "server closed" not in answer.content.decode()

    def test_of_a_full_disk_says_to_make_room(self, client, incident, monkeypatch):
        def full(received):
            received.close()
            raise OSError(errno.ENOSPC, "no space left on device")

        monkeypatch.setattr(ReceivedFile, "finish", full)
        answer = client.post(
            f"{ROOT}{incident.key}/evidence/",
            {
                "kind": "other",
                "title": "x",
                "upload": SimpleUploadedFile("a.txt", b"a"),
            },
        )
        assert told(answer, 507) == "disk_full"
        assert answer["Retry-After"] == "60"

    def test_of_a_script_that_runs_away(self, client, monkeypatch, settings):
        settings.API_RATE = "3/min"
        monkeypatch.setattr(PersonThrottle, "scope", "test-runs-away")
        for _ in range(3):
            assert client.get(ROOT).status_code == 200
        answer = client.get(ROOT)
        assert told(answer, 429) == "throttled"
        assert 0 < int(answer["Retry-After"]) <= 60

    def test_leave_pages_alone(self, client):
        page = client.get("/nothing/")
        assert page.status_code == 404
        assert page["Content-Type"].startswith("text/html")
