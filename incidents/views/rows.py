"""Pages of one kind of row: the one that adds a row, and one for each verb on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents import forms
from incidents.decorators import incident_view
from incidents.models import CaseRecord, Incident
from incidents.services import core
from incidents.views import case_form, get_row
from postmortem.lib.htmx import posted

View = Callable[..., HttpResponseBase]
Service = Callable[..., CaseRecord]


def there(row: Any) -> str:
    """The place that shows this row."""
    return str(row.get_absolute_url())


def retract(
    request: SignedInRequest,
    incident: Incident,
    row: CaseRecord,
    service: Service,
    *,
    tab: str,
    what: str,
    lead: str = "",
    done_url: str = "",
) -> HttpResponse:
    """Withdraw a row with a reason; it stays in the record. For every app's rows.

    service: the verb that withdraws such a row. lead: what else comes of it.
    """
    stays = f"The {what} stays in the record, struck through, with your reason."
    return case_form(
        request,
        incident,
        forms.ReasonForm(posted(request), incident=incident),
        lambda data: service(
            incident_id=incident.pk, actor=request.user, number=row.number, **data
        ),
        tab=tab,
        title=f"Withdraw {row.ref}",
        lead=f"{stays} {lead}".strip(),
        submit_label="Withdraw",
        message=f"{row.ref} is withdrawn.",
        done_url=done_url or there(row),
        context={"submit_kind": "danger"},
    )


@dataclass(frozen=True)
class RowPages:
    """The pages of the rows of one model. Each verb has its own address; the name of a
    page is the name of its URL.

    permission: what all of these pages need, unless a verb names another. what: how
    people call such a row. In the words of a verb `{row}` stands for the row.
    """

    model: type[CaseRecord]
    permission: str
    what: str
    tab: str = "overview"

    def add(
        self,
        name: str,
        form: type[forms.CaseForm],
        service: Service,
        *,
        title: str,
        lead: str,
        message: str,
        submit_label: str = "Add",
        initial: Callable[[SignedInRequest, Incident], dict[str, Any]] | None = None,
        permission: str = "",
    ) -> View:
        """The page that adds a row. `initial` reads what the address chooses."""

        def view(request: SignedInRequest, incident: Incident) -> HttpResponse:
            return case_form(
                request,
                incident,
                form(
                    posted(request),
                    incident=incident,
                    initial=initial(request, incident) if initial else None,
                ),
                lambda data: service(
                    incident_id=incident.pk, actor=request.user, **data
                ),
                tab=self.tab,
                title=title,
                lead=lead,
                submit_label=submit_label,
                message=message,
                done_url=there,
                cancel_url=reverse(self.model.tab, args=[incident.key]),
            )

        return _named(name, view, permission or self.permission)

    def verb(
        self,
        name: str,
        form: type[forms.CaseForm],
        service: Service,
        *,
        title: str,
        lead: str = "",
        submit_label: str = "Save",
        message: str = "Saved.",
        edits: bool = False,
        permission: str = "",
    ) -> View:
        """The page of one verb. edits: the form starts with what the row says."""

        def view(
            request: SignedInRequest, incident: Incident, number: int
        ) -> HttpResponse:
            row = get_row(self.model, incident, number)
            return case_form(
                request,
                incident,
                form(
                    posted(request),
                    request.FILES if request.method == "POST" else None,
                    incident=incident,
                    row=row if edits else None,
                ),
                lambda data: service(
                    incident_id=incident.pk, actor=request.user, number=number, **data
                ),
                tab=self.tab,
                title=title.format(row=row),
                lead=lead.format(row=row),
                submit_label=submit_label,
                message=message.format(row=row),
                done_url=there(row),
            )

        return _named(name, view, permission or self.permission)

    def edit(
        self,
        name: str,
        form: type[forms.CaseForm],
        service: Service,
        *,
        title: str = "Edit {row.ref}",
    ) -> View:
        """The page that changes what a row says."""
        return self.verb(name, form, service, title=title, edits=True)

    def retract(self, name: str) -> View:
        """The page that withdraws a row."""
        service = partial(
            core.retract_record, model=self.model, permission=self.permission
        )

        def view(
            request: SignedInRequest, incident: Incident, number: int
        ) -> HttpResponse:
            return retract(
                request,
                incident,
                get_row(self.model, incident, number),
                service,
                tab=self.tab,
                what=self.what,
            )

        return _named(name, view, self.permission)


def _named(name: str, view: View, permission: str) -> View:
    view.__name__ = name
    return incident_view(permission)(view)
