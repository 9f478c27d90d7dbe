"""Cutting the one-pager to a page by rule, and counting what was left out.

Given up in this order: evidence that nothing here cites, second lines of actions,
scheduled actions, later lines of statements, contributing causes, open unknowns,
amounts, mandatory actions, evidence that is cited least. What the last step gave up too
much comes back. Never: the flags that block, approvals, the hash, dependencies that are
still degraded, waivers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from review.report.content import (
    NOT_RECORDED,
    ActionLine,
    Amount,
    IndexLine,
    Indicator,
    Line,
    Ref,
    Report,
)
from review.report.measuring import BOLD, MONO, Column, printable, width

COLUMNS = 3  # of the evidence index


@dataclass(frozen=True)
class Limits:
    """How much of each block is printed: rows, and the lines of one statement."""

    evidence: int
    scheduled: int
    mandatory: int
    contributing: int
    proximate: int
    risks: int
    money: int
    impact: int
    summary_lines: int
    impact_lines: int
    cause_lines: int
    action_lines: int
    risk_lines: int


@dataclass(frozen=True)
class Page:
    """A report cut to limits, with what was left out of each block. also: what is never
    cut and has no line of its own any more."""

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
    also: tuple[str, ...]
    index: tuple[IndexLine, ...]

    legend = (
        "0 impact, 1 alert, 2 declared, 3 mitigated, 4 customers, 5 ledger; "
        "hatched: no record"
    )

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """Where a value leaves no room for its refs, they stand on the line below it,
        in place of those of that line."""
        return tuple(
            item
            if width(item.value, 10.6, BOLD) + refs_width(item.refs) <= INDICATOR
            else replace(item, refs=(), line_refs=item.refs)
            for item in self.report.indicators
        )

    @property
    def recovery(self) -> tuple[Line, ...]:
        """How long customers and ledger took; the clock tells when all was stable."""
        parts = self.report.recovery
        if all(part.text.endswith(NOT_RECORDED) for part in parts):
            return (Line("", NOT_RECORDED),)
        return parts

    @property
    def has_legend_below(self) -> bool:
        """Whether the legend of the strip finds no room beside its heading."""
        words = ", ".join(part.text for part in self.recovery)
        heading = width(f"Recovery from first impact: {words} ", 7.5)
        heading += sum(map(_tail, self.recovery))
        return heading + 6 + width(self.legend, 7) > 188.8 * MM

    @property
    def more(self) -> dict[str, int]:
        """How many rows of each block the record has and the page has not."""
        names = [
            "impact",
            "money",
            "trigger",
            "primary",
            "contributing",
            "mandatory",
            "scheduled",
        ]
        found = {
            name: len(getattr(self.report, name)) - len(getattr(self, name))
            for name in names
        }
        found["risks"] = len(self.report.risks) - len(self.risks) - len(self.also)
        found["index"] = self.report.evidence_total - len(self.index)
        return found

    @property
    def index_columns(self) -> list[tuple[IndexLine, ...]]:
        """The index in three columns, read downwards."""
        rows = -(-len(self.index) // COLUMNS)
        return [
            self.index[at : at + rows] for at in range(0, len(self.index), rows or 1)
        ]


# The columns that text runs in, as `report.css` sets them, in points.
MM = 72 / 25.4
STAMP = Column(38 * MM, 7.3)
TITLE = Column(143 * MM, 12.8, BOLD)
LANES = Column(64 * MM, 7.3, BOLD)
COMMANDER = Column(32 * MM, 7.3, BOLD)
FLAGS = Column(188 * MM, 7.3)
SUMMARY = Column(188 * MM, 7.9)
IMPACT = Column(89 * MM, 7.3)  # of 91.5: its figures are bold
AMOUNT = Column(53 * MM, 7.3)
TOTAL = Column(53 * MM, 7.3, BOLD)
PROXIMATE = Column(43 * MM, 7.3)
CONTRIBUTING = Column(91 * MM, 7.3)
CHANGE = Column(60 * MM, 7.3)
OWNER = Column(33.5 * MM, 7.3)
TEST = Column(40 * MM, 7.3)
SEAT = Column(62 * MM, 7.3, BOLD)
DETAIL = Column(62 * MM, 7.3)
RISK = Column(100 * MM, 7.3)
ALSO = Column(116 * MM, 7.3)
INDICATOR = 42 * MM  # the room of one value
ARTIFACT = Column(33.5 * MM, 6.5)
PLACE = 14  # letters of where an artifact lives


def refs_width(refs: tuple[Ref, ...], more: int = 0, flag: str = "") -> float:
    """The room of the refs behind a statement."""
    room = sum(width(ref.ref, 6.8, MONO) + 12 for ref in refs)
    room += width(f" +{more}", 7.3) + 2 if more else 0
    return room + (width(f" {flag}", 7.3, BOLD) + 3 if flag else 0)


def _tail(line: Line) -> float:
    return refs_width(
        line.refs, line.more, "provisional" if line.is_provisional else ""
    )


def drawable(report: Report) -> Report:
    """The report in letters that our fonts have."""
    changed: Report = _drawable(report)
    return changed


VERBATIM = {"url", "strip", "content_hash", "sealed_hash"}


def _drawable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple):
        return tuple(_drawable(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            field.name: new
            for field in fields(value)
            if field.name not in VERBATIM
            and (new := _drawable(old := getattr(value, field.name))) is not old
        }
        return replace(value, **changed) if changed else value
    return value


def cut(report: Report, limits: Limits) -> Page:
    """The page within its limits, of a report that is `drawable`."""
    risks, also = _risks(report.risks, limits)
    contributing = _lines(
        tuple(replace(c, text=f"– {c.text}") for c in report.contributing),
        limits.contributing,
        CONTRIBUTING,
        max(limits.cause_lines - 1, 1),
    )
    beside = sum(CONTRIBUTING.lines(c.text, _tail(c)) for c in contributing)
    proximate = max(limits.cause_lines, beside // max(limits.proximate, 1))
    kept = sorted(
        report.index[: limits.evidence], key=lambda i: int(i.ref.ref.split("-")[1])
    )
    return Page(
        report=replace(
            report,
            title=TITLE.fit(report.title, 2),
            lanes=LANES.fit(report.lanes, 2),
            commander=COMMANDER.fit(report.commander, 1),
        ),
        limits=limits,
        summary=SUMMARY.fit(report.summary, limits.summary_lines),
        impact=_lines(report.impact, limits.impact, IMPACT, limits.impact_lines),
        money=tuple(
            replace(item, label=_label(item).fit(item.label, 2, _amount_tail(item)))
            for item in report.money[: limits.money]
        ),
        trigger=_lines(report.trigger, limits.proximate, PROXIMATE, proximate),
        primary=_lines(report.primary, limits.proximate, PROXIMATE, proximate),
        contributing=contributing,
        mandatory=_actions(report.mandatory, limits.mandatory, limits.action_lines),
        scheduled=_actions(report.scheduled, limits.scheduled, limits.action_lines),
        risks=_lines(risks, len(risks), RISK, limits.risk_lines),
        also=also,
        index=tuple(
            replace(
                item,
                title=ARTIFACT.fit(item.title, 1, 0 if item.is_original else 20),
                place=_clipped(item.place),
            )
            for item in kept
        ),
    )


def _clipped(place: str) -> str:
    return place if len(place) <= PLACE else f"{place[: PLACE - 1]}…"


def _lines(
    items: tuple[Line, ...], number: int, column: Column, lines: int
) -> tuple[Line, ...]:
    return tuple(
        replace(item, text=column.fit(item.text, lines, _tail(item)))
        for item in items[:number]
    )


def _actions(
    items: tuple[ActionLine, ...], number: int, lines: int
) -> tuple[ActionLine, ...]:
    return tuple(
        replace(
            item,
            title=CHANGE.fit(item.title, lines),
            owner=OWNER.fit(item.owner, 1),
            test=TEST.fit(item.test, lines),
        )
        for item in items[:number]
    )


def _risks(
    items: tuple[Line, ...], limits: Limits
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The risks that are printed, in their order, and those that are only named."""
    kept = [item for item in items if item.short]
    alone = kept[: max(limits.risks, 1)]
    free = limits.risks - len(alone)
    shown = []
    for item in items:
        if not item.short and free > 0:
            free -= 1
            shown.append(item)
        elif item.short and any(item is one for one in alone):
            shown.append(item)
    return tuple(shown), tuple(item.short for item in kept[len(alone) :])


