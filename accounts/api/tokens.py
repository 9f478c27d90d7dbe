"""API tokens of one's own, which a person makes and revokes; how the schema tells of
the two ways to sign in. (Apart from the authenticators: those load with the settings.)
"""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.api.base import ApiViewSet
from accounts.models import ApiToken, User


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema tells of tokens."""

    target_class = "accounts.api.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema tells of the browser's session."""

    target_class = "accounts.api.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class OwnTokens(permissions.BasePermission):
    """Everybody signed in sees their own tokens; making and revoking takes the person
    at the browser, so that a stolen token cannot make others."""

    message = "Tokens are made and revoked by a signed-in person, not by a token."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, User):
            return False
        if isinstance(request.auth, ApiToken):
            return request.method == "GET" and request.auth.allows(ApiToken.Scope.READ)
        return True


class TokenOut(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk", read_only=True)
    name = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    prefix = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)
    revoked_at = serializers.DateTimeField(read_only=True, allow_null=True)


class NewTokenOut(TokenOut):
    secret = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="Shown once and never stored: null when a request with the same "
        "Idempotency-Key is repeated.",
    )


class TokenIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=ApiToken.Scope.choices)
    )
    kind = serializers.ChoiceField(choices=ApiToken.Kind.choices, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class TokenViewSet(ApiViewSet):
    """One's own API tokens."""

    permission_classes = [OwnTokens]
    permission_map = {"list": "signed_in", "add": "signed_in", "revoke": "signed_in"}
    serializer_class = TokenOut
    queryset = ApiToken.objects.none()

    def kept(self, data: Any) -> Any:
        """A repeated request is told of the token, never again of its secret."""
        if isinstance(data, dict) and "secret" in data:
            return {**data, "secret": None}
        return data

    @extend_schema(responses={200: TokenOut(many=True)})
    def list(self, request: Request) -> Response:
        """Your tokens, without their secrets."""
        return self.pages(ApiToken.objects.filter(user=self.actor), TokenOut)

    @extend_schema(request=TokenIn, responses={201: NewTokenOut})
    def add(self, request: Request) -> Response:
        """Make a token; its secret is in this answer and nowhere else."""
        token, secret = services.create_api_token(
            actor=self.actor, **self.parse(TokenIn)
        )
        return Response({**TokenOut(token).data, "secret": secret}, status=201)

    @extend_schema(request=None, responses={200: TokenOut})
    def revoke(self, request: Request, token_id: int) -> Response:
        """Make a token of yours useless from now on."""
        try:
            token = services.revoke_api_token(actor=self.actor, token_id=token_id)
        except ApiToken.DoesNotExist:
            raise Http404 from None
        return Response(TokenOut(token).data)
