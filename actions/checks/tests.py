"""Checks of closure tests and their runs (R-CT)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from actions import selectors
from actions.checks.base import (
    TAB,
    State,
    day,
    joined,
    late,
    owner_label,
    page,
    stated,
)
from actions.models import ActionItem, ClosureTest, TestRun
from incidents import selectors as case_file
from incidents.models import Evidence, Lane
from postmortem.lib.findings import Case, Level, Problem, Row, check
from postmortem.lib.words import shortened
from timeline import selectors as timeline
from timeline.models import DependencyCheckpoint

_BOUNDARY = re.compile(
    r"\b(boundar|integration|provider|partner|gateway|processor|acquirer|upstream|"
    r"third.party|failover|fail.over|fault.inject|sandbox)",
    re.IGNORECASE,
)
_WEBHOOK = re.compile(r"\b(webhook|deliver|redeliver)", re.I)

# What an area's closure test has to leave behind (R-CT-02 to R-CT-04).
Kind = Evidence.Kind
AREA_PROOF: dict[str, tuple[frozenset[str], str]] = {
    ActionItem.Area.CONTINUITY: (
        frozenset({Kind.TEST_OUTPUT, Kind.LOG_QUERY, Kind.METRIC, Kind.TRACE}),
        "test output with its timestamps",
    ),
    ActionItem.Area.RISK_CONTROLS: (
        frozenset({Kind.CONTROL_LOG, Kind.SAMPLE}),
        "control logs or before/after samples",
    ),
    ActionItem.Area.SETTLEMENT: (
        frozenset({Kind.CONFIG_CHANGE, Kind.DEPLOY, Kind.RECONCILIATION}),
        "the config or change record",
    ),
}


def _due_now(case: Case) -> Iterator[tuple[ActionItem, ClosureTest]]:
    """Tests that have to be passed by now: of mandatory and of completed actions."""
    for action in stated(case):
        if action.is_mandatory or action.state == State.COMPLETED:
            for test in action.live_tests:
                yield action, test


@check(
    "CT001",
    "No accepted run",
    level=Level.ERROR,
    requirements=("R-CT-01", "R-CK-05", "R-AI-09", "R-AP-01"),
    tab=TAB,
    row=Row.CONTROLS,
)
def no_accepted_run(case: Case) -> Iterator[Problem]:
    """A control counts as working once its closure test has passed. A later failure
    takes that back. Never waivable."""
    for action, test in _due_now(case):
        if test.accepted_run or test.unproven_run:
            continue
        latest = test.latest_run
        if latest is None:
            message = f"Closure test {test.ref} has no run"
        elif latest.outcome == TestRun.Outcome.FAILED:
            message = (
                f"Closure test {test.ref} failed on "
                f"{day(latest.ran_at, case.incident)} ({latest.ref})"
            )
        else:
            message = f"Closure test {test.ref} has not passed ({latest.ref})"
        yield Problem(
            message,
            subject=action,
            hint="Record a run that passes, with its artifact.",
            fix_label="Add run",
            url=page("run_add", test),
            owner_label=owner_label(action),
            inputs=(test.ref, latest.ref if latest else None),
        )


@check(
    "CT002",
    "Run passed without an artifact",
    level=Level.ERROR,
    requirements=("R-CT-08", "R-CT-05", "R-AI-09", "R-EV-10"),
    tab=TAB,
    row=Row.CONTROLS,
    waivable=True,
)
def run_without_artifact(case: Case) -> Iterator[Problem]:
    """A run that only says 'passed' proves nothing to another reviewer. The item stays
    open; two people may accept the missing artifact, and it is then sealed as a stated
    gap."""
    for action, test in _due_now(case):
        run = test.unproven_run
        if run is None or run.rests_on_procedure_text:
            continue
        yield Problem(
            f"{run.ref} passed on {day(run.ran_at, case.incident)}, but its artifact "
            "is missing",
            subject=test,
            fix_label="Attach artifact",
            url=page("run_attach", run),
            owner_label=owner_label(action),
            inputs=selectors.missing_artifact_inputs(run),
        )


@check(
    "CT003",
    "Closure test is not exact",
    level=Level.WARNING,
    requirements=("R-CT-05", "R-CT-01"),
    tab=TAB,
    row=Row.CONTROLS,
)
def inexact_test(case: Case) -> Iterator[Problem]:
    """Without a pass condition two people judge the same run differently; without an
    environment nobody can repeat it."""
    for action in stated(case):
        for test in action.live_tests:
            lacks = [
                words
                for words, text in (
                    ("pass condition", test.pass_condition),
                    ("environment", test.environment),
                )
                if not text
            ]
            if lacks:
                yield Problem(
                    f"{test.ref} has no {' and no '.join(lacks)}",
                    subject=test,
                    fix_label="Complete test",
                    url=page("test_edit", test),
                    owner_label=owner_label(action),
                    inputs=tuple(lacks),
                )


@check(
    "CT004",
    "No closure test",
    level=Level.ERROR,
    requirements=("R-AI-01", "R-CK-04", "R-AP-01"),
    tab=TAB,
    row=Row.CONTROLS,
)
def no_closure_test(case: Case) -> Iterator[Problem]:
    """An action without a closure test is finished when somebody says so."""
    for action in stated(case):
        if not action.live_tests:
            yield Problem(
                "No closure test: nothing would prove that this works",
                subject=action,
                fix_label="Add test",
                url=page("test_add", action),
                owner_label=owner_label(action),
            )


@check(
    "CT005",
    "Procedure text as proof",
    level=Level.ERROR,
    requirements=("R-CT-05", "R-CK-05"),
    tab=TAB,
    row=Row.CONTROLS,
)
def procedure_as_proof(case: Case) -> Iterator[Problem]:
    """A runbook or a description of a control says what should happen. The result of
    the run is what happened."""
    for action, test in _due_now(case):
        run = test.unproven_run
        if run is not None and run.rests_on_procedure_text:
            refs = joined([item.ref for item in run.evidence])
            yield Problem(
                f"{run.ref} rests on procedure text only ({refs})",
                subject=test,
                hint="Attach the output of the run itself.",
                fix_label="Attach artifact",
                url=page("run_attach", run),
                owner_label=owner_label(action),
                inputs=(run.ref, refs),
            )


@check(
    "CT006",
    "No drill at the boundary",
    level=Level.WARNING,
    requirements=("R-CT-06",),
    tab=TAB,
    row=Row.CONTROLS,
)
def no_boundary_drill(case: Case) -> Iterator[Problem]:
    """Where a third party stood in the path, a test of the happy path inside one's own
    walls does not show what happens at the boundary. Where there is no test at all,
    CT004 says that."""
    rows = stated(case)
    tests = [
        f"{test.procedure} {test.pass_condition} {test.environment}"
        for action in rows
        for test in action.live_tests
    ]
    if not tests:
        return
    if any(_BOUNDARY.search(text) for text in tests):
        return
    for party in case.load(timeline.checkpoints):
        if party.state == DependencyCheckpoint.State.NOT_TOUCHED:
            continue
        if any(party.name.lower() in text.lower() for text in tests):
            continue
        yield Problem(
            f"{party.name} was in the path, but no closure test drills the boundary "
            "to it",
            subject=party,
            hint="Add a test that makes the interface fail, late or malformed answers "
            "included.",
            fix_label="Add test",
            url=page("test_add", rows[0]),
            inputs=(party.name,),
        )


@check(
    "CT007",
    "Sandbox limit without follow-up",
    level=Level.WARNING,
    requirements=("R-CT-07",),
    tab=TAB,
    row=Row.CONTROLS,
)
def sandbox_limit(case: Case) -> Iterator[Problem]:
    """What a sandbox cannot reproduce is a risk that remains. It needs a follow-up that
    stays open, or it is forgotten with the passed run."""
    for action in stated(case):
        for test in action.live_tests:
            for run in test.live_runs:
                unknown = run.known_unknown
                if run.sandbox_limit and (unknown is None or unknown.is_retracted):
                    limit = shortened(run.sandbox_limit).rstrip(".")
                    yield Problem(
                        f"{run.ref} could not reproduce: {limit}; no follow-up stays "
                        "open",
                        subject=run,
                        hint="Record it as a known unknown with owner and deadline.",
                        fix_label="Open action",
                        owner_label=owner_label(action),
                        inputs=(run.sandbox_limit,),
                    )


@check(
    "CT008",
    "Proof does not fit the area",
    level=Level.WARNING,
    requirements=("R-CT-02", "R-CT-03", "R-CT-04"),
    tab=TAB,
    row=Row.CONTROLS,
)
def proof_of_area(case: Case) -> Iterator[Problem]:
    """Continuity recovery, risk controls before money movement and the settlement path
    each leave their own kind of record; a screenshot of something else is weaker."""
    for action in stated(case):
        if action.area not in AREA_PROOF:
            continue
        kinds, words = AREA_PROOF[action.area]
        runs = [run for test in action.live_tests if (run := test.accepted_run)]
        if runs and not any(item.kind in kinds for run in runs for item in run.proof):
            yield Problem(
                f"{action.get_area_display()}: the runs lack {words}",
                subject=action,
                fix_label="Attach artifact",
                url=page("run_attach", runs[0]),
                owner_label=owner_label(action),
                inputs=tuple(run.ref for run in runs),
            )


@check(
    "CT009",
    "Webhook statuses not verified",
    level=Level.INFO,
    requirements=("R-CT-09",),
    tab=TAB,
    row=Row.CONTROLS,
)
def webhook_statuses(case: Case) -> Iterator[Problem]:
    """Where events carry the payment state, a closure test looks at the real delivery
    statuses too, not only at the answer of the API."""
    lanes = case.load(case_file.lanes)
    rows = stated(case)
    if not rows or not any(lane.family == Lane.Family.EVENTS for lane in lanes):
        return
    tests = [test for action in rows for test in action.live_tests]
    if tests and not any(
        _WEBHOOK.search(f"{test.procedure} {test.pass_condition}") for test in tests
    ):
        yield Problem(
            "Event ingestion was affected, but no closure test looks at webhook "
            "statuses",
            fix_label="Complete test",
            url=page("test_edit", tests[0]),
            inputs=tuple(test.ref for test in tests),
        )


@check(
    "CT010",
    "Closure test overdue",
    level=Level.WARNING,
    requirements=("R-CT-01", "R-MT-05"),
    tab=TAB,
    row=Row.CONTROLS,
)
def test_overdue(case: Case) -> Iterator[Problem]:
    """A control that should have been exercised by now is still a hypothesis."""
    for action in stated(case):
        for test in action.live_tests:
            if test.accepted_run or not test.due_at:
                continue
            if case.reached(test.due_at):
                yield Problem(
                    f"Closure test was due {day(test.due_at, case.incident)}, "
                    f"{late(test.due_at, case.now)}",
                    subject=test,
                    fix_label="Add run",
                    url=page("run_add", test),
                    owner_label=owner_label(action),
                    inputs=(test.due_at,),
                )


@check(
    "CT011",
    "Run elsewhere than the test asks",
    level=Level.WARNING,
    requirements=("R-CT-01", "R-CT-05"),
    tab=TAB,
    row=Row.CONTROLS,
)
def other_environment(case: Case) -> Iterator[Problem]:
    """A test matches the shape of the incident in the environment that it names. A pass
    on a fixture says less than it seems to."""
    for action in stated(case):
        for test in action.live_tests:
            run = test.accepted_run
            if run is None or not test.environment:
                continue
            asked, was = test.environment.casefold(), run.environment.casefold()
            if asked not in was and was not in asked:
                yield Problem(
                    f"{run.ref} ran in “{run.environment}”, the test asks for "
                    f"“{test.environment}”",
                    subject=test,
                    fix_label="Add run",
                    url=page("run_add", test),
                    owner_label=owner_label(action),
                    inputs=(run.environment, test.environment),
                )
