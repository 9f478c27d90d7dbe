"""The filters of the list that a person saved, over the API: their own only."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from incidents.api.base import CasePermission
from incidents.models import SavedFilter
from incidents.services import filters as services


class FilterOut(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk", read_only=True)
    name = serializers.CharField(read_only=True)
    query = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class RenameIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=40)


class FilterIn(RenameIn):
    query = serializers.CharField(
        max_length=4000,
        help_text="As it stands in the address of the list: "
        "`view=open&severity=SEV1&lane=payouts`.",
    )


class FilterViewSet(ApiViewSet):
    """One's own saved filters."""

    permission_classes = [CasePermission]
    permission_map = {
        "list": "incident.view",
        "add": "incident.view",
        "rename": "incident.view",
        "remove": "incident.view",
    }
    serializer_class = FilterOut
    queryset = SavedFilter.objects.none()

    @extend_schema(responses={200: FilterOut(many=True)})
    def list(self, request: Request) -> Response:
        """Your saved filters, newest first."""
        return self.pages(SavedFilter.objects.filter(owner=self.actor), FilterOut)

    @extend_schema(request=FilterIn, responses={201: FilterOut})
    def add(self, request: Request) -> Response:
        """Save a filter by name: at most 12, each name once."""
        row = services.save_filter(actor=self.actor, **self.parse(FilterIn))
        return Response(FilterOut(row).data, status=201)

    @extend_schema(request=RenameIn, responses={200: FilterOut})
    def rename(self, request: Request, pk: int) -> Response:
        """Give a filter of yours another name."""
        self._mine(pk)
        row = services.rename_filter(actor=self.actor, pk=pk, **self.parse(RenameIn))
        return Response(FilterOut(row).data)

    @extend_schema(request=None, responses={200: FilterOut})
    def remove(self, request: Request, pk: int) -> Response:
        """Forget a filter of yours; answered is what it was."""
        was = FilterOut(self._mine(pk)).data
        services.delete_filter(actor=self.actor, pk=pk)
        return Response(was)

    def _mine(self, pk: int) -> SavedFilter:
        row = SavedFilter.objects.filter(owner=self.actor, pk=pk).first()
        if row is None:
            raise Http404
        return row
