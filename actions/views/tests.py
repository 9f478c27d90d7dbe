"""Pages of closure tests and runs."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.decorators import SignedInRequest
from actions import forms
from actions.models import ActionItem, ClosureTest, TestRun
from actions.services import tests as services
from actions.views.items import TAB
from incidents.decorators import incident_view
from incidents.models import Incident
from incidents.views import case_form, get_row
from incidents.views.rows import retract
from postmortem.lib.htmx import posted


@incident_view("action.edit")
def test_add(request: SignedInRequest, incident: Incident, number: int) -> HttpResponse:
    """Add the proof that will close an action."""
    action = get_row(ActionItem, incident, number)
    return case_form(
        request,
        incident,
        forms.ClosureTestForm(posted(request), incident=incident),
        lambda data: services.add_closure_test(
            incident_id=incident.pk, actor=request.user, action=action, **data
        ),
        tab=TAB,
        title=f"Closure test for {action.ref}",
        lead="Match the shape of the incident. A procedure is not proof; the output of "
        "its run is.",
        submit_label="Add test",
        message="The closure test is added.",
        done_url=action.get_absolute_url(),
    )


@incident_view("action.edit")
def test_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Change a closure test."""
    test = get_row(ClosureTest, incident, number)
    return case_form(
        request,
        incident,
        forms.ClosureTestForm(posted(request), incident=incident, row=test),
        lambda data: services.edit_closure_test(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {test.ref}",
        done_url=test.action.get_absolute_url(),
    )


@incident_view("action.edit")
def test_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a closure test with a reason."""
    test = get_row(ClosureTest, incident, number)
    return retract(
        request,
        incident,
        test,
        services.retract_closure_test,
        tab=TAB,
        what="closure test",
        done_url=test.action.get_absolute_url(),
    )


@incident_view("action.run")
def run_add(request: SignedInRequest, incident: Incident, number: int) -> HttpResponse:
    """Record a run of a closure test with its artifacts."""
    test = get_row(ClosureTest, incident, number)
    files = request.FILES if request.method == "POST" else None
    return case_form(
        request,
        incident,
        forms.RunForm(
            posted(request),
            files,
            incident=incident,
            initial={"environment": test.environment},
        ),
        lambda data: services.record_run(
            incident_id=incident.pk, actor=request.user, closure_test=test, **data
        ),
        tab=TAB,
        title=f"Record a run of {test.ref}",
        lead=f"Passes when: {test.pass_condition}"
        if test.pass_condition
        else test.procedure,
        submit_label="Record run",
        message="The run is recorded.",
        done_url=test.action.get_absolute_url(),
    )


@incident_view("action.run")
def run_attach(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Attach the artifact that a run lacks."""
    run = get_row(TestRun, incident, number)
    files = request.FILES if request.method == "POST" else None
    return case_form(
        request,
        incident,
        forms.ArtifactsForm(posted(request), files, incident=incident),
        lambda data: services.attach_artifact(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Attach artifact to {run.ref}",
        lead="The original output of this run, so that another reviewer can open it.",
        submit_label="Attach",
        message="The artifact is attached.",
        done_url=run.closure_test.action.get_absolute_url(),
    )


@incident_view("action.edit")
def run_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a run with a reason."""
    run = get_row(TestRun, incident, number)
    return retract(
        request,
        incident,
        run,
        services.retract_run,
        tab=TAB,
        what="run",
        lead="An approval that rests on it lapses.",
        done_url=run.closure_test.action.get_absolute_url(),
    )
