"""What a person or a team sets for itself, sent twice at once."""

from __future__ import annotations

from functools import partial

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from incidents.models import PolicyChange, SavedFilter, SeverityPolicy
from incidents.services.filters import save_filter
from incidents.services.policies import change_policy
from postmortem.lib.errors import StaleVersion
from tests.concurrency.test_close_race import at_once, real_server  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def saved(actor: User, name: str) -> object:
    try:
        return save_filter(actor=actor, name=name, query="view=all")
    except ValidationError as error:
        return error


def changed(actor: User, version: int, minutes: int) -> object:
    try:
        return change_policy(
            actor=actor,
            severity="SEV2",
            version=version,
            gap_minutes=minutes,
            cadence_minutes=25,
            sustain_minutes=30,
            reason="Agreed in the review.",
        )
    except StaleVersion as error:
        return error


class TestTwoTabsOfOneBrowser:
    def test_save_no_thirteenth_filter(self, commander: User) -> None:
        for number in range(SavedFilter.MOST - 1):
            saved(commander, f"Filter {number}")
        for _ in range(5):
            results = at_once(
                partial(saved, commander, "One more"),
                partial(saved, commander, "And another"),
            )
            assert commander.saved_filters.count() == SavedFilter.MOST, results
            commander.saved_filters.exclude(name__startswith="Filter").delete()


class TestTwoAdministrators:
    def test_cannot_overwrite_a_threshold_unseen(self, administrator: User) -> None:
        for version in range(1, 6):
            results = at_once(
                partial(changed, administrator, version, 100 + version),
                partial(changed, administrator, version, 200 + version),
            )
            assert sum(isinstance(item, StaleVersion) for item in results) == 1
            assert SeverityPolicy.objects.get(pk="SEV2").version == version + 1
            assert PolicyChange.objects.count() == version
