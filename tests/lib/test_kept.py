"""What a process remembers by the state of a record, and figures kept for seconds."""

from __future__ import annotations

from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.services.sign_in import SignInBackend
from incidents.selectors import top_counts
from postmortem.lib.kept import Kept
from tests.factories import make_incident


class TestKept:
    def test_works_an_answer_out_once_for_each_key(self) -> None:
        kept, answers = Kept(4), iter(range(9))
        keys = (("a", 1), ("a", 1), ("a", 2))
        assert [kept.get(key, lambda: next(answers)) for key in keys] == [0, 0, 1]

    def test_forgets_the_oldest_beyond_its_size(self) -> None:
        kept = Kept(2)
        for number in (1, 2, 3):
            kept.get((number,), lambda: "made")
        assert [kept.peek((number,)) for number in (1, 2, 3)] == [None, "made", "made"]

    def test_asks_for_all_that_is_missing_at_once(self) -> None:
        kept, asked = Kept(8), []

        def make(keys):
            asked.append(keys)
            return {key: key[0] * 10 for key in keys}

        assert kept.each([(1,), (2,)], make) == [10, 20]
        assert kept.each([(2,), (3,)], make) == [20, 30]
        assert asked == [[(1,), (2,)], [(3,)]]


class TestTopCounts:
    def test_is_kept_for_its_person_only(self, commander, outsider, settings) -> None:
        settings.FIGURES_SECONDS = 10
        cache.clear()
        make_incident(actor=commander)
        assert top_counts(commander)["active"] == 1
        make_incident(actor=commander)
        assert [top_counts(one)["active"] for one in (commander, outsider)] == [1, 0]
        cache.clear()
        assert top_counts(commander)["active"] == 2


class TestSignInBackend:
    def test_reads_a_person_with_the_roles_in_one_query(self, commander) -> None:
        with CaptureQueriesContext(connection) as asked:
            found = SignInBackend().get_user(commander.pk)
            assert found is not None
            assert found.roles == commander.roles == {"commander", "responder"}
        assert len(asked) <= 2  # the other is the roles of the fixture's own object

    def test_knows_nobody_who_was_switched_off(self, commander) -> None:
        commander.is_active = False
        commander.save()
        assert SignInBackend().get_user(commander.pk) is None
