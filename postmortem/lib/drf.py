"""The API's manners: denied unless declared, problem+json errors, cursor pages."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.core.exceptions import (
    NON_FIELD_ERRORS,
    ObjectDoesNotExist,
    PermissionDenied,
    ValidationError,
)
from django.http import Http404
from rest_framework import exceptions, pagination, parsers, permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from postmortem.lib.errors import DomainError, GateClosed, StaleVersion
from postmortem.lib.record import MalformedCase

if TYPE_CHECKING:
    from rest_framework.views import APIView

# As large as a case file may be; uploads come as multipart and stream to disk.
MAX_BODY = 50 * 1024 * 1024


class TooLarge(exceptions.APIException):
    """A body above the limit; nothing of it was kept."""

    status_code = 413
    default_code = "too_large"
    default_detail = "The body is larger than is read here."


class JSONParser(parsers.JSONParser):
    """JSON as this API reads it: of bounded size and depth, each key once, and only
    text that UTF-8 can hold. What is refused is a 400 in words, never a crash."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> Any:
        raw = stream.read(MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise TooLarge(f"The body is larger than {MAX_BODY // 1024 // 1024} MB.")
        try:
            text = raw.decode("utf-8-sig")
            body = json.loads(
                text, parse_constant=_no_constant, object_pairs_hook=_no_twins
            )
            json.dumps(body, ensure_ascii=False).encode()
        except RecursionError as error:
            raise exceptions.ParseError("The JSON is nested too deeply.") from error
        except UnicodeDecodeError as error:
            raise exceptions.ParseError("The body is not UTF-8 text.") from error
        except UnicodeEncodeError as error:
            raise exceptions.ParseError(
                "The JSON holds half of a Unicode pair."
            ) from error
        except ValueError as error:
            raise exceptions.ParseError(f"This is not JSON: {error}") from error
        return body


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number.")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in body if keys.count(key) > 1)
        raise ValueError(f"the key “{twin}” stands twice in one object.")
    return body


class DenyUnlessDeclared(permissions.BasePermission):
    """The default: a view that declares nothing is closed to everybody."""

    message = "This address has no declared permission."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


class CursorPagination(pagination.CursorPagination):
    """Cursor pages: stable while rows are added. `page_size` up to 200."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200


class ProblemSerializer(serializers.Serializer[Any]):
    """An error as RFC 9457 problem+json."""

    type = serializers.CharField(help_text="Always about:blank; `code` names the case.")
    title = serializers.CharField(help_text="One sentence: what is wrong.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable code, the same as in the pages.")
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(),
        required=False,
        help_text="For each fault: field (or JSON path), code and message.",
    )
    findings = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="What blocks the transition: id, subject, message, hint.",
    )
    current = serializers.DictField(
        required=False, help_text="After a stale write: what is stored now."
    )


def problem(status: int, code: str, title: str, **more: Any) -> Response:
    """One problem+json answer."""
    body = {"type": "about:blank", "title": title, "status": status, "code": code}
    return Response(
        {**body, **more}, status=status, content_type="application/problem+json"
    )


def validation_errors(error: ValidationError) -> list[dict[str, str]]:
    """Django's ValidationError as [{field, code, message}]; '' is the whole body."""
    if isinstance(error, MalformedCase):
        return [
            {"field": f.path, "code": "malformed", "message": f.reason}
            for f in error.faults
        ]
    grouped = (
        error.error_dict
        if hasattr(error, "error_dict")
        else {NON_FIELD_ERRORS: error.error_list}
    )
    return [
        {
            "field": "" if name == NON_FIELD_ERRORS else name,
            "code": item.code or "invalid",
            "message": " ".join(item.messages),
        }
        for name, items in grouped.items()
        for item in items
    ]


def _parse_errors(detail: Any, where: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [
            row
            for name, item in detail.items()
            for row in _parse_errors(
                item,
                where
                if name == "non_field_errors"
                else (f"{where}.{name}" if where else str(name)),
            )
        ]
    if isinstance(detail, list):
        return [
            row
            for index, item in enumerate(detail)
            for row in _parse_errors(
                item, f"{where}[{index}]" if isinstance(item, dict | list) else where
            )
        ]
    return [
        {
            "field": where,
            "code": getattr(detail, "code", None) or "invalid",
            "message": str(detail),
        }
    ]


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Every refusal of the API as problem+json, with the codes that the pages use."""
    if isinstance(exc, ValidationError):
        return problem(
            422,
            "invalid",
            "Some of what was sent cannot be accepted.",
            errors=validation_errors(exc),
        )
    if isinstance(exc, StaleVersion):
        return problem(exc.status, exc.code, exc.message, current=exc.current)
    if isinstance(exc, GateClosed):
        return problem(
            exc.status,
            exc.code,
            exc.message,
            findings=[
                {
                    "id": f.id,
                    "level": f.level,
                    "subject": f.subject_ref,
                    "message": f.message,
                    "hint": f.hint,
                }
                for f in exc.findings
            ],
        )
    if isinstance(exc, DomainError):
        return problem(exc.status, exc.code, exc.message)
    if isinstance(exc, PermissionDenied):
        return problem(403, "permission_denied", str(exc) or "You may not do this.")
    if isinstance(exc, Http404 | ObjectDoesNotExist):  # a withdrawn row is not there
        return problem(404, "not_found", "There is nothing here that you may see.")
    # rest_framework.views reads the settings that name this module: load it late.
    handled = import_module("rest_framework.views").exception_handler(exc, context)
    if handled is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        body = problem(
            422,
            "invalid",
            "Some of what was sent cannot be accepted.",
            errors=_parse_errors(exc.detail),
        )
    else:
        detail = getattr(exc, "detail", "")
        body = problem(
            handled.status_code,
            getattr(detail, "code", None) or "error",
            str(detail) or str(exc),
        )
    for name, value in handled.items():
        if name.lower() in {"www-authenticate", "retry-after", "allow"}:
            body[name] = value
    return body
