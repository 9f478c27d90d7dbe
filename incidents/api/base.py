"""What every API view of a case is made of."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404
from django.urls import URLPattern, path, reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import ApiViewSet
from accounts.models import ApiToken, User
from incidents import permissions
from incidents.decorators import find_incident
from incidents.models import CaseRecord, Evidence, Incident
from incidents.services.core import hold_incident
from postmortem.lib.drf import Filters, FlagField
from postmortem.lib.times import has_offset, refuse_odd_year

# Verbs that are a person's word: a token needs the scope 'approve' (decision 9).
PERSONAL = frozenset({"review.approve", "action.approve", "finding.accept"})
MOST_REFS = 1_000  # in one list


class CasePermission(BasePermission):
    """`permission_map` says what each action takes; a missing key denies."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = getattr(view, "permission_map", {}).get(getattr(view, "action", ""))
        user = request.user
        if needed is None or not isinstance(user, User):
            return False
        token = request.auth
        if isinstance(token, ApiToken):
            writes = request.method not in {"GET", "HEAD", "OPTIONS"}
            scope = (
                ApiToken.Scope.APPROVE
                if needed in PERSONAL
                else ApiToken.Scope.WRITE
                if writes
                else ApiToken.Scope.READ
            )
            if not token.allows(scope):
                raise PermissionDenied(f"This token lacks the scope “{scope}”.")
        if view.kwargs.get("key"):
            view.incident = find_incident(  # type: ignore[attr-defined]
                user, view.kwargs["key"], request.path
            )
        permissions.require(user, needed)
        return True


class CaseViewSet(ApiViewSet):
    """Base of the views of a case: declared permissions, `self.incident`."""

    permission_classes = [CasePermission]
    incident: Incident
    queryset: Any = None
    # The name of a row in the addresses: `{noun}-detail`.
    noun: ClassVar[str] = ""

    def get_serializer_context(self) -> dict[str, Any]:
        return {
            **super().get_serializer_context(),
            "incident": getattr(self, "incident", None),
        }

    def parse(
        self,
        serializer: type[serializers.Serializer[Any]],
        *,
        partial: bool = False,
    ) -> dict[str, Any]:
        """A frozen record says so before the body is looked at: nobody mends it in
        vain."""
        incident = getattr(self, "incident", None)
        if incident is not None and incident.is_frozen:
            needed = self.permission_map[self.action]
            permissions.require(self.actor, needed, incident)
        return super().parse(serializer, partial=partial)

    def parse_edit(
        self, serializer: type[serializers.Serializer[Any]]
    ) -> dict[str, Any]:
        """The body of a PATCH: only what was sent."""
        return self.parse(serializer, partial=True)

    def answer(
        self,
        serializer: type[serializers.Serializer[Any]],
        row: Any,
        *,
        status: int = 200,
    ) -> Response:
        """One row; a new one with its address."""
        body = serializer(row, context=self.get_serializer_context()).data
        page = Response(body, status=status)
        if status == 201 and self.noun:
            page["Location"] = reverse(
                f"api:{self.noun}-detail", args=[row.incident.key, row.number]
            )
        return page

    def honors_if_match(self) -> bool:
        return "number" in self.kwargs

    def matched_row(self) -> Any:
        """The row of the address; holds the incident until the transaction ends."""
        hold_incident(self.incident.pk)
        return self.row(self.queryset.model, self.kwargs["number"])

    def row(self, model: type[CaseRecord], number: int) -> CaseRecord:
        """One row of the incident in the URL, or 404."""
        found = model._default_manager.filter(
            incident=self.incident, number=number
        ).first()
        if found is None:
            raise Http404
        return found


def addresses(
    place: str, view: type[CaseViewSet], *verbs: str, add: str = "add"
) -> list[URLPattern]:
    """The addresses of one kind of row: a collection's POST adds, a row's PATCH edits,
    every other write is a verb below its row. Answered is what `permission_map` names.
    """

    def answer(**methods: str) -> Any:
        named = view.permission_map
        return view.as_view({how: act for how, act in methods.items() if act in named})

    row = f"{place}/<int:number>/"
    return [
        path(f"{place}/", answer(get="list", post=add), name=f"{view.noun}-list"),
        path(row, answer(get="retrieve", patch="edit"), name=f"{view.noun}-detail"),
        *(
            path(
                f"{row}{verb}/",
                answer(post=verb.replace("-", "_")),
                name=f"{view.noun}-{verb}",
            )
            for verb in verbs
        ),
    ]


def _may_be_missing(kwargs: dict[str, Any]) -> None:
    """What is answered of another row, a person or a time is null if there is none."""
    if kwargs.get("read_only"):
        kwargs.setdefault("allow_null", True)


