"""Pages of a list that nobody counts."""

from __future__ import annotations

import pytest

from postmortem.lib.paging import ListPaginator

ROWS = list("abcdefg")


class TestListPaginator:
    @pytest.mark.parametrize(
        ("number", "shown", "more", "count"),
        [
            (1, "abc", True, None),
            ("2", "def", True, None),
            (3, "g", False, 7),
            (4, "abc", True, None),
            (0, "abc", True, None),
            (None, "abc", True, None),
            ("two", "abc", True, None),
            (10**30, "abc", True, None),
        ],
    )
    def test_says_how_many_there_are_on_the_last_page(
        self, number: object, shown: str, more: bool, count: int | None
    ) -> None:
        page = ListPaginator(ROWS, 3).get_page(number)

        assert ("".join(page), page.has_next()) == (shown, more)
        assert page.paginator.count == count
        assert page.end_index() - page.start_index() + 1 == len(shown)

    def test_says_what_is_known_anyway(self) -> None:
        page = ListPaginator(ROWS, 3, known=7).get_page(2)

        assert (page.paginator.count, page.start_index(), page.end_index()) == (7, 4, 6)
        assert (page.previous_page_number(), page.next_page_number()) == (1, 3)

    def test_reads_one_row_more_than_it_shows(self) -> None:
        seen: list[str] = []

        def read(rows: list[str]) -> list[str]:
            seen.extend(rows)
            return [row.upper() for row in rows]

        assert list(ListPaginator(ROWS, 3, read=read).get_page(1)) == ["A", "B", "C"]
        assert seen == ["a", "b", "c", "d"]

    def test_an_empty_list_has_one_page(self) -> None:
        page = ListPaginator([], 3).get_page(5)

        assert (page.start_index(), page.end_index(), page.has_other_pages()) == (
            0,
            0,
            False,
        )
        assert page.paginator.count == 0
