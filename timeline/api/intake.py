"""API of imported logs and of the candidates that they give."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import CaseViewSet, MomentField, PersonField, RefField
from incidents.models import Evidence, Lane
from postmortem.lib.drf import AnyOfField, Filters, FlagField, JSONParser, WordsField
from timeline import selectors
from timeline.forms import QUICK_KINDS
from timeline.models import Candidate, Entry, Import, LogReading
from timeline.services.intake import asking, deciding
from timeline.services.intake.reading import Reading
from timeline.services.intake.source import refuse_two_sources, refuse_what_it_is


class ImportIn(serializers.Serializer[Any]):
    text = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="The log itself, instead of a file.",
    )
    evidence = RefField(
        Evidence,
        required=False,
        help_text="An artifact of this incident, instead of a file.",
    )
    reader = serializers.ChoiceField(
        choices=Import.Reader.choices,
        required=False,
        allow_blank=True,
        help_text="What it is; found out when it is left out.",
    )
    day = serializers.DateField(
        required=False,
        allow_null=True,
        help_text="The day of times without one, on the incident clock; when left "
        "out, the day on which the incident began.",
    )
    is_original = FlagField(
        required=False,
        help_text="False: a later summary. When left out, chats and tables are "
        "original records and an old timeline is a later summary. Not with `evidence`, "
        "which says so itself.",
    )
    preview = FlagField(
        required=False,
        help_text="True: only keep it as evidence and tell how it was read; a second "
        "request, with `evidence`, makes the candidates.",
    )


class ImportUploadIn(ImportIn):
    upload = serializers.FileField(required=False, allow_empty_file=True)


class LineOut(serializers.Serializer[Any]):
    """A line as the candidate that it would become."""

    place = serializers.CharField(read_only=True)
    occurred_at = MomentField(read_only=True)
    occurred_until = MomentField(read_only=True, source="until")
    precision = serializers.CharField(read_only=True)
    at_text = serializers.CharField(read_only=True)
    author = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)


class SkippedOut(serializers.Serializer[Any]):
    place = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)


class ReadingOut(serializers.Serializer[Any]):
    """What a log holds. first_at, last_at: of the times that could be read; untimed:
    lines without one; rows: the first 50; left_out: the first 20."""

    clock_zone = serializers.CharField(read_only=True)
    lines = serializers.IntegerField(read_only=True)
    known = serializers.IntegerField(
        read_only=True, help_text="Lines that were candidates when it was read."
    )
    skipped = serializers.IntegerField(read_only=True)
    untimed = serializers.IntegerField(read_only=True)
    before_incident = serializers.IntegerField(read_only=True, source="before")
    after_incident = serializers.IntegerField(read_only=True, source="after")
    first_at = MomentField(read_only=True, source="first")
    last_at = MomentField(read_only=True, source="last")
    rows = LineOut(many=True, read_only=True, source="shown")
    left_out = SkippedOut(many=True, read_only=True)


class ImportOut(serializers.Serializer[Any]):
    """Where the import of a log stands. `waiting`: for a worker, or one reads it
    (lines_read, and bytes_read of size); `ready`: `found` tells how it was read and no
    candidates were asked for; `done`: they are made, `added` is how many were new;
    `failed`: `error` says why, and no candidate was made."""

    id = serializers.IntegerField(read_only=True)
    state = serializers.ChoiceField(LogReading.State.choices, read_only=True)
    filename = serializers.CharField(read_only=True)
    size = serializers.IntegerField(read_only=True)
    lines_read = serializers.IntegerField(read_only=True)
    bytes_read = serializers.IntegerField(read_only=True)
    error = serializers.CharField(read_only=True)
    evidence = RefField(
        Evidence,
        read_only=True,
        help_text="The artifact that it became once it was read whole.",
    )
    reader = serializers.CharField(read_only=True)
    day = serializers.DateField(read_only=True, allow_null=True)
    added = serializers.IntegerField(
        read_only=True, source="made.added", allow_null=True
    )
    found = serializers.SerializerMethodField()

    @extend_schema_field(ReadingOut(allow_null=True))
    def get_found(self, row: LogReading) -> Any:
        if not row.result:
            return None
        return ReadingOut(Reading.from_json(row.result)).data


class CandidateOut(serializers.Serializer[Any]):
    id = serializers.IntegerField(read_only=True)
    evidence = serializers.CharField(
        read_only=True,
        source="source.evidence.ref",
        help_text="The artifact in which the line stands.",
    )
    place = serializers.CharField(read_only=True)
    occurred_at = MomentField(read_only=True)
    occurred_until = MomentField(read_only=True)
    precision = serializers.CharField(read_only=True)
    at_text = serializers.CharField(read_only=True)
    author = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)
    raw = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    entry = RefField(Entry, read_only=True, allow_null=True)
    decided_by = PersonField(read_only=True, allow_null=True)
    decided_at = MomentField(read_only=True)
    reason = serializers.CharField(read_only=True)


class IdsIn(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=deciding.MOST,
        allow_empty=False,
    )


class AcceptIn(IdsIn):
    kind = serializers.ChoiceField(choices=QUICK_KINDS, required=False)
    lane = RefField(Lane, required=False, allow_null=True)


class DismissIn(IdsIn):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)


class CandidateFilters(Filters):
    state = AnyOfField(Candidate.State.choices)
    evidence = RefField(Evidence, required=False)
    q = WordsField(help_text="Words of text and author.")
    lookups = {
        "state": "state__in",
        "evidence": "source__evidence",
        "from": "occurred_at__gte",
        "to": "occurred_at__lte",
    }
    search_in = ("text", "author")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        times = {
            "from": MomentField(required=False, help_text="Occurred then or later."),
            "to": MomentField(required=False, help_text="Occurred then or earlier."),
        }
        return {**super().get_fields(), **times}


class ImportViewSet(CaseViewSet):
    permission_map = {"add": "timeline.add", "retrieve": "timeline.add"}
    parser_classes = [JSONParser, MultiPartParser, FormParser]
    serializer_class = ImportOut
    queryset = LogReading.objects.none()

    @extend_schema(
        request={
            "application/json": ImportIn,
            "multipart/form-data": ImportUploadIn,
        },
        responses={202: ImportOut},
    )
    def add(self, request: Request, key: str) -> Response:
        """Have a worker read a log into candidates: a file (multipart), its text, or an
        artifact that is there. `Location` tells where it stands. The same log twice
        adds nothing. What its size, name or first bytes tell is refused at once, and so
        is whatever is wrong with a text of at most 64 KB."""
        sent = self.parse(ImportUploadIn)
        sent["makes"] = not sent.pop("preview", False)
        evidence = sent.pop("evidence", None)
        who: dict[str, Any] = {"incident_id": self.incident.pk, "actor": self.actor}
        if evidence is None:
            row = asking.take_log(**who, **sent)
        else:
            refuse_what_it_is(sent.pop("is_original", None))
            refuse_two_sources(sent.pop("upload", None), sent.pop("text", ""))
            row = asking.ask_reading(**who, **sent, evidence=evidence)
        page = self.answer(ImportOut, row, status=202)
        page["Location"] = reverse("api:import-detail", args=[key, row.pk])
        return page

    @extend_schema(responses={200: ImportOut})
    def retrieve(self, request: Request, key: str, pk: int) -> Response:
        """Where an import stands; the same ETag while nothing has moved."""
        rows = selectors.readings(self.incident, self.actor)
        return self.answer(ImportOut, get_object_or_404(rows, pk=pk))


class CandidateViewSet(CaseViewSet):
    permission_map = {
        "list": "incident.view",
        "accept": "timeline.add",
        "dismiss": "timeline.add",
        "restore": "timeline.add",
    }
    serializer_class = CandidateOut
    queryset = Candidate.objects.none()

    def _rows(self) -> QuerySet[Candidate]:
        return selectors.candidates(self.incident, self.actor)

    def _answer(self, ids: list[int]) -> Response:
        found = {row.pk: row for row in self._rows().filter(pk__in=ids)}
        rows = [found[pk] for pk in dict.fromkeys(ids) if pk in found]
        context = self.get_serializer_context()
        return Response(CandidateOut(rows, many=True, context=context).data)

    @extend_schema(
        parameters=[CandidateFilters], responses={200: CandidateOut(many=True)}
    )
    def list(self, request: Request, key: str) -> Response:
        """Lines of imported logs, the last read first. They are no part of the record
        before they are accepted."""
        return self.pages(self._rows().order_by(), CandidateOut, CandidateFilters)

    @extend_schema(request=AcceptIn, responses={200: CandidateOut(many=True)})
    def accept(self, request: Request, key: str) -> Response:
        """Make an entry of each, all or none; at most 200. One that is accepted already
        keeps its entry. Refused ones are told by their place."""
        sent = self.parse(AcceptIn)
        deciding.accept_candidates(
            incident_id=self.incident.pk, actor=self.actor, **sent
        )
        return self._answer(sent["ids"])

    @extend_schema(request=DismissIn, responses={200: CandidateOut(many=True)})
    def dismiss(self, request: Request, key: str) -> Response:
        """Say that these are no moments of the incident. They can be taken back."""
        sent = self.parse(DismissIn)
        deciding.dismiss_candidates(
            incident_id=self.incident.pk, actor=self.actor, **sent
        )
        return self._answer(sent["ids"])

    @extend_schema(request=IdsIn, responses={200: CandidateOut(many=True)})
    def restore(self, request: Request, key: str) -> Response:
        """Take dismissed candidates back."""
        sent = self.parse(IdsIn)
        deciding.restore_candidates(
            incident_id=self.incident.pk, actor=self.actor, **sent
        )
        return self._answer(sent["ids"])
