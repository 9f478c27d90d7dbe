"""The language checks, measured on sentences that say what has to be marked."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from incidents import language
from incidents.language import Match
from tests.incidents.sentences import FIRES, NAMES, TRAPS

FINDERS: dict[str, Callable[[str], list[Match]]] = {
    "blame": lambda text: language.find_blame(text, names=NAMES),
    "vague": language.find_vague,
    "overclaim": language.find_overclaim,
    "hedge": language.find_hedge,
    "relapse": language.find_relapse,
    "partial": language.find_partial,
    "promise": language.find_promise,
    "reassurance": language.find_reassurance,
}


@pytest.mark.parametrize(
    ("finder", "sentence"),
    [(finder, text) for finder, texts in FIRES.items() for text in texts],
)
def test_marks_the_example(finder: str, sentence: str) -> None:
    """R-BL-03, R-AI-04, R-RC-09, R-HY-03, R-RV-07"""
    matches = FINDERS[finder](sentence)

    assert matches
    for match in matches:
        assert match.text
        assert sentence[match.start : match.end] == match.text
        assert match.rule.startswith(finder)
        assert match.reason.endswith(".")
        assert match.hint.endswith(".")


@pytest.mark.parametrize(
    ("finder", "sentence"),
    [(finder, text) for finder, texts in TRAPS.items() for text in texts],
)
def test_leaves_the_trap_alone(finder: str, sentence: str) -> None:
    assert FINDERS[finder](sentence) == []


def test_precision_and_recall_on_the_sentences() -> None:
    """Printed with `pytest -s`, so that a new pattern can be judged by figures."""
    total = 0
    for finder, find in FINDERS.items():
        true = sum(bool(find(text)) for text in FIRES[finder])
        false = sum(bool(find(text)) for text in TRAPS[finder])
        total += len(FIRES[finder]) + len(TRAPS[finder])
        precision = true / (true + false)
        recall = true / len(FIRES[finder])
        print(  # noqa: T201
            f"\n{finder}: precision {precision:.2f}, recall {recall:.2f} "
            f"({len(FIRES[finder])} to mark, {len(TRAPS[finder])} traps)",
            end="",
        )
        assert (precision, recall) == (1, 1)

    assert total >= 120


class TestFindBlame:
    def test_knows_the_people_of_the_incident(self) -> None:
        text = "Nadia deleted the topic."

        assert language.find_blame(text) == []
        assert [m.text for m in language.find_blame(text, names=["Nadia Roy"])] == [
            "Nadia deleted"
        ]

    def test_gives_places_in_the_text_as_it_was_written(self) -> None:
        text = "It stalled.\n\nThen  the on-call   engineer failed\n  to look. End."

        (match,) = language.find_blame(text)

        assert match.text == "failed\n  to"
        assert text[match.start : match.end] == match.text

    def test_reads_typographic_apostrophes(self) -> None:
        assert language.find_blame("Ravi didn’t check it.", names=["Ravi Sen"])

    def test_marks_overlapping_words_once(self) -> None:
        matches = language.find_blame("She clearly should have known.")

        assert [m.text for m in matches] == ["clearly should have"]

    def test_takes_an_unfinished_quotation_as_own_words(self) -> None:
        assert language.find_blame('He wrote "fine. It was human error.')

    @pytest.mark.parametrize("text", ["", " ", "\n\n", "...", "\x00", "‮", "🔥" * 50])
    def test_survives_text_without_words(self, text: str) -> None:
        assert language.find_blame(text, names=["", "  ", "("]) == []

    def test_takes_a_name_with_signs_literally(self) -> None:
        assert language.find_blame("A+ (x) broke it.", names=["A+ (x)"])


class TestOtherLanguages:
    @pytest.mark.parametrize(
        "text",
        [
            "Der Deploy wurde nicht geprüft und die Warnung ist nicht angekommen.",
            "Le consommateur a été arrêté par la mise à jour dans la nuit.",
            "El consumidor no fue probado con los eventos de la cola.",
            "оператор должен был проверить очередь",
            "オペレーターはキューを確認すべきだった",
        ],
    )
    def test_are_left_alone(self, text: str) -> None:
        assert language.find_blame(f"culprit {text}") == []

    @pytest.mark.parametrize(
        "text", ["", "The queue stalled.", "Lag 412/min", "La Poste payouts stalled."]
    )
    def test_english_beside_nothing_and_names_is_looked_at(self, text: str) -> None:
        assert language.find_blame(f"{text.rstrip('.')}: it was human error.")


class TestSpeed:
    @pytest.mark.parametrize(
        "text",
        [
            "The consumer rejected events; the team noticed it at 13:52. " * 160,
            "a" * 10_000,
            "the " * 2_500,
            '"' * 10_000,
            "'" * 10_000,
            "team " * 2_000,
            "on call " * 1_250,
            "had " * 2_500,
            "a-" * 5_000,
            "a." * 5_000,
            "a/" * 5_000,
            "improve " * 1_250,
        ],
    )
    def test_reads_the_longest_prose_in_time(self, text: str) -> None:
        """Ten thousand characters are the limit of a prose field."""
        start = time.perf_counter()
        for find in FINDERS.values():
            find(text)

        assert time.perf_counter() - start < 2
