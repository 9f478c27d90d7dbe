"""Pages of approvals: completion, deferral, changes."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.decorators import SignedInRequest
from actions import forms, selectors
from actions.models import ActionApproval, ActionItem
from actions.services import approvals as services
from actions.views.items import TAB
from incidents.decorators import incident_view
from incidents.models import Incident
from incidents.views import case_form, get_row
from postmortem.lib.htmx import posted

Purpose = ActionApproval.Purpose


@incident_view("action.approve")
def action_approve(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Approve a completion, as it stands on the page that was read."""
    get_row(ActionItem, incident, number)
    action = selectors.get_action(incident, number)
    state = selectors.approval_state(action, Purpose.COMPLETION)
    held = selectors.seats_of(action, request.user, Purpose.COMPLETION)
    mine = [seat for seat in state.seats if seat.seat in held]
    free = [seat for seat in mine if seat.state != "approved"] or mine
    form = forms.SeatForm(
        posted(request), incident=incident, initial={"digest": state.digest}
    )
    form.offer([(seat.seat, seat.label) for seat in free])
    proofs = ", ".join(
        f"{test.ref} by {run.ref}"
        for test in action.live_tests
        if (run := test.accepted_run)
    )
    return case_form(
        request,
        incident,
        form,
        lambda data: services.approve_action(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Approve {action.ref}",
        lead=f"{action.title}. "
        + (f"You approve its {free[0].label.lower()}. " if len(free) == 1 else "")
        + f"Proven: {proofs or 'nothing yet'}.",
        submit_label="Approve",
        message=f"You approved {action.ref}.",
        done_url=action.get_absolute_url(),
    )


@incident_view("action.approve")
def action_defer(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Agree that a scheduled action is done after closing."""
    get_row(ActionItem, incident, number)
    action = selectors.get_action(incident, number)
    digest = selectors.facts_digest(action, Purpose.DEFERRAL)
    return case_form(
        request,
        incident,
        forms.ApprovalForm(
            posted(request), incident=incident, initial={"digest": digest}
        ),
        lambda data: services.approve_deferral(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Approve the deferral of {action.ref}",
        lead="You agree to its owner, its date and its closure test. It is followed up "
        "after the incident is closed.",
        submit_label="Approve deferral",
        message=f"The deferral of {action.ref} is approved.",
        done_url=action.get_absolute_url(),
    )


@incident_view("action.approve")
def action_request_changes(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Send an action back with what has to change."""
    get_row(ActionItem, incident, number)
    action = selectors.get_action(incident, number)
    digest = selectors.facts_digest(action, selectors.approval_purpose(action))
    return case_form(
        request,
        incident,
        forms.ChangesForm(
            posted(request), incident=incident, initial={"digest": digest}
        ),
        lambda data: services.request_changes(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Request changes to {action.ref}",
        lead="A completed action is open again until it is completed anew.",
        submit_label="Request changes",
        message=f"{action.ref} is sent back.",
        done_url=action.get_absolute_url(),
    )
