"""Pages of action items: the list with its panel, and the forms of their verbs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.decorators import SignedInRequest
from accounts.models import User
from actions import forms, selectors
from actions.models import ActionApproval, ActionItem
from actions.services import items as services
from actions.views import ActionRow, action_findings, action_row
from incidents.decorators import incident_view
from incidents.forms import ReasonForm
from incidents.models import Incident
from incidents.selectors import StoredFindings
from incidents.views import case_form, get_row, workspace
from incidents.views.rows import RowPages, retract
from postmortem.lib.htmx import posted, render_page
from rca.models import Cause

TAB = "actions"
PAGE_SIZE = 50
State = ActionItem.State


# --- the list -------------------------------------------------------------------------


def _chosen(row: ActionRow, query: QueryDict, user: User, now: Any) -> bool:
    action = row.action
    show = query.get("show", "")
    if show == "mine" and action.owner_id != user.pk:
        return False
    if show == "overdue" and not selectors.is_overdue(action, now):
        return False
    if query.get("kind") and action.kind != query["kind"]:
        return False
    return not query.get("owner") or str(action.owner_id) == query["owner"]


def _link(query: QueryDict, **changes: str) -> str:
    """The same list with other filters; the address can be shared."""
    kept = {name: query.get(name, "") for name in ("show", "kind", "owner")} | changes
    text = urlencode({name: value for name, value in kept.items() if value})
    return f"?{text}" if text else "?"


def _filters(
    rows: list[ActionRow], query: QueryDict, user: User, now: Any
) -> dict[str, Any]:
    show = query.get("show", "")
    counts = {
        "": len(rows),
        "mine": sum(row.action.owner_id == user.pk for row in rows),
        "overdue": sum(selectors.is_overdue(row.action, now) for row in rows),
    }
    owners = {r.action.owner.pk: r.action.owner for r in rows if r.action.owner}
    return {
        "segments": [
            {
                "label": label,
                "count": counts[name],
                "url": _link(query, show=name),
                "active": show == name,
            }
            for name, label in (("", "All"), ("mine", "Mine"), ("overdue", "Overdue"))
        ],
        "kinds": [
            {
                "label": label,
                "url": _link(query, kind=value),
                "active": query.get("kind", "") == value,
            }
            for value, label in [("", "All classes"), *ActionItem.Kind.choices]
        ],
        "owners": [
            {
                "label": "All owners",
                "url": _link(query, owner=""),
                "active": not query.get("owner"),
            },
            *(
                {
                    "label": person.label,
                    "url": _link(query, owner=str(person.pk)),
                    "active": query.get("owner") == str(person.pk),
                }
                for person in sorted(owners.values(), key=lambda person: person.label)
            ),
        ],
        "kind": dict(ActionItem.Kind.choices).get(query.get("kind", ""), ""),
        "owner": next(
            (p.label for p in owners.values() if str(p.pk) == query.get("owner")), ""
        ),
        "is_filtered": any(query.get(name) for name in ("show", "kind", "owner")),
    }


def _rows(
    incident: Incident, stored: StoredFindings, now: Any
) -> tuple[list[ActionRow], tuple[Any, ...]]:
    """Every action of the case as a row, withdrawn ones too, and the open points about
    the actions as a whole, such as 'no action items'."""
    every = selectors.all_actions(incident)
    found = action_findings([a for a in every if not a.is_retracted], stored)
    rows = [action_row(action, now, found.get(action.ref, ())) for action in every]
    return rows, found.get("", ())


def _list_context(
    request: SignedInRequest,
    around: dict[str, Any],
    *,
    now: Any,
    opened: int | None = None,
) -> dict[str, Any]:
    """The list, mandatory ones first, a page at a time: the page that is asked for,
    else the one with the action that is opened beside it (its number)."""
    rows, of_case = _rows(around["incident"], around["stored"], now)
    live = [row for row in rows if not row.action.is_retracted]
    shown = sorted(
        (row for row in live if _chosen(row, request.GET, request.user, now)),
        key=lambda row: not row.action.is_mandatory,
    )
    place = next((i for i, row in enumerate(shown) if row.action.number == opened), 0)
    page = Paginator(shown, PAGE_SIZE).get_page(
        request.GET.get("page", place // PAGE_SIZE + 1)
    )
    query = _link(request.GET).removeprefix("?")
    return {
        "filters": _filters(live, request.GET, request.user, now),
        "mandatory": [row for row in page if row.action.is_mandatory],
        "scheduled": [row for row in page if not row.action.is_mandatory],
        "shown": shown,
        "page": page,
        "query": f"{query}&" if query else "",
        "retracted": [row for row in rows if row.action.is_retracted],
        "total": len(live),
        "all_rows": rows,
        "figures": selectors.follow_through([row.action for row in live], now),
        "kind_labels": ActionItem.Kind.choices,
        "case_findings": of_case,
        "now": now,
    }


@incident_view("incident.view")
def action_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Mandatory now, then scheduled (R-AI-06), with the state of every proof."""
    around = workspace(request, incident, TAB)
    return render_page(
        request,
        "actions/action_list.html",
        {**around, **_list_context(request, around, now=timezone.now())},
    )


