"""What the OpenAPI document says of every operation alike: how it may be refused, the
headers that it takes and the headers that it answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from postmortem.lib.drf.problems import MEDIA_TYPE

STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "An error as RFC 9457 problem+json.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Always about:blank; `code` names the case.",
        },
        "title": {"type": "string", "description": "One sentence: what is wrong."},
        "status": {"type": "integer"},
        "code": {
            "type": "string",
            "description": "Stable code, the same as in the pages.",
        },
        "errors": {
            "type": "array",
            "description": "For each fault: field (or JSON path), code and message.",
            "items": STRINGS,
        },
        "findings": {
            "type": "array",
            "description": "What blocks the transition, worst first.",
            "items": STRINGS,
        },
        "current": {
            "type": "object",
            "additionalProperties": {},
            "description": "After a stale write: what is stored now.",
        },
        "request_id": {
            "type": "string",
            "description": "After a 500: how the log names this request.",
        },
    },
}
ALWAYS = {
    400: "It cannot be understood: malformed body, header or cursor",
    401: "Not signed in",
    403: "Not allowed",
    404: "Nothing here that you may see",
    406: "Only JSON is answered here",
    422: "Refused input, all faults at once",
    429: "Too many requests; Retry-After says when to go on",
    500: "Broken on our side; nothing was kept",
    503: "The database does not answer; Retry-After says when to go on",
    507: "The disk is full; nothing was kept, Retry-After says when to go on",
}
WRITES = {
    409: "Not in this state, stale, or the same request is still at work",
    413: "The body is too large",
    415: "The body is of a kind that is not read here",
}
FILES = {409: "The file is missing or withheld"}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Made up by you for one request, for example a UUID: the same "
    "request under the same key is done once and answered alike for 24 hours.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}
MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that you read. If the row has moved on since: 409.",
    "schema": {"type": "string", "pattern": '^"[!#-~]*"$'},
}
NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that you have. If it still holds: 304 without a body.",
    "schema": {"type": "string", "pattern": '^"[!#-~]*"$'},
}


def _header(words: str) -> dict[str, Any]:
    return {"description": words, "schema": {"type": "string"}}


class Schema(AutoSchema):
    """An operation with what all of them share; views tell only their own part."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        writes = self.method in {"POST", "PATCH"}
        parameters = operation.setdefault("parameters", [])
        if self.method == "POST":
            parameters.append(KEY)
        view: Any = self.view
        # The view of a document is called with no address: what one would give it.
        view.kwargs = {
            each["name"]: None for each in parameters if each["in"] == "path"
        }
        if writes and view.honors_if_match():
            parameters.append(MATCH)
        responses = operation["responses"]
        for status, answer in responses.items():
            answer["headers"] = {"ETag": _header("Changes with what is answered.")}
            if status == "201":
                answer["headers"]["Location"] = _header("The new row.")
            if status == "202":
                answer["headers"]["Location"] = _header("Where it stands.")
            if self.method == "POST":
                answer["headers"]["Idempotency-Replayed"] = _header(
                    "`true`: this was done before, under the same key."
                )
        refusals = ALWAYS | (WRITES if writes else {})
        if self.method == "GET":
            parameters.append(NONE_MATCH)
            if "application/json" not in responses["200"].get("content", {}):
                refusals = refusals | FILES
            responses["304"] = {"description": "What you have still holds"}
        for status, words in sorted(refusals.items()):
            responses[str(status)] = {
                "description": words,
                "content": {MEDIA_TYPE: {"schema": self._problem().ref}},
            }
        return operation

    def _get_paginator(self) -> Any:
        """Only what is read comes in pages; a verb answers the rows it was sent."""
        if self.method != "GET":
            return None
        return super()._get_paginator()  # type: ignore[no-untyped-call]

    def _problem(self) -> ResolvedComponent:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem",
            type=ResolvedComponent.SCHEMA,
            object="Problem",
            schema=PROBLEM,
        )
        self.registry.register_on_missing(component)
        return component
