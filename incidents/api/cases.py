"""`POST /api/v1/cases/` and the export of one case."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import CaseViewSet
from incidents.services.cases import MOST_VALUES, check_case, import_case
from incidents.services.custody import take_case


class ImportedSerializer(serializers.Serializer[Any]):
    """Where an imported case landed."""

    key = serializers.CharField(help_text="The number it got here.")
    source_ref = serializers.CharField(
        help_text="Its number elsewhere, if it is taken here."
    )
    status = serializers.CharField(help_text="In review at most.")
    url = serializers.CharField()


class CaseViews(CaseViewSet):
    """Whole incidents in the case format (docs/case-format.md)."""

    permission_map = {"create": "incident.import", "retrieve": "incident.export"}
    most_values = MOST_VALUES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The shape of a large case is proven before the transaction of its key opens:
        until then nobody waits."""
        super().initial(request, *args, **kwargs)
        if self.action == "create":
            self.case = check_case(request.data)

    @extend_schema(
        summary="Import a case",
        request=OpenApiTypes.OBJECT,
        responses={201: ImportedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Accepts what is incomplete (it lands with findings); refuses what is
        malformed, with the JSON path and reason of every fault, importing nothing."""
        incident = import_case(actor=self.actor, case=self.case)
        body = {
            "key": incident.key,
            "source_ref": incident.source_ref,
            "status": incident.status,
            "url": incident.get_absolute_url(),
        }
        where = reverse("api:incident-detail", args=[incident.key])
        return Response(
            body, status=status.HTTP_201_CREATED, headers={"Location": where}
        )

    @extend_schema(
        summary="Export a case",
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "The case file, canonical JSON"),
        },
    )
    def retrieve(self, request: Request, key: str) -> HttpResponse:
        """The case file. `record` in canonical form is what content_hash covers. Who
        takes it is told in the activity, and in the custody of each artifact."""
        page = HttpResponse(
            take_case(self.incident, actor=self.actor),
            content_type="application/json; charset=utf-8",
        )
        page["Content-Disposition"] = f'attachment; filename="{self.incident.key}.json"'
        return page
