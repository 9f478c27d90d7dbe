"""What the one-pager says: plain dataclasses in the fixed order of its blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Ref:
    """An artifact named beside a claim: where it opens, and whether it is original."""

    ref: str
    url: str
    is_original: bool = True


@dataclass(frozen=True)
class Line:
    """A sentence with its evidence; `more` counts refs that are not printed. short:
    set on what is never cut, waivers and dependencies that are still degraded; it
    stands for the sentence when there are too many of them."""

    label: str
    text: str
    refs: tuple[Ref, ...] = ()
    more: int = 0
    is_provisional: bool = False
    short: str = ""


@dataclass(frozen=True)
class Amount:
    """One row of the money bridge. sign: '+' and '=' where amounts add up to another,
    to the cent, which the label begins with; '' where one stands alone."""

    label: str
    amount: str
    refs: tuple[Ref, ...] = ()
    is_estimate: bool = False
    sign: str = ""


@dataclass(frozen=True)
class Indicator:
    """One of the four named indicators (R-OP-03), with what proves its value and its
    first line. state: ok, bad or none."""

    name: str
    value: str
    lines: tuple[str, ...] = ()
    refs: tuple[Ref, ...] = ()
    line_refs: tuple[Ref, ...] = ()
    state: str = "none"
    is_recorded: bool = True


@dataclass(frozen=True)
class ActionLine:
    """One action with its closure test and what proves it."""

    ref: str
    title: str
    owner: str
    due: str
    test: str
    state: str
    state_label: str
    refs: tuple[Ref, ...] = ()
    is_mandatory: bool = True


@dataclass(frozen=True)
class ApprovalLine:
    """One seat: who approved which version when, or that nobody has."""

    label: str
    detail: str
    is_approved: bool


@dataclass(frozen=True)
class IndexLine:
    """One artifact of the index, with where it lives."""

    ref: Ref
    title: str
    place: str
    cited: int = 0
    is_original: bool = True


@dataclass(frozen=True)
class Report:
    """Everything that the page prints, in the fixed order of its blocks. flags: the ids
    of the findings that block. where: the page of the record that a block is of."""

    key: str
    title: str
    severity: str
    status: str
    is_sealed: bool
    stamp: str
    stamp_lines: tuple[str, ...]
    clock: str
    zone: str
    commander: str
    lanes: str
    summary: str
    impact: tuple[Line, ...]
    money: tuple[Amount, ...]
    currency: str
    indicators: tuple[Indicator, ...]
    recovery: tuple[Line, ...]
    strip: str
    trigger: tuple[Line, ...]
    primary: tuple[Line, ...]
    contributing: tuple[Line, ...]
    mandatory: tuple[ActionLine, ...]
    scheduled: tuple[ActionLine, ...]
    approvals: tuple[ApprovalLine, ...]
    risks: tuple[Line, ...]
    controls: tuple[Ref, ...]
    index: tuple[IndexLine, ...]
    evidence_total: int
    content_hash: str
    sealed_hash: str
    url: str
    as_of: datetime
    flags: tuple[str, ...] = ()
    where: Mapping[str, Ref] = field(default_factory=dict)
    is_drill: bool = False
    version: str = ""

    @property
    def bridge(self) -> str:
        """How the amounts belong together, in words."""
        if any(item.sign for item in self.money):
            return "+ adds up to ="
        return "each stands alone" if len(self.money) > 1 else ""

    @property
    def hash_groups(self) -> str:
        text = self.sealed_hash or self.content_hash
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def sentence(text: str) -> str:
    """The text with one mark at its end."""
    text = text.strip()
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."
