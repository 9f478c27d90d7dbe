"""Who is behind an account: an administrator joins and parts the accounts of one human,
so that separation of duties sees them as one."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.api.base import ApiViewSet
from accounts.models import ApiToken, PersonLink, Role, User


class AdministratorsOnly(permissions.BasePermission):
    """Administrators, signed in: a stolen token must not say who somebody is."""

    message = "This takes an administrator who is signed in, and no token."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return (
            isinstance(request.user, User)
            and Role.ADMIN in request.user.roles
            and not isinstance(request.auth, ApiToken)
        )


class AccountField(serializers.CharField):
    """An account by its email or handle."""

    def to_internal_value(self, data: Any) -> User:  # type: ignore[override]
        text = super().to_internal_value(data).strip().lower()
        found = User.objects.filter(Q(email=text) | Q(handle=text)).first()
        if found is None:
            raise serializers.ValidationError("Nobody has this email or handle.")
        return found

    def to_representation(self, value: User) -> str:  # type: ignore[override]
        return value.handle


class PersonLinkOut(serializers.Serializer[Any]):
    """One decision about who is behind an account."""

    verb = serializers.ChoiceField(choices=PersonLink.Verb.choices, read_only=True)
    account = AccountField(read_only=True)
    other = AccountField(read_only=True)
    reason = serializers.CharField(read_only=True)
    by = AccountField(read_only=True)
    at = serializers.DateTimeField(read_only=True)


class PartIn(serializers.Serializer[Any]):
    account = AccountField(help_text="Email or handle.")
    reason = serializers.CharField(max_length=2000, help_text="How you know.")


class JoinIn(PartIn):
    to = AccountField(help_text="Email or handle of the other account.")


class PersonLinkViewSet(ApiViewSet):
    """Which accounts belong to one human, and who said so."""

    permission_classes = [AdministratorsOnly]
    permission_map = dict.fromkeys(("list", "join", "part"), "administrators")
    serializer_class = PersonLinkOut
    queryset = PersonLink.objects.select_related("account", "other", "by")

    @extend_schema(responses={200: PersonLinkOut(many=True)})
    def list(self, request: Request) -> Response:
        """All decisions, newest first."""
        return self.pages(self.get_queryset(), PersonLinkOut)

    @extend_schema(request=JoinIn, responses={201: PersonLinkOut})
    def join(self, request: Request) -> Response:
        """Say that two accounts belong to one human."""
        link = services.join_person(actor=self.actor, **self.parse(JoinIn))
        return Response(PersonLinkOut(link).data, status=201)

    @extend_schema(request=PartIn, responses={201: PersonLinkOut})
    def part(self, request: Request) -> Response:
        """Say that an account is another human's after all."""
        link = services.part_person(actor=self.actor, **self.parse(PartIn))
        return Response(PersonLinkOut(link).data, status=201)
