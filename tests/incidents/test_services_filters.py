"""Filters that a person saves above the list: theirs, named once, twelve at most."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from incidents.models import SavedFilter
from incidents.services.filters import delete_filter, rename_filter, save_filter

QUERY = "view=open&severity=SEV1&lane=payouts"


def names(user: User) -> list[str]:
    return list(user.saved_filters.values_list("name", flat=True))


class TestSaveFilter:
    def test_keeps_the_question_in_one_spelling(self, commander: User) -> None:
        row = save_filter(
            actor=commander,
            name="  Payouts  ",
            query="lane=payouts&severity=SEV1&page=3&severity=SEV1",
        )

        assert (row.owner, row.name, row.query) == (commander, "Payouts", QUERY)

    @pytest.mark.parametrize("name", ["Payouts", "PAYOUTS"])
    def test_refuses_a_name_that_this_person_has(
        self, commander: User, responder: User, name: str
    ) -> None:
        save_filter(actor=commander, name="Payouts", query=QUERY)
        save_filter(actor=responder, name=name, query=QUERY)

        with pytest.raises(ValidationError, match="filter of this name already"):
            save_filter(actor=commander, name=name, query="view=all")
        assert names(commander) == ["Payouts"]

    def test_refuses_a_thirteenth(self, commander: User, responder: User) -> None:
        for number in range(12):
            save_filter(actor=commander, name=f"Filter {number:02}", query=QUERY)

        with pytest.raises(ValidationError, match="Delete one first") as refused:
            save_filter(actor=commander, name="One more", query=QUERY)

        assert refused.value.error_list[0].code == "too_many"
        assert len(names(commander)) == SavedFilter.MOST == 12
        assert save_filter(actor=responder, name="One more", query=QUERY).pk

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("severity=SEV9", "severity “SEV9”"),
            ("status=gone&view=mine", "view “mine”, status “gone”"),
        ],
    )
    def test_refuses_what_does_not_exist(
        self, commander: User, query: str, words: str
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            save_filter(actor=commander, name="Odd", query=query)

        assert refused.value.message_dict == {
            "query": [f"This asks for what does not exist: {words}."]
        }

    @pytest.mark.parametrize(
        ("name", "query", "field"),
        [
            ("", QUERY, "name"),
            ("n" * 41, QUERY, "name"),
            ("4539 1488 0343 6467", QUERY, "name"),
            ("Card", "q=4539+1488+0343+6467", "query"),
        ],
    )
    def test_refuses_no_name_a_long_one_and_a_card_number(
        self, commander: User, name: str, query: str, field: str
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            save_filter(actor=commander, name=name, query=query)

        assert list(refused.value.error_dict) == [field]
        assert names(commander) == []


class TestRenameFilter:
    def test_changes_the_name_alone(self, commander: User) -> None:
        row = save_filter(actor=commander, name="Payouts", query=QUERY)

        rename_filter(actor=commander, pk=row.pk, name="payouts, SEV1")

        row.refresh_from_db()
        assert (row.name, row.query) == ("payouts, SEV1", QUERY)

    def test_knows_no_filter_of_somebody_else(
        self, commander: User, responder: User
    ) -> None:
        row = save_filter(actor=commander, name="Payouts", query=QUERY)

        with pytest.raises(SavedFilter.DoesNotExist):
            rename_filter(actor=responder, pk=row.pk, name="Mine now")
        with pytest.raises(SavedFilter.DoesNotExist):
            delete_filter(actor=responder, pk=row.pk)
        assert names(commander) == ["Payouts"]


class TestDeleteFilter:
    def test_makes_room_for_another(self, commander: User) -> None:
        rows = [
            save_filter(actor=commander, name=f"Filter {number}", query=QUERY)
            for number in range(12)
        ]

        delete_filter(actor=commander, pk=rows[3].pk)

        assert "Filter 3" not in names(commander)
        assert save_filter(actor=commander, name="Filter 3", query=QUERY).pk
