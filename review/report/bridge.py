"""The money bridge: which of the stated amounts add up to another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations

from incidents.models import ImpactFigure

MOST_PARTS = 5  # parts of one total that are looked for
MOST_AMOUNTS = 12  # beyond this, sums that fit by chance would be found


def bridged(figures: Sequence[ImpactFigure]) -> list[tuple[ImpactFigure, str]]:
    """The figures with an amount and the sign of each: '+' for the parts of a total,
    '=' for the total behind them, '' for what stands alone, in the order of the record.

    A total is the largest amount of a currency that others of it, all of one basis,
    give to the cent; nothing is worked out that the record does not state.
    """
    rows = [figure for figure in figures if figure.amount is not None]
    told = [
        (row, "+" if row is not parts[-1] else "=")
        for parts in _sums(rows)
        for row in parts
    ]
    summed = {row.pk for row, _ in told}
    return told + [(row, "") for row in rows if row.pk not in summed]


def _sums(rows: Sequence[ImpactFigure]) -> Iterator[list[ImpactFigure]]:
    """For each currency at most one total, behind its parts."""
    for currency in dict.fromkeys(row.currency for row in rows):
        same = [row for row in rows if row.currency == currency and row.amount]
        if len(same) > MOST_AMOUNTS:
            continue
        found = _parts(same)
        if found:
            yield found


def _parts(rows: Sequence[ImpactFigure]) -> list[ImpactFigure]:
    for total in sorted(rows, key=_amount, reverse=True):
        others = [row for row in rows if row is not total and row.basis == total.basis]
        for number in range(2, min(len(others), MOST_PARTS) + 1):
            for parts in combinations(others, number):
                if sum(map(_amount, parts)) == _amount(total):
                    return [*parts, total]
    return []


def _amount(row: ImpactFigure) -> Decimal:
    return Decimal(row.amount or 0)
