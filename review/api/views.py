"""Views of the review: every write is a verb that calls its service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import FileResponse, Http404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from incidents.api.base import CaseViewSet
from incidents.services.core import hold_incident
from review import selectors
from review.api import serializers as shapes
from review.models import Participant, ReportBuild, Seal
from review.selectors.reviews import latest_build
from review.services import approvals, closing, reports, reviews


class ReviewViews(CaseViewSet):
    """The review of an incident: its work, its people, its outcome."""

    permission_map = {
        "retrieve": "incident.view",
        "create": "incident.start_review",
        "partial_update": "review.edit",
        "acknowledge": "review.edit",
        "participants": "incident.view",
        "participant_add": "review.edit",
        "participant_remove": "review.edit",
        "close": "review.close",
        "keep_stabilized": "review.close",
        "reopen": "review.reopen",
        "checklist": "incident.view",
        "seal": "incident.view",
    }
    serializer_class = shapes.ReviewSerializer

    def honors_if_match(self) -> bool:
        return self.action not in {"participants", "participant_add", "create"}

    def matched_row(self) -> Any:
        hold_incident(self.incident.pk)
        if "number" in self.kwargs:
            return self.row(Participant, self.kwargs["number"])
        review = selectors.current_review(self.incident)
        if review is None:
            raise Http404
        return review

    def shown_now(self, row: Any) -> dict[str, Any]:
        is_review = not isinstance(row, Participant)
        shape = shapes.ReviewSerializer if is_review else shapes.ParticipantSerializer
        return dict(shape(row).data)

    @extend_schema(summary="Read the review", responses={200: shapes.ReviewSerializer})
    def retrieve(self, request: Request, key: str) -> Response:
        """404 before a review is opened."""
        review = selectors.current_review(self.incident)
        if review is None:
            raise Http404
        return self.answer(shapes.ReviewSerializer, review)

    @extend_schema(
        summary="Start the review",
        request=shapes.OpenSerializer,
        responses={201: shapes.ReviewSerializer},
    )
    def create(self, request: Request, key: str) -> Response:
        """Stabilized becomes in review."""
        data = self.parse(shapes.OpenSerializer)
        review = reviews.open_review(
            incident_id=self.incident.pk, actor=self.actor, **data
        )
        page = self.answer(shapes.ReviewSerializer, review, status=201)
        page["Location"] = reverse("api:review", args=[key])
        return page

    @extend_schema(
        summary="Edit the review",
        request=shapes.ReviewEditSerializer,
        responses={200: shapes.ReviewSerializer},
    )
    def partial_update(self, request: Request, key: str) -> Response:
        """Duties, readiness, meeting time, how we responded, the blameless summary."""
        data = self.parse_edit(shapes.ReviewEditSerializer)
        review = reviews.edit_review(
            incident_id=self.incident.pk, actor=self.actor, **data
        )
        return self.answer(shapes.ReviewSerializer, review)

    @extend_schema(
        summary="Acknowledge the blameless rule",
        request=None,
        responses={200: shapes.ReviewSerializer},
    )
    def acknowledge(self, request: Request, key: str) -> Response:
        """Learning and prevention, not fault."""
        review = reviews.acknowledge_blameless_rule(
            incident_id=self.incident.pk, actor=self.actor
        )
        return self.answer(shapes.ReviewSerializer, review)

    @extend_schema(
        summary="List the participants",
        responses={200: shapes.ParticipantSerializer(many=True)},
    )
    def participants(self, request: Request, key: str) -> Response:
        """Who takes part in the review."""
        rows = Participant.objects.filter(incident=self.incident, retracted_at=None)
        return self.pages(rows.select_related("user"), shapes.ParticipantSerializer)

    @extend_schema(
        summary="Add a participant",
        request=shapes.ParticipantAddSerializer,
        responses={201: shapes.ParticipantSerializer},
    )
    def participant_add(self, request: Request, key: str) -> Response:
        """Somebody takes part, in one capacity."""
        data = self.parse(shapes.ParticipantAddSerializer)
        row = reviews.add_participant(
            incident_id=self.incident.pk, actor=self.actor, **data
        )
        return Response(
            shapes.ParticipantSerializer(row).data, status=status.HTTP_201_CREATED
        )

    @extend_schema(
        summary="Take a participant out",
        request=shapes.ReasonSerializer,
        responses={200: shapes.ParticipantSerializer},
    )
    def participant_remove(self, request: Request, key: str, number: int) -> Response:
        """The row stays in the record, with the reason."""
        self.row(Participant, number)
        row = reviews.remove_participant(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(shapes.ReasonSerializer),
        )
        return Response(shapes.ParticipantSerializer(row).data)

    @extend_schema(
        summary="Close and seal",
        request=None,
        responses={200: shapes.SealSerializer},
    )
    def close(self, request: Request, key: str) -> Response:
        """409 lists the findings that block."""
        seal = closing.close_incident(incident_id=self.incident.pk, actor=self.actor)
        return Response(_seal(seal))

    @extend_schema(
        summary="Keep as stabilized",
        request=shapes.KeepSerializer,
        responses={200: shapes.StatusSerializer},
    )
    def keep_stabilized(self, request: Request, key: str) -> Response:
        """Leave the review: a recurrence risk is open."""
        data = self.parse(shapes.KeepSerializer)
        incident = closing.keep_as_stabilized(
            incident_id=self.incident.pk, actor=self.actor, **data
        )
        return Response(shapes.StatusSerializer(incident).data)

    @extend_schema(
        summary="Reopen",
        request=shapes.ReasonSerializer,
        responses={200: shapes.StatusSerializer},
    )
    def reopen(self, request: Request, key: str) -> Response:
        """Closed becomes in review; the seal is kept."""
        data = self.parse(shapes.ReasonSerializer)
        incident = closing.reopen_incident(
            incident_id=self.incident.pk, actor=self.actor, **data
        )
        return Response(shapes.StatusSerializer(incident).data)

    @extend_schema(
        summary="Read the closure checklist",
        responses={200: shapes.ChecklistSerializer},
    )
    def checklist(self, request: Request, key: str) -> Response:
        """Six rows, computed from the findings of this moment."""
        found = selectors.checklist(self.incident)
        return Response(shapes.ChecklistSerializer(found).data)

    @extend_schema(
        summary="Read and verify the latest seal",
        responses={200: shapes.SealSerializer},
    )
    def seal(self, request: Request, key: str) -> Response:
        """404 before the first closing."""
        seal = selectors.latest_seal(self.incident)
        if seal is None:
            raise Http404
        return Response(_seal(seal))


def _seal(seal: Seal) -> dict[str, Any]:
    report = selectors.verify_seal(seal)
    seal.is_ok = report.is_ok  # type: ignore[attr-defined]
    seal.checks = [  # type: ignore[attr-defined]
        {"name": check.name, "is_ok": check.is_ok, "detail": check.detail}
        for check in report.checks
    ]
    return dict(shapes.SealSerializer(seal).data)


class ApprovalViews(CaseViewSet):
    """Approvals of the closure, each of exactly one version."""

    permission_map = {
        "retrieve": "incident.view",
        "approve": "review.approve",
        "request_changes": "review.approve",
        "withdraw": "review.approve",
    }

    def _state(self) -> Response:
        state = selectors.approvals_state(self.incident)
        return Response(shapes.ApprovalsSerializer(state).data)

    def _do(self, verb: Callable[..., Any], shape: type[Serializer[Any]]) -> Response:
        verb(incident_id=self.incident.pk, actor=self.actor, **self.parse(shape))
        return self._state()

    @extend_schema(
        summary="Read the approvals",
        responses={200: shapes.ApprovalsSerializer},
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """The seats of the policy and the content hash that an approval names."""
        return self._state()

    @extend_schema(
        summary="Approve the closure",
        request=shapes.ApproveSerializer,
        responses={200: shapes.ApprovalsSerializer},
    )
    def approve(self, request: Request, key: str) -> Response:
        """409 if the record changed since you read it. It takes a person's token."""
        return self._do(approvals.approve_closure, shapes.ApproveSerializer)

    @extend_schema(
        summary="Request changes",
        request=shapes.ChangesSerializer,
        responses={200: shapes.ApprovalsSerializer},
    )
    def request_changes(self, request: Request, key: str) -> Response:
        """Holds the version back that you read."""
        return self._do(approvals.request_changes, shapes.ChangesSerializer)

    @extend_schema(
        summary="Withdraw one's approval",
        request=shapes.ReasonSerializer,
        responses={200: shapes.ApprovalsSerializer},
    )
    def withdraw(self, request: Request, key: str) -> Response:
        """Takes back your own approval or request for changes."""
        return self._do(approvals.withdraw_approval, shapes.ReasonSerializer)


