"""Actions with their tests, runs and artifacts, in one query for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import QuerySet

from actions.models import ActionItem, ClosureTest, TestRun, TestRunEvidence
from incidents.models import Evidence
from postmortem.lib.hanging import grouped, hold_each

_TABLES: dict[type[models.Model], str] = {
    ActionItem: "",
    ClosureTest: "closure_tests__",
    TestRun: "closure_tests__runs__",
    TestRunEvidence: "closure_tests__runs__evidence_links__",
    Evidence: "closure_tests__runs__evidence_links__evidence__",
}
# What decides whether an action is proven (`accepted_run`).
PROOF: dict[type[models.Model], set[str]] = {
    ClosureTest: {"action", "number", "due_at", "retracted_at"},
    TestRun: {"closure_test", "number", "ran_at", "outcome", "retracted_at"},
    TestRunEvidence: {"claim", "evidence", "retracted_at"},
    Evidence: {
        *("kind", "is_original", "url", "sha256", "retracted_at", "redacted_at"),
    },
}
# What else an approval covers, and who had a part (`facts_digest`, `conflicts`).
COVERED: dict[type[models.Model], set[str]] = {
    ClosureTest: PROOF[ClosureTest] | {"procedure", "pass_condition", "environment"},
    TestRun: PROOF[TestRun]
    | {"environment", "notes", "sandbox_limit", "tester", "recorded_by"},
    TestRunEvidence: PROOF[TestRunEvidence],
    Evidence: PROOF[Evidence] | {"number"},
}


def with_tests(
    rows: QuerySet[ActionItem],
    read: dict[type[models.Model], set[str]],
    *,
    also: Iterable[str] = (),
) -> list[tuple[ActionItem, list[ClosureTest]]]:
    """These actions, each with its closure tests by number, withdrawn ones too, and
    these with their runs and artifacts. Of each table only what `read` names, of the
    actions `also` what was annotated.

    A person may owe hundreds: query sets of each action and of each test, as
    `prefetch_related` makes them, took most of the time and of the memory.
    """
    names = {model: _columns(model, read.get(model, set())) for model in _TABLES}
    paths = [
        f"{path}{name}" for model, path in _TABLES.items() for name in names[model]
    ]
    found: dict[type[models.Model], dict[int, Any]] = {model: {} for model in _TABLES}
    in_order = rows.order_by(
        *("pk", "closure_tests__number", "closure_tests__runs__ran_at"),
        *("closure_tests__runs__number", "closure_tests__runs__evidence_links__pk"),
    )
    for values in in_order.values_list(*paths, *also):
        start = 0
        for model, columns in names.items():
            key, end = values[start], start + len(columns)
            if key is not None and key not in found[model]:
                row = model.from_db(rows.db, columns, values[start:end])
                found[model][key] = row
            start = end
        action = found[ActionItem][values[0]]
        for name, value in zip(also, values[start:], strict=True):
            setattr(action, name, value)
    return _hung(found)


def _columns(model: type[models.Model], read: set[str]) -> list[str]:
    """The primary key and these fields, in the order in which a model takes them."""
    return [
        field.attname
        for field in model._meta.concrete_fields
        if field.primary_key or field.name in read
    ]


def _hung(
    found: dict[type[models.Model], dict[int, Any]],
) -> list[tuple[ActionItem, list[ClosureTest]]]:
    """Each row at the one that it belongs to."""
    links = found[TestRunEvidence].values()
    for link in links:
        link.evidence = found[Evidence][link.evidence_id]
    runs, tests = found[TestRun].values(), found[ClosureTest].values()
    hold_each(runs, "evidence_links", grouped(links, "claim_id"))
    hold_each(tests, "runs", grouped(runs, "closure_test_id"))
    by_action = grouped(tests, "action_id")
    return [(row, by_action.get(pk, [])) for pk, row in found[ActionItem].items()]
