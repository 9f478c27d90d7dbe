"""Lists of the API: cursor pages, and the filters that narrow them."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from drf_spectacular.drainage import set_override
from rest_framework import pagination, serializers
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from postmortem.lib.canonical import digest
from postmortem.lib.drf.problems import BadRequest


class CursorPagination(pagination.CursorPagination):
    """Cursor pages, newest first: stable while rows are added, since a row's key never
    changes and no two are equal. `page_size` up to 200."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200
    listed: str  # which rows the cursors of this answer are of

    def get_page_size(self, request: Request) -> int | None:
        given = str(request.query_params.get(self.page_size_query_param, ""))
        if not given:
            return self.page_size
        is_number = given.isascii() and given.isdecimal() and len(given) < 4
        if not is_number or not 1 <= int(given) <= self.max_page_size:
            raise serializers.ValidationError(
                {"page_size": f"Give a number from 1 to {self.max_page_size}."}
            )
        return int(given)

    def decode_cursor(self, request: Request) -> pagination.Cursor | None:
        """Where to go on. A cursor names its list, so that one of another list or of
        other filters is refused instead of leaving rows out."""
        self.listed = _digest_of_list(request)
        given = request.query_params.get(self.cursor_query_param)
        if not given:
            return None
        found = re.fullmatch(rf"{self.listed}([np])([0-9]{{1,18}})", given)
        if found is None:
            raise _bad_cursor()
        return pagination.Cursor(0, found[1] == "p", int(found[2]))

    def encode_cursor(self, cursor: pagination.Cursor) -> str:
        """The address of the page before or behind a row; there are no ties to count,
        since `ordering` is unique."""
        way = "p" if cursor.reverse else "n"
        text = f"{self.listed}{way}{cursor.position}"
        return replace_query_param(str(self.base_url), self.cursor_query_param, text)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        words = "The `cursor` of a `next` or `previous` link; opaque."
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return [
            {
                "name": self.cursor_query_param,
                "in": "query",
                "required": False,
                "description": words,
                "schema": {"type": "string"},
            },
            {
                "name": self.page_size_query_param,
                "in": "query",
                "required": False,
                "description": f"Rows on a page; {self.page_size} unless told.",
                "schema": size,
            },
        ]


def _digest_of_list(request: Request) -> str:
    """Which rows are listed: address and filters, however many stand on a page."""
    turns = {
        CursorPagination.cursor_query_param,
        CursorPagination.page_size_query_param,
    }
    filters = [
        [name, values]
        for name, values in sorted(request.query_params.lists())
        if name not in turns
    ]
    return digest([request.path, filters])[:12]


def _bad_cursor() -> BadRequest:
    return BadRequest(
        "This is no cursor of this list: follow `next` and `previous` as they are, or "
        "leave the cursor out to begin again.",
        code="bad_cursor",
    )


class AnyOfField(serializers.Field[list[str], list[str], list[str], Any]):
    """One or several values of a choice: `?status=active,stabilized`, or the parameter
    twice. An unknown one is refused with those that there are."""

    default_error_messages = {"unknown": "“{value}” is none of: {choices}."}

    def __init__(self, choices: list[tuple[Any, Any]], **kwargs: Any) -> None:
        self.names = [str(value) for value, _ in choices]
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)
        items = {"type": "string", "enum": self.names}
        set_override(self, "field", {"type": "array", "items": items})

    def get_value(self, dictionary: Any) -> Any:
        given = [
            part.strip()
            for text in dictionary.getlist(self.field_name)
            for part in text.split(",")
        ]
        return [part for part in given if part] or serializers.empty

    def to_internal_value(self, data: list[str]) -> list[str]:
        for value in data:
            if value not in self.names:
                self.fail("unknown", value=value[:80], choices=", ".join(self.names))
        return data

    def to_representation(self, value: list[str]) -> list[str]:
        return value


class FlagField(serializers.BooleanField):
    """A boolean that an address or a form may leave out: absent is not 'no'."""

    default_empty_html = serializers.empty


class WordsField(serializers.CharField):
    """Words that a row must contain, all of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_blank=True, max_length=200, **kwargs)


class Filters(serializers.Serializer[Any]):
    """The parameters of a list. A field narrows by its look-up in `lookups`, or by a
    method `narrow_<name>`; one with neither is left to the view."""

    lookups: ClassVar[dict[str, str]] = {}
    search_in: ClassVar[tuple[str, ...]] = ()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A misspelled filter must not answer everything."""
        known = {*self.fields, "cursor", "page_size"}
        stray = sorted(set(self.initial_data) - known)
        if stray:
            names = ", ".join(sorted(known))
            raise serializers.ValidationError(
                {stray[0][:80]: f"There is no such parameter here. Known: {names}."},
                code="unknown_parameter",
            )
        return attrs

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """`rows` by what was asked for."""
        for name, value in self.validated_data.items():
            own = getattr(self, f"narrow_{name}", None)
            if own is not None:
                rows = own(rows, value)
            elif name in self.lookups:
                rows = rows.filter(**{self.lookups[name]: value})
        return rows

    def narrow_q(self, rows: QuerySet[Any], words: str) -> QuerySet[Any]:
        for word in words.split():
            places = Q()
            for name in self.search_in:
                places |= Q(**{f"{name}__icontains": word})
            rows = rows.filter(places)
        return rows
