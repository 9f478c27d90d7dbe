"""A card number or a live key is refused on every way in: pages, API, case files. The
message is masked, and the full thing stands in no table and in no log line."""

from __future__ import annotations

import json
import logging
import uuid

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.test import Client
from rest_framework.test import APIClient

from incidents.models import Incident
from incidents.services.cases import export_case, import_case, read_case
from tests.conftest import NOW
from tests.factories import make_evidence
from timeline.services import add_entry

CARD = "4539148803436467"
MASKED = "453914******6467"
KEY = "sk_" + "live_" + "a" * 24


def stored_texts() -> list[str]:
    """Every text of every table."""
    return [
        str(value)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField | models.JSONField)
        for value in model._base_manager.values_list(field.attname, flat=True)
    ]


def assert_nowhere(caplog: pytest.LogCaptureFixture, *secrets: str) -> None:
    for secret in secrets:
        assert not [text for text in stored_texts() if secret in text]
        assert secret not in caplog.text


class TestPages:
    def test_refuse_it_in_the_field_and_keep_what_was_typed(
        self, client: Client, commander, incident: Incident, caplog
    ) -> None:
        caplog.set_level(logging.DEBUG)
        client.force_login(commander)
        typed = (
            f"Payer reads {CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]} to support"
        )

        page = client.post(
            f"/incidents/{incident.key}/unknowns/add/",
            {"question": typed, "why_it_matters": "x", "missing_check": KEY},
        )

        assert page.status_code == 422
        body = page.content.decode()
        assert f"{MASKED} looks like a full Visa card number" in body
        assert "sk_l… looks like a live secret (Stripe live key)" in body
        assert typed in body, "what was typed is lost"
        assert_nowhere(caplog, CARD, KEY)


class TestApi:
    @pytest.mark.parametrize(("text", "code"), [(CARD, "card_number"), (KEY, "secret")])
    def test_names_the_field(
        self, commander, incident: Incident, caplog, text: str, code: str
    ) -> None:
        caplog.set_level(logging.DEBUG)
        client = APIClient()
        client.force_authenticate(commander)

        answer = client.post(
            f"/api/v1/incidents/{incident.key}/scope/",
            {"audience": "experienced", "consequence": f"Payers see {text}"},
            format="json",
        )

        assert answer.status_code == 422
        (fault,) = answer.json()["errors"]
        assert (fault["field"], fault["code"]) == ("consequence", code)
        assert text not in json.dumps(answer.json())
        assert_nowhere(caplog, text)

    @pytest.mark.parametrize("text", [CARD, KEY])
    def test_quotes_it_masked_where_no_text_is_taken(
        self, commander, incident: Incident, caplog, text: str
    ) -> None:
        caplog.set_level(logging.DEBUG)
        client = APIClient()
        client.force_authenticate(commander)

        answer = client.post(
            f"/api/v1/incidents/{incident.key}/entries/",
            {"kind": text, "owner": text, "occurred_at": text, "evidence": [text]},
            format="json",
            headers={"Idempotency-Key": "once"},
        )

        assert answer.status_code == 422
        assert [row["field"] for row in answer.json()["errors"]] == [
            "kind",
            "occurred_at",
            "owner",
            "evidence.0",
        ]
        assert text not in answer.content.decode()
        assert_nowhere(caplog, text)

    @pytest.mark.parametrize(
        ("verb", "fields"),
        [
            ("severity/", {"severity": "SEV1"}),
            ("entries/1/unlink/", {"evidence": "EV-1"}),
            ("entries/1/retract/", {}),
            ("evidence/1/retract/", {}),
            ("cancel/", {}),
            (
                "entries/state-gap/",
                {
                    "occurred_at": "2026-03-17T09:00Z",
                    "occurred_until": "2026-03-17T10:00Z",
                },
            ),
        ],
    )
    def test_refuses_it_in_every_reason(
        self, commander, incident: Incident, caplog, verb: str, fields: dict[str, str]
    ) -> None:
        """What the chain of the activity holds nobody can take out again."""
        caplog.set_level(logging.DEBUG)
        artifact = make_evidence(incident, actor=commander)
        add_entry(
            incident_id=incident.pk,
            actor=commander,
            kind="signal",
            observed_signal="Rate down",
            occurred_at=NOW,
            evidence=[artifact],
        )
        client = APIClient()
        client.force_authenticate(commander)

        answer = client.post(
            f"/api/v1/incidents/{incident.key}/{verb}",
            {**fields, "reason": f"The payer reads {CARD}"},
            format="json",
        )

        assert answer.status_code == 422
        faults = [(row["field"], row["code"]) for row in answer.json()["errors"]]
        assert faults == [("reason", "card_number")]
        assert_nowhere(caplog, CARD)


class TestCaseFile:
    def test_names_the_path_and_imports_nothing(
        self, commander, incident: Incident, caplog
    ) -> None:
        caplog.set_level(logging.DEBUG)
        case = export_case(incident)
        case["record"]["incident"]["summary"] = f"Refund to {CARD}"
        Incident.objects.filter(pk=incident.pk).update(uuid=uuid.uuid4())
        before = Incident.objects.count()

        with pytest.raises(ValidationError) as caught:
            import_case(actor=commander, case=read_case(json.dumps(case).encode()))

        words = str(caught.value)
        assert "summary" in words
        assert MASKED in words
        assert Incident.objects.count() == before
        assert_nowhere(caplog, CARD)
