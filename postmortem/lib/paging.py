"""Pages of a list that is not counted for its pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.paginator import Page, Paginator

# What stands behind this page is found by narrowing the list, not by turning pages.
LAST = 100_000


class ListPage(Page):  # type: ignore[type-arg]
    """One page; `more`: whether another one follows."""

    def __init__(self, rows: list[Any], number: int, paginator: Any, more: bool):
        super().__init__(rows, number, paginator)
        self.more = more

    def has_next(self) -> bool:
        return self.more

    def next_page_number(self) -> int:
        return self.number + 1

    def previous_page_number(self) -> int:
        return self.number - 1

    def start_index(self) -> int:
        before = (self.number - 1) * self.paginator.per_page
        return before + 1 if self.object_list else 0

    def end_index(self) -> int:
        return (self.number - 1) * self.paginator.per_page + len(self.object_list)


class ListPaginator(Paginator):  # type: ignore[type-arg]
    """Reads a page with one row more, which tells whether another page follows: that
    costs the same however long the list is.

    known: how many rows there are, where that is known anyway; `count` says it. Without
    it `count` is None until the last page is shown. read: makes lines of some rows.
    """

    def __init__(
        self,
        rows: Any,
        per_page: int,
        *,
        known: int | None = None,
        read: Callable[[Any], list[Any]] = list,
    ) -> None:
        super().__init__(rows, per_page)
        self.count: int | None = known  # type: ignore[assignment]
        self._read = read

    def get_page(self, number: Any) -> ListPage:
        """The page of this number; the first one for what is none."""
        try:
            wanted = min(max(int(number), 1), LAST)
        except (TypeError, ValueError):
            wanted = 1
        start = (wanted - 1) * self.per_page
        found = self._read(self.object_list[start : start + self.per_page + 1])
        if wanted > 1 and not found:
            return self.get_page(1)
        more = len(found) > self.per_page
        page = ListPage(found[: self.per_page], wanted, self, more)
        if self.count is None and not more:
            self.count = page.end_index()
        return page
