"""Cutting the one-pager to a page by rule, and counting what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from review.report.content import ActionLine, Amount, IndexLine, Line, Report


@dataclass(frozen=True)
class Limits:
    """How much of each block is printed. text, title: characters of one statement and
    of one action; 46 characters of a title are one line."""

    evidence: int
    scheduled: int
    mandatory: int
    contributing: int
    proximate: int
    risks: int
    money: int
    impact: int
    text: int
    title: int
    summary: int


@dataclass(frozen=True)
class Page:
    """A report cut to limits, with what was left out of each block."""

    report: Report
    limits: Limits
    summary: str
    impact: tuple[Line, ...]
    money: tuple[Amount, ...]
    trigger: tuple[Line, ...]
    primary: tuple[Line, ...]
    contributing: tuple[Line, ...]
    mandatory: tuple[ActionLine, ...]
    scheduled: tuple[ActionLine, ...]
    risks: tuple[Line, ...]
    index: tuple[IndexLine, ...]

    def _more(self, name: str) -> int:
        return len(getattr(self.report, name)) - len(getattr(self, name))

    @property
    def more_impact(self) -> int:
        return self._more("impact")

    @property
    def more_money(self) -> int:
        return self._more("money")

    @property
    def more_trigger(self) -> int:
        return self._more("trigger")

    @property
    def more_primary(self) -> int:
        return self._more("primary")

    @property
    def more_contributing(self) -> int:
        return self._more("contributing")

    @property
    def more_mandatory(self) -> int:
        return self._more("mandatory")

    @property
    def more_scheduled(self) -> int:
        return self._more("scheduled")

    @property
    def more_risks(self) -> int:
        return self._more("risks")

    @property
    def more_index(self) -> int:
        return self.report.evidence_total - len(self.index)

    @property
    def index_columns(self) -> list[tuple[IndexLine, ...]]:
        """The index in three columns, read downwards."""
        rows = -(-len(self.index) // 3)
        return [
            self.index[at : at + rows] for at in range(0, len(self.index), rows or 1)
        ]


def clip(text: str, limit: int) -> str:
    """Text of at most `limit` characters, cut behind a word with an ellipsis."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1].rsplit(" ", 1)[0].rstrip(",;:. ")
    if len(cut) < limit // 2:
        cut = text[: limit - 1]
    return f"{cut}…"


def clip_hard(text: str, limit: int) -> str:
    """Text of at most `limit` characters, cut anywhere: for one narrow line."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def cut(report: Report, limits: Limits) -> Page:
    """The page within its limits. Evidence goes fewest-cited first."""

    def lines(
        items: tuple[Line, ...], number: int, length: int = limits.text * 2 // 3
    ) -> tuple[Line, ...]:
        return tuple(
            replace(item, text=clip(item.text, length)) for item in items[:number]
        )

    def actions(items: tuple[ActionLine, ...], number: int) -> tuple[ActionLine, ...]:
        return tuple(
            replace(
                item,
                title=clip(item.title, limits.title),
                owner=clip(item.owner, 26),
                test=clip(item.test, 60 if limits.title > 46 else 31),
            )
            for item in items[:number]
        )

    kept = sorted(
        report.index[: limits.evidence], key=lambda i: int(i.ref.ref.split("-")[1])
    )
    return Page(
        report=replace(
            report,
            title=clip(report.title, 130),
            lanes=clip(report.lanes, 90),
            commander=clip(report.commander, 30),
            recovery=report.recovery,
        ),
        limits=limits,
        summary=clip(report.summary, limits.summary),
        impact=lines(report.impact, limits.impact, limits.text),
        money=tuple(
            replace(item, label=clip(item.label, 42))
            for item in report.money[: limits.money]
        ),
        trigger=lines(report.trigger, limits.proximate),
        primary=lines(report.primary, limits.proximate),
        contributing=lines(report.contributing, limits.contributing),
        mandatory=actions(report.mandatory, limits.mandatory),
        scheduled=actions(report.scheduled, limits.scheduled),
        risks=lines(report.risks, limits.risks),
        index=tuple(
            replace(item, title=clip_hard(item.title, 27 if item.is_original else 19))
            for item in kept
        ),
    )


def limit_steps(report: Report) -> list[Limits]:
    """From everything to the least, in the order in which things are given up:
    evidence, scheduled actions, contributing causes, risks, figures, the length of the
    statements, and mandatory actions last."""
    full = Limits(
        evidence=min(len(report.index), 27),
        scheduled=len(report.scheduled),
        mandatory=len(report.mandatory),
        contributing=len(report.contributing),
        proximate=max(len(report.trigger), len(report.primary)),
        risks=len(report.risks),
        money=len(report.money),
        impact=len(report.impact),
        text=270,
        title=88,
        summary=420,
    )
    return list(_steps(full))


def _steps(full: Limits) -> Iterator[Limits]:
    now = full
    yield now
    for name, least, step in (
        ("evidence", 18, 3),
        ("title", 46, 46),
        ("scheduled", 5, 1),
        ("text", 210, 30),
        ("summary", 360, 60),
        ("evidence", 15, 3),
        ("scheduled", 3, 1),
        ("text", 150, 30),
        ("contributing", 4, 1),
        ("risks", 5, 1),
        ("summary", 240, 60),
        ("money", 6, 1),
        ("proximate", 2, 1),
        ("risks", 4, 1),
        ("text", 120, 30),
        ("mandatory", 8, 1),
        ("evidence", 12, 3),
        ("contributing", 3, 1),
        ("scheduled", 2, 1),
        ("risks", 3, 1),
        ("mandatory", 5, 1),
        ("impact", 3, 1),
        ("money", 4, 1),
        ("scheduled", 1, 1),
        ("evidence", 6, 3),
        ("text", 90, 30),
        ("proximate", 1, 1),
        ("mandatory", 3, 1),
        ("summary", 180, 60),
        ("evidence", 3, 3),
        ("contributing", 2, 1),
        ("scheduled", 0, 1),
        ("risks", 1, 1),
        ("money", 2, 1),
        ("mandatory", 1, 1),
        ("text", 60, 30),
    ):
        while getattr(now, name) > least:
            now = replace(now, **{name: max(least, getattr(now, name) - step)})
            yield now