class ReportViews(CaseViewSet):
    """The one-pager: ask for it, look how far it is, fetch it."""

    permission_map = {
        "retrieve": "incident.view",
        "create": "report.request",
        "file": "incident.view",
    }
    answers_files = frozenset({"file"})

    @extend_schema(
        summary="Read the state of the one-pager",
        responses={200: shapes.ReportSerializer},
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """The newest one; 404 before the first is asked for."""
        build = latest_build(self.incident)
        if build is None:
            raise Http404
        return Response(shapes.ReportSerializer(build).data)

    @extend_schema(
        summary="Ask for the one-pager",
        request=None,
        responses={202: shapes.ReportSerializer},
    )
    def create(self, request: Request, key: str) -> Response:
        """A worker renders it; the same record gives the same build."""
        build = reports.request_report(incident_id=self.incident.pk, actor=self.actor)
        return Response(
            shapes.ReportSerializer(build).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("api:report", args=[key])},
        )

    @extend_schema(
        summary="Fetch the one-pager",
        responses={
            (200, "application/pdf"): OpenApiResponse(
                OpenApiTypes.BINARY, "The newest PDF that is ready"
            ),
        },
    )
    def file(self, request: Request, key: str) -> FileResponse:
        """404 until one is ready; 409 if its file is gone: ask for it again."""
        build = ReportBuild.objects.filter(
            incident=self.incident, state=ReportBuild.State.READY
        ).first()
        if build is None:
            raise Http404
        return FileResponse(
            reports.open_file(build),
            as_attachment=True,
            filename=f"{self.incident.key}-one-pager-{build.sha256[:8]}.pdf",
            content_type="application/pdf",
        )
