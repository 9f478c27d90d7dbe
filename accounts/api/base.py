"""What every view of the API is made of: done once under an Idempotency-Key, refused
when the row has moved on (If-Match), answered with an ETag or not at all (304)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, TypeVar

from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.models import IdempotentRequest, User
from postmortem.lib import sensitive
from postmortem.lib.drf import BadRequest, Filters
from postmortem.lib.errors import StaleVersion
from postmortem.lib.uploads import ReceivedFile, look_through
from postmortem.lib.words import listed

F = TypeVar("F", bound=Filters)
REPLAYED = "Idempotency-Replayed"


class ApiViewSet(viewsets.GenericViewSet[Any]):
    """Base of all views: the declared permission of each action, `self.actor`."""

    permission_map: ClassVar[dict[str, str]] = {}
    http_method_names = ["get", "head", "post", "patch"]
    # Actions that answer a file, whatever kinds of answer the client names.
    answers_files: ClassVar[frozenset[str]] = frozenset()
    post: Any
    patch: Any

    @property
    def actor(self) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user

    # --- what is read -----------------------------------------------------------------

    def parse(
        self,
        serializer: type[serializers.Serializer[Any]],
        *,
        partial: bool = False,
    ) -> dict[str, Any]:
        """The body as the service takes it; refused input raises 422, all faults at
        once. A field that is not taken is one: who sent it believes that it counts."""
        parsed = serializer(
            data=self.request.data,
            context=self.get_serializer_context(),
            partial=partial,
        )
        faults = _not_taken(parsed)
        if not parsed.is_valid() or faults:
            raise serializers.ValidationError({**parsed.errors, **faults})
        return dict(parsed.validated_data)

    def narrowed(self, filters: type[F]) -> F:
        """The parameters of a list; an unknown one or an odd value raises 422."""
        parsed = filters(
            data=self.request.query_params, context=self.get_serializer_context()
        )
        parsed.is_valid(raise_exception=True)
        return parsed

    # --- what is answered -------------------------------------------------------------

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        is_file = getattr(self, "action", None) in self.answers_files
        return super().perform_content_negotiation(request, force or is_file)

    def pages(
        self,
        rows: Any,
        serializer: type[serializers.Serializer[Any]],
        filters: type[Filters] = Filters,
    ) -> Response:
        """A cursor page of a queryset, narrowed by the parameters."""
        page = self.paginate_queryset(self.narrowed(filters).narrow(rows))
        assert page is not None
        context = self.get_serializer_context()
        return self.get_paginated_response(
            serializer(page, many=True, context=context).data
        )

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        page = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(page, Response) and page.status_code < 300:
            _tag(page)
        if request.method in {"GET", "HEAD"} and _is_had(request, page):
            kept = HttpResponse(status=304)
            kept["ETag"] = page["ETag"]
            patch_vary_headers(kept, ["Accept", "Cookie"])
            return kept
        return page

    def kept(self, data: Any) -> Any:
        """What of an answer is kept for a repeated request: nothing that is secret."""
        return data

    # --- doing it once, on what was read ----------------------------------------------

    def check_permissions(self, request: Request) -> None:
        is_known = str(request.method).lower() in getattr(self, "action_map", {})
        if not is_known and request.user.is_authenticated:
            self.http_method_not_allowed(request)
        super().check_permissions(request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            # The permission is checked by now: whoever lost it gets no old answer.
            self.post = partial(self._once, self.post)
        elif request.method == "PATCH":
            self.patch = partial(self._on_what_was_read, self.patch)

    def _once(self, act: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        """`act`, at most once for one Idempotency-Key. Key, effect and answer are one
        transaction: a crash leaves neither, so that a repetition finds all or nothing.
        """
        look_through(request.FILES)  # the body has come in whole by then
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return self._on_what_was_read(act, request, *args, **kwargs)
        digest = request_digest(request)
        with transaction.atomic():
            before = services.claim_request(actor=self.actor, key=key, digest=digest)
            if before is not None:
                return _replay(before)
            try:
                with transaction.atomic():
                    page = self._on_what_was_read(act, request, *args, **kwargs)
            except Exception as error:  # noqa: BLE001
                page = self.handle_exception(error)  # raises what is no answer
            kept = Response(
                self.kept(page.data), page.status_code, content_type=page.content_type
            )
            for name in ("Location", "Retry-After"):
                if name in page:
                    kept[name] = page[name]
            kept = self.finalize_response(request, kept, *args, **kwargs)
            kept.render()
            services.keep_answer(
                actor=self.actor,
                key=key,
                digest=digest,
                status=kept.status_code,
                body=kept.content.decode(),
                headers={
                    name: kept[name]
                    for name in ("Content-Type", "ETag", "Location", "Retry-After")
                    if name in kept
                },
            )
        return page

    def _on_what_was_read(
        self, act: Any, request: Request, *args: Any, **kwargs: Any
    ) -> Any:
        """`act`, if the row is still at a version that If-Match names. The look and
        the act are one transaction, under the lock of the incident."""
        wanted = read_versions(request)
        if wanted is None:
            return act(request, *args, **kwargs)
        if not self.honors_if_match():
            raise BadRequest(
                "Nothing is changed here that If-Match could name: leave it out.",
                code="nothing_to_match",
            )
        with transaction.atomic():
            row = self.matched_row()
            if row is not None and wanted and row.version not in wanted:
                raise StaleVersion(
                    f"{row.ref or 'This'} has moved on since you read it. Nothing was "
                    "done: read it again and decide again.",
                    current=self.shown_now(row),
                )
            return act(request, *args, **kwargs)

    def honors_if_match(self) -> bool:
        """Whether this action is on one row that has a version."""
        return False

    def matched_row(self) -> Any:
        """That row, read under the lock."""
        raise NotImplementedError

    def shown_now(self, row: Any) -> dict[str, Any]:
        """What a stale request is shown."""
        shape = self.get_serializer_class()
        return dict(shape(row, context=self.get_serializer_context()).data)


def _not_taken(parsed: serializers.Serializer[Any]) -> dict[str, list[ErrorDetail]]:
    sent = parsed.initial_data
    if not isinstance(sent, Mapping):
        return {}  # which the serializer says
    taken = {name for name, field in parsed.fields.items() if not field.read_only}
    words = f"This is no field that is taken here: {listed(sorted(taken))}."
    return {
        sensitive.mask(name[:60]): [ErrorDetail(words, code="unknown_field")]
        for name in sent
        if name not in taken
    }


def request_digest(request: Request) -> str:
    """SHA-256 over what makes two requests the same: method, address, If-Match and
    body as it was understood; of an upload its fields and the content of its files."""
    body = request.data
    if isinstance(body, QueryDict):  # a form: MultiValueDict of texts and files
        body = [
            [name, [_digested(value) for value in body.getlist(name)]]
            for name in sorted(body)
        ]
    told = [
        request.method,
        request.get_full_path(),
        request.headers.get("If-Match", ""),
        body,
    ]
    return hashlib.sha256(
        json.dumps(told, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()


def _digested(value: Any) -> Any:
    if not isinstance(value, ReceivedFile):
        return value
    return [value.name, value.content_type, value.sha256]


def read_versions(request: Request) -> set[int] | None:
    """The versions that If-Match names; None: there is no such header; empty: any.

    A tag that is no version of ours matches none, and is never ignored. A weak one is
    taken, against RFC 9110: a proxy that compresses our answers makes their tags weak,
    and the version in them stays exact.
    """
    header = request.headers.get("If-Match")
    if header is None:
        return None
    if header.strip() == "*":
        return set()
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    found = {tag.partition("-")[0] for tag in tags}
    return {int(n) if n.isdecimal() and len(n) <= 18 else 0 for n in found}


def _tag(page: Response) -> None:
    """A strong ETag: the row's version, by which If-Match goes, and a digest of all
    that is answered, which also moves when something joined to the row does."""
    page.render()
    digest = hashlib.sha256(page.content).hexdigest()[:16]
    version = page.data.get("version") if isinstance(page.data, dict) else None
    page["ETag"] = f'"{version}-{digest}"' if version else f'"{digest}"'


def _is_had(request: Request, page: HttpResponseBase) -> bool:
    header = request.headers.get("If-None-Match", "")
    tag = page.headers.get("ETag")
    if page.status_code != 200 or not tag or not header:
        return False
    had = {item.strip().removeprefix("W/") for item in header.split(",")}
    return "*" in had or tag in had


def _replay(before: IdempotentRequest) -> HttpResponse:
    page = HttpResponse(before.body, status=before.status)
    for name, value in before.headers.items():
        page[name] = value
    page[REPLAYED] = "true"
    return page