@incident_view("incident.view")
def action_detail(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """One action beside the list: risks, tests and runs, way back, approvals."""
    now = timezone.now()
    around = workspace(request, incident, TAB)
    listed = _list_context(request, around, now=now, opened=number)
    row = next((r for r in listed["all_rows"] if r.action.number == number), None)
    if row is None:
        raise Http404("no such action")
    context = {
        **around,
        **listed,
        **panel(request, row, listed["shown"]),
    }
    return render_page(
        request,
        "actions/action_detail.html",
        context,
        fragment="actions/_action_swap.html",
    )


def panel(
    request: SignedInRequest, row: ActionRow, rows: list[ActionRow]
) -> dict[str, Any]:
    """What the panel of one action shows."""
    action = row.action
    numbers = [item.action.number for item in rows]
    at = numbers.index(action.number) if action.number in numbers else -1

    def neighbour(step: int) -> str:
        if at < 0 or not 0 <= at + step < len(rows):
            return ""
        return rows[at + step].action.get_absolute_url()

    purpose = selectors.approval_purpose(action)
    state = selectors.approval_state(action, purpose)
    seats = _seats(action, request.user, state)
    return {
        "row": row,
        "action": action,
        "position": at + 1,
        "count": len(rows),
        "previous_url": neighbour(-1),
        "next_url": neighbour(1),
        "approval": state,
        "seats": seats,
        "is_deferral": purpose == ActionApproval.Purpose.DEFERRAL,
        "locked": approval_locked(action, purpose),
        "conflicts": selectors.conflicts(action, request.user, purpose),
        "follow_up": not (action.incident.is_frozen and action.is_mandatory),
        "approvals": list(action.approvals.all()),
    }


def approval_locked(action: ActionItem, purpose: str) -> str:
    """What opens the approval, in words; '' when it is open."""
    if action.state == State.CANCELLED:
        return "The action was cancelled."
    if purpose == ActionApproval.Purpose.DEFERRAL:
        if action.state == State.DRAFT:
            return "Approval of the deferral opens when the action has left draft."
        return ""
    if action.state == State.COMPLETED:
        return ""
    if action.state == State.DRAFT:
        return "Approval opens when the action has left draft and is completed."
    if not action.is_proven:
        return "Approval opens when a run passes with an artifact attached."
    return "Approval opens when the owner completes the action."


def _seats(
    action: ActionItem, user: User, state: selectors.ApprovalState
) -> list[dict[str, Any]]:
    """The seats as cards: who sat in them, or who may."""
    may = selectors.may_approve(action, user, state)
    held = selectors.seats_of(action, user, state.purpose) if may else []
    cards = []
    for seat in state.seats:
        approval = seat.approval
        is_finance = seat.seat == ActionApproval.Seat.FINANCE
        cards.append(
            {
                "seat": seat,
                "who": approval.approver
                if approval
                else ("Finance" if is_finance else "Manager"),
                "remit": seat.label.lower(),
                "approval": approval,
                "mine": seat.seat in held and seat.state != "approved",
                "you": bool(approval and approval.approver_id == user.pk),
            }
        )
    return cards


# --- forms ----------------------------------------------------------------------------


def _answering(request: SignedInRequest, incident: Incident) -> dict[str, Any]:
    """The cause that the address names."""
    given = request.GET.get("cause", "")
    if not given.isdecimal():
        return {}
    cause = Cause.objects.filter(incident=incident, number=int(given[:9]))
    return {"causes": list(cause.values_list("pk", flat=True))}


pages = RowPages(ActionItem, "action.edit", "action", tab=TAB)
action_add = pages.add(
    "action_add",
    forms.ActionForm,
    services.add_action,
    title="Add action",
    lead="It starts as a draft. It leaves draft with an owner, a date and a closure "
    "test.",
    submit_label="Add draft",
    message="The draft is saved. Add its closure test next.",
    initial=_answering,
)


@incident_view("action.edit")
def action_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Change an action; its approvals lapse."""
    row = get_row(ActionItem, incident, number)
    action = selectors.get_action(incident, row.number)
    approved = selectors.approval_state(action).is_approved
    return case_form(
        request,
        incident,
        forms.ActionForm(posted(request), incident=incident, row=action),
        lambda data: services.edit_action(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {action.ref}",
        lead="Its approval lapses when you change it." if approved else "",
        done_url=action.get_absolute_url(),
    )


action_open = pages.verb(
    "action_open",
    forms.OpenForm,
    services.open_action,
    title="Open {row.ref}",
    lead="{row.title}. It needs an owner, a date, a place for the proof and a closure "
    "test with a pass condition.",
    submit_label="Open action",
    message="{row.ref} is open.",
    edits=True,
)
action_complete = pages.verb(
    "action_complete",
    forms.CompleteForm,
    services.complete_action,
    title="Complete {row.ref}",
    lead="Write what is gone and what remains. Somebody else approves it then.",
    submit_label="Complete",
    message="{row.ref} is completed and waits for approval.",
    edits=True,
    permission="action.complete",
)
action_cancel = pages.verb(
    "action_cancel",
    ReasonForm,
    services.cancel_action,
    title="Cancel {row.ref}",
    lead="It stays on record as given up, with the reason.",
    submit_label="Cancel the action",
    message="{row.ref} is cancelled.",
    edits=True,
)


@incident_view("action.edit")
def action_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw an action that should not have been written."""
    return retract(
        request,
        incident,
        get_row(ActionItem, incident, number),
        services.retract_action,
        tab=TAB,
        what="action",
        lead="To give up one that was meant, cancel it.",
        done_url=reverse("actions:action_list", args=[incident.key]),
    )
