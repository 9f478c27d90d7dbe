"""A POST under an Idempotency-Key is done once, whatever is repeated."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiToken, IdempotentRequest
from accounts.tasks import forget_answers
from incidents.api.incidents import IncidentViewSet
from incidents.models import ActivityEntry, Evidence, Incident
from incidents.services import lifecycle
from tests.factories import make_evidence, make_incident

ROOT = "/api/v1/incidents/"
CASE = f"{ROOT}INC-1/"
DECLARE = {"title": "Payouts late", "severity": "SEV2"}


@pytest.fixture
def client(commander):
    made = APIClient(raise_request_exception=False)
    made.force_authenticate(commander)
    return made


def post(client, path, body=None, key="k-1", **more):
    return client.post(path, body or {}, headers={"Idempotency-Key": key}, **more)


class TestTheSameRequest:
    def test_is_answered_again_and_done_once(self, client):
        first = post(client, ROOT, DECLARE)
        again = post(client, ROOT, DECLARE)

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.content == first.content
        for name in ("ETag", "Location", "Content-Type"):
            assert again[name] == first[name]
        assert first["Location"] == CASE
        assert "Idempotency-Replayed" not in first
        assert again["Idempotency-Replayed"] == "true"
        assert Incident.objects.count() == 1
        assert ActivityEntry.objects.count() == 1

    def test_is_the_same_whatever_the_order_of_its_fields(self, client):
        post(client, ROOT, DECLARE)
        again = post(client, ROOT, dict(reversed(DECLARE.items())))
        assert again["Idempotency-Replayed"] == "true"

    def test_is_answered_with_the_same_refusal(self, client, incident):
        first = post(client, f"{CASE}stabilize/")
        again = post(client, f"{CASE}stabilize/")
        assert first.status_code == 409
        assert (again.content, again["Content-Type"]) == (
            first.content,
            "application/problem+json",
        )

    def test_without_a_key_is_done_again(self, client):
        client.post(ROOT, DECLARE)
        client.post(ROOT, DECLARE)
        assert Incident.objects.count() == 2
        assert not IdempotentRequest.objects.exists()

    def test_of_an_upload_is_told_by_the_content_of_its_file(self, client, incident):
        def send(content):
            body = {
                "kind": "metric",
                "title": "Rates",
                "upload": SimpleUploadedFile("rates.csv", content),
            }
            return post(client, f"{CASE}evidence/", body, format="multipart")

        first, again, other = send(b"a,1\n"), send(b"a,1\n"), send(b"a,2\n")

        assert (first.status_code, again.status_code) == (201, 201), first.json()
        assert again.json()["sha256"] == first.json()["sha256"]
        assert other.status_code == 422
        assert Evidence.objects.count() == 1

    def test_of_a_case_imports_it_once(self, client, incident):
        case = client.get(f"{CASE}case/").json()
        first = post(client, "/api/v1/cases/", case)
        again = post(client, "/api/v1/cases/", case)
        assert first.status_code == again.status_code
        assert again.content == first.content
        assert again["Idempotency-Replayed"] == "true"


class TestAnotherRequest:
    @pytest.mark.parametrize("change", [{"severity": "SEV1"}, {"summary": "x"}])
    def test_under_the_same_key_is_refused(self, client, change):
        post(client, ROOT, DECLARE)
        answer = post(client, ROOT, DECLARE | change)
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"
        assert Incident.objects.count() == 1

    def test_at_another_address_is_another(self, client, incident):
        make_incident(actor=incident.declared_by)
        body = {"reason": "false alarm"}
        post(client, f"{CASE}cancel/", body)
        answer = post(client, f"{ROOT}INC-2/cancel/", body)
        assert answer.json()["code"] == "idempotency_key_reused"

    def test_of_another_person_is_another(self, client, responder):
        post(client, ROOT, DECLARE)
        other = APIClient()
        other.force_authenticate(responder)
        answer = post(other, ROOT, DECLARE)
        assert answer.status_code == 201
        assert answer.json()["key"] == "INC-2"


class TestTheKey:
    @pytest.mark.parametrize(
        "key",
        [
            *("", " ", "a b", "a\tb", "a\x7f", "schlüssel", "🔑"),
            *("a" * 129, "a" * 10_000, "4539148803436467"),
        ],
    )
    def test_has_a_form(self, client, key):
        answer = post(client, ROOT, DECLARE, key=key.encode().decode("latin-1"))
        assert answer.status_code == 400
        assert answer.json()["code"] == "idempotency_key_invalid"
        assert not Incident.objects.exists()

    def test_is_read_of_a_post_only(self, client, incident):
        headers = {"Idempotency-Key": "k-1"}
        for title in ("A", "B"):
            answer = client.patch(CASE, {"title": title}, headers=headers)
            assert answer.json()["title"] == title

    def test_is_forgotten_after_a_day(self, client, clock):
        post(client, ROOT, DECLARE)
        clock.shift(dt.timedelta(hours=23, minutes=59))
        forget_answers()
        assert IdempotentRequest.objects.count() == 1
        clock.shift(dt.timedelta(minutes=2))
        forget_answers()
        forget_answers()
        assert not IdempotentRequest.objects.exists()

    def test_is_free_after_a_day_even_if_nobody_swept(self, client, clock):
        post(client, ROOT, DECLARE)
        clock.shift(dt.timedelta(hours=25))
        answer = post(client, ROOT, DECLARE | {"title": "Another"})
        assert answer.status_code == 201
        assert IdempotentRequest.objects.count() == 1


class TestACrash:
    def test_leaves_neither_effect_nor_answer(self, client, monkeypatch):
        """The effect is written, then the process breaks: both are undone, and the
        same key does it afterwards."""
        act = lifecycle.declare_incident

        def break_after(**fields):
            act(**fields)
            raise RuntimeError("the process broke")

        monkeypatch.setattr(lifecycle, "declare_incident", break_after)
        broken = post(client, ROOT, DECLARE)
        assert broken.status_code == 500
        assert not Incident.objects.exists()
        assert not IdempotentRequest.objects.exists()

        monkeypatch.undo()
        again = post(client, ROOT, DECLARE)
        assert (again.status_code, again.json()["key"]) == (201, "INC-1")

    def test_while_the_answer_is_kept_undoes_the_effect(self, client, monkeypatch):
        def broken(**fields):
            raise RuntimeError("no room")

        monkeypatch.setattr(services, "keep_answer", broken)
        assert post(client, ROOT, DECLARE).status_code == 500
        assert not Incident.objects.exists()

    def test_a_refusal_after_a_write_undoes_the_write(self, client, monkeypatch):
        def refuse(self, request):
            lifecycle.declare_incident(actor=self.actor, title="x", severity="SEV2")
            raise Http404

        monkeypatch.setattr(IncidentViewSet, "declare", refuse)
        assert post(client, ROOT, DECLARE).status_code == 404
        assert not Incident.objects.exists()
        assert IdempotentRequest.objects.get().status == 404


class TestAccess:
    def test_is_asked_again_before_an_old_answer_is_given(
        self, client, commander, incident
    ):
        body = {"question": "Which edge?"}
        assert post(client, f"{CASE}unknowns/", body).status_code == 201
        commander.groups.set([Group.objects.get(name="viewer")])
        del commander.roles
        again = post(client, f"{CASE}unknowns/", body)
        assert again.status_code == 403
        assert "Which edge" not in again.content.decode()

    def test_a_token_is_made_once_and_its_secret_is_never_kept(self, client):
        body = {"name": "exporter", "scopes": ["read"]}
        first = post(client, "/api/v1/tokens/", body)
        again = post(client, "/api/v1/tokens/", body)

        secret = first.json()["secret"]
        assert secret.startswith("pm_")
        assert again.json() == {**first.json(), "secret": None}
        assert ApiToken.objects.count() == 1
        kept = IdempotentRequest.objects.get()
        assert secret not in f"{kept.body} {kept.headers} {kept.digest}"


class TestIfMatch:
    """On every verb of a row: what was read must still hold."""

    def tag(self, client, path):
        return client.get(path)["ETag"]

    def test_a_verb_passes_on_what_is_stored(self, client, incident, commander):
        make_evidence(incident, actor=commander)
        tag = self.tag(client, f"{CASE}evidence/1/")
        answer = client.post(
            f"{CASE}evidence/1/retract/", {"reason": "x"}, headers={"If-Match": tag}
        )
        assert answer.status_code == 200
        assert answer["ETag"].startswith('"2-')

    @pytest.mark.parametrize(
        "tag",
        [
            *('"1-abc"', '"7"', '"nonsense"', '""', 'W/"0"'),
            *("", ",", '"', "W/", '"2"x', '"-2"', '"2.0"', "\xb2", "9" * 9000),
        ],
    )
    def test_a_stale_verb_does_nothing_and_shows_what_is_stored(
        self, client, incident, commander, tag
    ):
        make_evidence(incident, actor=commander)
        client.patch(f"{CASE}evidence/1/", {"title": "Renamed"})
        answer = client.post(
            f"{CASE}evidence/1/retract/", {"reason": "x"}, headers={"If-Match": tag}
        )
        assert answer.status_code == 409
        assert answer.json()["code"] == "stale_version"
        assert answer.json()["current"]["title"] == "Renamed"
        assert Evidence.objects.get().retracted_at is None

    @pytest.mark.parametrize("tag", ["*", '"9", "1-whatever"', 'W/"1-a"'])
    def test_any_of_several_will_do(self, client, incident, tag):
        answer = client.post(
            f"{CASE}cancel/", {"reason": "drill"}, headers={"If-Match": tag}
        )
        assert answer.status_code == 200

    def test_of_the_incident_is_its_own_version(self, client, incident):
        answer = client.post(
            f"{CASE}cancel/", {"reason": "drill"}, headers={"If-Match": '"8"'}
        )
        assert answer.status_code == 409
        assert answer.json()["current"]["status"] == "active"

    def test_where_nothing_can_match_is_refused_and_not_ignored(self, client):
        answer = client.post(ROOT, DECLARE, headers={"If-Match": '"1"'})
        assert answer.status_code == 400
        assert answer.json()["code"] == "nothing_to_match"
        assert not Incident.objects.exists()


class TestETag:
    def test_moves_when_something_joined_to_the_row_moves(
        self, client, incident, commander
    ):
        made = client.post(
            f"{CASE}scope/", {"audience": "internal", "consequence": "Refused"}
        )
        make_evidence(incident, actor=commander)
        before = client.get(made["Location"])
        client.patch(made["Location"], {"evidence": ["EV-1"]})
        after = client.get(made["Location"])
        assert before.json()["is_provisional"] != after.json()["is_provisional"]
        assert before["ETag"] != after["ETag"]

    @pytest.mark.parametrize("path", [CASE, ROOT, f"{CASE}lanes/", f"{CASE}findings/"])
    def test_spares_the_body_of_what_one_has(self, client, incident, path):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": f'"x", {first["ETag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == first["ETag"]
        other = client.get(path, headers={"If-None-Match": '"x"'})
        assert other.status_code == 200

    def test_of_what_changed_brings_the_body(self, client, incident):
        tag = client.get(CASE)["ETag"]
        client.patch(CASE, {"title": "Another"})
        again = client.get(CASE, headers={"If-None-Match": tag})
        assert (again.status_code, again.json()["title"]) == (200, "Another")
