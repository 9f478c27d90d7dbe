"""Lists and beginnings of texts."""

from __future__ import annotations

import pytest

from postmortem.lib.words import listed, shortened


class TestListed:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ([], ""),
            (["a"], "a"),
            (["a", "b"], "a and b"),
            (["a", "b", "c"], "a, b and c"),
            (["a", "b", "c", "d"], "a, b and 2 more"),
        ],
    )
    def test_ends_in_and_or_in_how_many_more(
        self, words: list[str], expected: str
    ) -> None:
        assert listed(words, most=2 if len(words) == 4 else 0) == expected

    def test_takes_another_last_word(self) -> None:
        assert listed(["a", "b", "c"], "or") == "a, b or c"


class TestShortened:
    def test_leaves_a_text_that_fits_in_one_line(self) -> None:
        assert shortened("One\n  line", 8) == "One line"

    def test_cuts_to_the_limit_with_an_ellipsis(self) -> None:
        assert shortened("One line more", 8) == "One lin…"