def _label(item: Amount) -> Column:
    return TOTAL if item.sign == "=" else AMOUNT


def _amount_tail(item: Amount) -> float:
    return refs_width(item.refs, flag="estimate" if item.is_estimate else "")


# -- how high a page will be, in points, as `report.css` sets it

ROOM = (297 - 7 - 6.5) * MM - 57  # without the margins and the foot
SECTION = 8.8 + 10  # rule, space and heading
TEXT, SMALL, INDEX = 9.6, 9.2, 7.9


def height(page: Page) -> float:
    """The height of everything above the foot."""
    report, more = page.report, page.more
    head = max(11 + 2.6 + 15 * TITLE.lines(report.title), 42)
    total = head + 4 + SMALL + SMALL * LANES.lines(report.lanes)
    if report.flags:
        total += 3 + TEXT * FLAGS.lines("Blocks closure: " + ", ".join(report.flags))
    total += 4.4 + 10.8 * SUMMARY.lines(page.summary or "-")
    impact = sum(
        4.3 + TEXT * IMPACT.lines(line.text, _tail(line)) for line in page.impact
    ) + _more(more["impact"])
    money = sum(
        4.3 + TEXT * _label(item).lines(item.label, _amount_tail(item))
        for item in page.money
    ) + _more(more["money"])
    total += SECTION + max(impact, money, TEXT)
    total += SECTION + 3 * SMALL + 13
    total += SECTION + (2 + 188.8 * MM * 104 / 720 if report.strip else 0)
    total += 10 if page.has_legend_below else 0
    total += SECTION + SMALL + 1 + _causes(page)
    total += _actions_height(page)
    total += SECTION + max(_approvals(report), _risks_height(page), TEXT)
    rows = -(-len(page.index) // COLUMNS)
    return total + SECTION + max(rows, 1) * INDEX + (INDEX if more["index"] else 0)


def _more(number: int) -> float:
    return 9.6 if number else 0


def _causes(page: Page) -> float:
    found = []
    for name, column, gap in (
        ("trigger", PROXIMATE, 1.0),
        ("primary", PROXIMATE, 1.0),
        ("contributing", CONTRIBUTING, 1.0),
    ):
        found.append(
            sum(
                gap + TEXT * column.lines(line.text, _tail(line))
                for line in getattr(page, name)
            )
            + _more(page.more[name])
        )
    return max(*found, TEXT)


def _actions_height(page: Page) -> float:
    total = SECTION
    for name in ("mandatory", "scheduled"):
        if not getattr(page.report, name):
            continue
        total += 13
        for item in getattr(page, name):
            lines = max(CHANGE.lines(item.title), TEST.lines(item.test), 1)
            total += 3.9 + TEXT * lines
    return total + (13 if page.report.mandatory or page.report.scheduled else TEXT)


def _approvals(report: Report) -> float:
    return sum(
        3.7 + SMALL * (SEAT.lines(line.label) + DETAIL.lines(line.detail))
        for line in report.approvals
    )


def _risks_height(page: Page) -> float:
    total = sum(3.7 + TEXT * RISK.lines(line.text, _tail(line)) for line in page.risks)
    if page.also:
        total += 3.7 + TEXT * ALSO.lines("Also: " + "; ".join(page.also))
    return total + _more(page.more["risks"])


# -- the order in which things are given up


def limit_steps(report: Report) -> list[Limits]:
    """From everything to the least that is still a one-pager."""
    full = Limits(
        evidence=min(len(report.index), 45),
        scheduled=len(report.scheduled),
        mandatory=len(report.mandatory),
        contributing=len(report.contributing),
        proximate=max(len(report.trigger), len(report.primary)),
        risks=len(report.risks),
        money=len(report.money),
        impact=len(report.impact),
        summary_lines=5,
        impact_lines=5,
        cause_lines=5,
        action_lines=2,
        risk_lines=3,
    )
    return list(_steps(full, sum(item.cited > 0 for item in report.index)))


STEPS = (
    ("evidence", 21, 3),
    ("risk_lines", 2, 1),
    ("evidence", 15, 3),
    ("impact_lines", 4, 1),
    ("action_lines", 1, 1),
    ("summary_lines", 3, 1),
    ("cause_lines", 4, 1),
    ("scheduled", 6, 2),
    ("evidence", 12, 3),
    ("scheduled", 4, 1),
    ("impact_lines", 3, 1),
    ("contributing", 4, 1),
    ("risks", 6, 1),
    ("scheduled", 3, 1),
    ("cause_lines", 3, 1),
    ("risk_lines", 1, 1),
    ("money", 6, 1),
    ("proximate", 2, 1),
    ("mandatory", 8, 1),
    ("risks", 4, 1),
    ("contributing", 3, 1),
    ("impact_lines", 2, 1),
    ("scheduled", 2, 1),
    ("summary_lines", 2, 1),
    ("mandatory", 5, 1),
    ("money", 4, 1),
    ("impact", 3, 1),
    ("proximate", 1, 1),
    ("cause_lines", 2, 1),
    ("evidence", 9, 3),
    ("mandatory", 3, 1),
    ("scheduled", 1, 1),
    ("contributing", 2, 1),
    ("risks", 2, 1),
    ("impact_lines", 1, 1),
    ("summary_lines", 1, 1),
    ("mandatory", 1, 1),
    ("scheduled", 0, 1),
    ("contributing", 1, 1),
    ("evidence", 6, 3),
    ("money", 2, 1),
    ("risks", 0, 1),
    ("evidence", 3, 3),
    ("cause_lines", 1, 1),
)


# Artifacts that stay in the index while texts can be shorter and actions fit.
MOST_CITED = 24


def _steps(full: Limits, cited: int) -> Iterator[Limits]:
    now = full
    yield now
    for name, least, step in STEPS:
        if name == "evidence" and least >= 12:
            least = max(least, min(cited, MOST_CITED))
        while getattr(now, name) > least:
            now = replace(now, **{name: max(least, getattr(now, name) - step)})
            yield now


def guess(report: Report, steps: list[Limits]) -> int:
    """The first step that should fit; the last one if none does."""
    low, high = 0, len(steps) - 1
    while low < high:  # everything before `low` is too much
        middle = (low + high) // 2
        if height(cut(report, steps[middle])) <= ROOM:
            high = middle
        else:
            low = middle + 1
    return low


def filled(report: Report, limits: Limits, full: Limits) -> Limits:
    """The limits with what the room that is left can take: one more of each in turn,
    what was given up last comes back first. full: when nothing is given up."""
    names = list(dict.fromkeys(name for name, _, _ in reversed(STEPS)))
    while names:
        for name in list(names):
            step = COLUMNS if name == "evidence" else 1
            most = getattr(full, name)
            larger = replace(limits, **{name: min(getattr(limits, name) + step, most)})
            if larger == limits or height(cut(report, larger)) > ROOM:
                names.remove(name)
            else:
                limits = larger
    return limits