@extend_schema_field({"type": "string"})
class RefField(serializers.Field[CaseRecord, str, str, Any]):
    """A row of the same case by its ref, such as `EV-4`. known: rows by number, where
    a list has found those of all its refs."""

    known: dict[int, CaseRecord] | None = None

    default_error_messages = {
        "unknown": "There is no {ref} in this incident.",
        "shape": "Write a ref such as {prefix}-4.",
    }

    def __init__(self, model: type[CaseRecord], **kwargs: Any) -> None:
        self.model = model
        _may_be_missing(kwargs)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> CaseRecord:
        number = self.number_of(data)
        if not number:
            self.fail("shape", prefix=self.model.prefix)
        known = self.look_up({number}) if self.known is None else self.known
        if number not in known:
            self.fail("unknown", ref=str(data))
        return known[number]

    def to_representation(self, value: CaseRecord) -> str:
        return value.ref

    def number_of(self, data: Any) -> int:
        """The number in a ref; 0: it does not look like one."""
        prefix, _, number = str(data).partition("-")
        is_ref = prefix == self.model.prefix and number.isdecimal() and len(number) < 10
        return int(number) if is_ref else 0

    def look_up(self, numbers: set[int]) -> dict[int, CaseRecord]:
        """The rows of these numbers that stand in the case."""
        rows = self.model._default_manager.filter(
            incident=self.context["incident"], number__in=numbers, retracted_at=None
        )
        return {row.number: row for row in rows}


@extend_schema_field(
    {"type": "array", "items": {"type": "string"}, "maxItems": MOST_REFS}
)
class RefListField(serializers.ListField):
    """Rows of the same case by their refs, found in one look; each counts once."""

    child: RefField

    def __init__(self, model: type[CaseRecord], **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(child=RefField(model), **kwargs)

    def run_child_validation(self, data: list[Any]) -> list[CaseRecord]:
        if len(data) > MOST_REFS:
            raise serializers.ValidationError(
                f"Name at most {MOST_REFS} at a time.", code="max_length"
            )
        refs = self.child
        refs.known = refs.look_up({refs.number_of(item) for item in data})
        return list(dict.fromkeys(super().run_child_validation(data)))


class EvidenceListField(RefListField):
    """Refs of evidence that a claim rests on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Evidence, **kwargs)


@extend_schema_field({"type": "string"})
class PersonField(serializers.Field[User, str, str, Any]):
    """A person by handle (normally the email)."""

    default_error_messages = {"unknown": "Nobody here has the handle “{handle}”."}

    def __init__(self, **kwargs: Any) -> None:
        _may_be_missing(kwargs)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> User:
        user = None
        if isinstance(data, str) and "\x00" not in data:
            user = User.objects.filter(handle=data).first()
        if user is None:
            self.fail("unknown", handle=str(data)[:80])
        assert user is not None
        return user

    def to_representation(self, value: User) -> str:
        return value.handle


class MomentField(serializers.DateTimeField):
    """A time with its offset, such as 2026-03-10T14:05:00Z; answered in UTC."""

    default_error_messages = {
        "offset": "Write the offset: Z or +01:00 behind the time.",
    }

    def __init__(self, **kwargs: Any) -> None:
        _may_be_missing(kwargs)
        super().__init__(**kwargs)

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str) and not has_offset(value):
            self.fail("offset")
        moment = super().to_internal_value(value)
        refuse_odd_year(moment)
        return moment


class EditIn(serializers.Serializer[Any]):
    """What every edit takes besides its fields."""

    version = serializers.IntegerField(
        required=False,
        help_text="The version that was read; a stale one is refused with 409.",
    )


class ReasonIn(serializers.Serializer[Any]):
    reason = serializers.CharField()


class RowFilters(Filters):
    """Of every list of rows."""

    retracted = FlagField(
        required=False, help_text="Only withdrawn rows, or only those in force."
    )

    def narrow_retracted(self, rows: QuerySet[Any], wanted: bool) -> QuerySet[Any]:
        return rows.filter(retracted_at__isnull=not wanted)


class ClaimFilters(RowFilters):
    """Of lists of claims."""

    provisional = FlagField(
        required=False, help_text="Whether no original record proves it yet."
    )

    def narrow_provisional(self, rows: QuerySet[Any], wanted: bool) -> QuerySet[Any]:
        """`Claim.is_provisional` in SQL."""
        links: Any = rows.model._meta.get_field("evidence_links").related_model
        proof = links.objects.filter(
            Evidence.proof("evidence__"), claim=OuterRef("pk"), retracted_at=None
        )
        return rows.filter(~Exists(proof) if wanted else Exists(proof))


class RowOut(serializers.Serializer[Any]):
    """What every row of a case tells besides its fields."""

    ref = serializers.CharField(read_only=True)
    number = serializers.IntegerField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    recorded_at = MomentField(read_only=True)
    recorded_by = PersonField(read_only=True)
    retracted_at = MomentField(read_only=True)
    retraction_reason = serializers.CharField(read_only=True)


class ClaimOut(RowOut):
    """A claim with the artifacts that it rests on."""

    is_provisional = serializers.BooleanField(read_only=True)
    evidence = serializers.SerializerMethodField()
    known_unknown = serializers.SerializerMethodField()

    def get_evidence(self, row: Any) -> list[str]:
        return [item.ref for item in row.evidence]

    def get_known_unknown(self, row: Any) -> str | None:
        return row.known_unknown.ref if row.known_unknown else None


class RowViewSet(CaseViewSet):
    """Rows of a case, each of which can be read by itself."""

    def retrieve(self, request: Request, key: str, number: int) -> Response:
        """One row, retracted or not."""
        shape: Any = self.get_serializer_class()
        return self.answer(shape, self.row(self.queryset.model, number))
