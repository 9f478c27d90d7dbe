"""Words that went and came."""

from __future__ import annotations

import time

import pytest

from postmortem.lib.compare import pieces, words_come, words_gone


class TestPieces:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("", ""),
            ("One two three", "One three"),
            ("a  b\nc", "a b\n\nc d"),
            ("Rate down", "Something else"),
            ("مرحبا بالعالم", "مرحبا يا عالم"),
        ],
    )
    def test_hold_both_texts_whole(self, old: str, new: str):
        found = pieces(old, new)

        assert "".join(p.text for p in found if p.kind != "new") == old
        assert "".join(p.text for p in found if p.kind != "old") == new

    def test_come_in_time_for_the_longest_texts(self):
        old = "word " * 2_000
        new = "word other " * 900

        start = time.process_time()
        pieces(old, new)

        assert time.process_time() - start < 2


class TestWords:
    def test_mark_what_went_and_what_came(self):
        old, new = "Rate down to 61 %", "Rate down to 64 %"

        assert words_gone(old, new) == "Rate down to <del>61</del> %"
        assert words_come(new, old) == "Rate down to <ins>64</ins> %"

    def test_mark_nothing_when_everything_changed(self):
        assert words_come("All new", "Before that") == "All new"

    def test_escape_what_people_wrote(self):
        assert "<script>" not in words_come("a <script>b", "a")
        assert "<script>" not in words_come("<script>b", "a")
