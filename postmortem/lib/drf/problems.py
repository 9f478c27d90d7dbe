"""Every refusal of the API as problem+json (RFC 9457), with the codes of the pages."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.core.exceptions import (
    NON_FIELD_ERRORS,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from postmortem.lib import sensitive
from postmortem.lib.errors import DomainError, GateClosed, StaleVersion
from postmortem.lib.record import MalformedCase

MEDIA_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)


class TooLarge(exceptions.APIException):
    """A body above the limit; nothing of it was kept."""

    status_code = 413
    default_code = "too_large"
    default_detail = "The body is larger than is read here."


class BadRequest(exceptions.APIException):
    """A request that cannot be understood, whatever the state of things."""

    status_code = 400
    default_code = "bad_request"
    default_detail = "This request cannot be understood."


def problem(status: int, code: str, title: str, **more: Any) -> Response:
    """One problem+json answer."""
    body = {"type": "about:blank", "title": title, "status": status, "code": code}
    return Response({**body, **more}, status=status, content_type=MEDIA_TYPE)


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


def _invalid(errors: list[dict[str, str]]) -> Response:
    """What cannot be accepted. A sentence may quote what was sent: never a card number
    or a secret."""
    for row in errors:
        row |= {name: sensitive.mask(row[name]) for name in ("field", "message")}
    title = "Some of what was sent cannot be accepted."
    return problem(422, "invalid", title, errors=errors)


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Every refusal of the API as problem+json, with the codes that the pages use."""
    if isinstance(exc, ValidationError):
        return _invalid(validation_errors(exc))
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
        body = problem(exc.status, exc.code, exc.message)
        if exc.retry_after is not None:
            body["Retry-After"] = str(exc.retry_after)
        return body
    if isinstance(exc, RequestDataTooBig):
        exc = TooLarge()
    elif isinstance(exc, SuspiciousOperation):  # too many fields or files, odd names
        exc = BadRequest()
    if isinstance(exc, PermissionDenied):
        return problem(403, "permission_denied", str(exc) or "You may not do this.")
    if isinstance(exc, Http404 | ObjectDoesNotExist):  # a withdrawn row is not there
        return problem(404, "not_found", "There is nothing here that you may see.")
    # rest_framework.views reads the settings that name this module: load it late.
    handled = import_module("rest_framework.views").exception_handler(exc, context)
    if handled is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        body = _invalid(_parse_errors(exc.detail))
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


# --- what never reached a view of the API, or crashed in one --------------------------

TITLES = {
    400: ("bad_request", "This request cannot be understood."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is no such address here. Addresses end with a slash."),
    405: ("method_not_allowed", "This address does not answer that method."),
    413: ("too_large", "The body is larger than is read here."),
    415: ("unsupported_media_type", "Only UTF-8 is read here."),
    500: (
        "server_error",
        "Something broke on our side, and nothing was kept. Try again with the same "
        "Idempotency-Key; if it stays, tell the operators the request_id.",
    ),
    503: (
        "database_away",
        "The database does not answer. Wait as long as Retry-After says, then send the "
        "same again, a POST with the same Idempotency-Key.",
    ),
    507: (
        "disk_full",
        "The disk of the server is full, and nothing was kept. Tell the operators to "
        "make room, then send the same again, a POST with the same Idempotency-Key.",
    ),
}


class ProblemMiddleware:
    """Everything under /api/ that is refused before or outside of the views is
    problem+json too; a crash gets an id that stands in the log with its traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        page = self.get_response(request)
        if not request.path.startswith("/api/"):
            return page
        if page.status_code == 301 and request.method not in {"GET", "HEAD"}:
            # A missing slash. Whoever followed would lose method and body.
            page.status_code = 404
            del page["Location"]
        is_told = page.get("Content-Type", "").startswith(MEDIA_TYPE)
        if page.status_code < 400 or is_told:
            return page
        status = page.status_code
        code, title = TITLES.get(status, ("error", page.reason_phrase))
        body = {"type": "about:blank", "title": title, "status": status, "code": code}
        if status >= 500:
            body["request_id"] = _request_id(request)
        page.content = json.dumps(body, ensure_ascii=False).encode()
        page["Content-Type"] = MEDIA_TYPE
        page["Content-Length"] = str(len(page.content))
        return page

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if request.path.startswith("/api/"):
            logger.error(
                "request %s failed: %s %s",
                _request_id(request),
                request.method,
                request.path,
                exc_info=exception,
            )


def _request_id(request: HttpRequest) -> str:
    """The id of a failed request: in its answer, and in the log by its traceback."""
    if not hasattr(request, "request_id"):
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
    return str(request.request_id)  # type: ignore[attr-defined]
