"""Every text that a person can write goes through one rule: no card numbers, no live
secrets (docs/security.md)."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import models

from postmortem.lib import sensitive
from postmortem.lib.fields import LineField, ProseField

OURS = {"accounts", "incidents", "timeline", "rca", "actions", "review"}
# What holds no words of a person, or is held to the rule elsewhere, and where.
NO_WORDS = {
    "hashes and digests": {
        "activity_head", "approved_digest", "content_hash", "digest", "fingerprint",
        "finding_key", "hash", "head", "label_digest", "build_key", "previous_hash",
        "public_key", "sha256", "signature", "token_hash",
    },
    "given by the product": {
        "check_id", "dedupe_key", "level", "Notification.kind", "Notification.url",
        "path", "place", "prefix", "subject_ref", "Team.slug", "verb",
    },
    "refused where it comes in": {"IdempotentRequest.key", "SentLine.key"},
    "masked before it is kept: accounts.services.once": {"IdempotentRequest.body"},
    "a link: `clean` of its model": {"Evidence.url", "ActionItem.tracker_url"},
    "of another shape": {"currency", "User.email", "User.password"},
    "also the name of the lane, which is held to it": {"Lane.slug"},
}  # fmt: skip


def texts() -> Iterator[tuple[str, models.Field]]:  # type: ignore[type-arg]
    for model in apps.get_models():
        name = model.__name__
        if model._meta.app_label in OURS and not name.startswith("Historical"):
            for field in model._meta.concrete_fields:
                is_text = isinstance(field, models.CharField | models.TextField)
                if is_text and not field.choices:
                    yield f"{name}.{field.name}", field


def test_every_text_field_refuses_card_numbers_and_secrets() -> None:
    excused = {name for names in NO_WORDS.values() for name in names}
    loose = [
        name
        for name, field in texts()
        if not isinstance(field, LineField | ProseField)
        and not {name, field.name} & excused
        and not any(_refuses(check) for check in field.validators)
    ]
    assert loose == []


def test_no_house_field_has_lost_the_rule() -> None:
    for name, field in texts():
        if isinstance(field, LineField | ProseField):
            assert sensitive.refuse in field.validators, name


def _refuses(check: object) -> bool:
    try:
        check("4539148803436467")  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - a validator of any kind
        return getattr(error, "code", "") == "card_number"
    return False
