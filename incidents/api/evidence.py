"""API of evidence: upload or link, metadata, file, supersession, pairs."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import selectors
from incidents.api.base import (
    CaseViewSet,
    EditIn,
    MomentField,
    ReasonIn,
    RefField,
    RowFilters,
    RowOut,
)
from incidents.models import Evidence
from incidents.services import custody, redaction
from incidents.services import evidence as services
from incidents.services.core import retract_record
from postmortem.lib.drf import AnyOfField, FlagField, JSONParser, WordsField


class EvidenceOut(RowOut):
    kind = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    description = serializers.CharField(read_only=True)
    is_original = serializers.BooleanField(read_only=True)
    is_openable = serializers.BooleanField(read_only=True)
    side = serializers.CharField(read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    captured_at = MomentField(read_only=True)
    url = serializers.CharField(read_only=True)
    sha256 = serializers.CharField(read_only=True)
    size = serializers.IntegerField(read_only=True, allow_null=True)
    filename = serializers.CharField(read_only=True)
    media_type = serializers.CharField(read_only=True)
    superseded_by = RefField(Evidence, read_only=True)
    supersede_reason = serializers.CharField(read_only=True)
    paired_with = RefField(Evidence, read_only=True)
    redaction_asked_at = MomentField(read_only=True)
    redacted_at = MomentField(read_only=True)
    redaction_reason = serializers.CharField(read_only=True)
    download = serializers.SerializerMethodField()

    def get_download(self, row: Evidence) -> str | None:
        if not row.has_file:
            return None
        return reverse(
            "api:evidence-download", args=[self.context["incident"].key, row.number]
        )


class EvidenceDetailOut(EvidenceOut):
    used_by = serializers.SerializerMethodField()

    def get_used_by(self, row: Evidence) -> list[str]:
        uses = selectors.evidence_use(self.context["incident"])
        return [use.ref for use in uses.get(row.pk, [])]


class EvidenceIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Evidence.Kind.choices)
    title = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True)
    is_original = FlagField(
        required=False,
        help_text="False: a summary written later. True unless stated otherwise.",
    )
    side = serializers.ChoiceField(choices=Evidence.Side.choices, required=False)
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True
    )
    captured_at = MomentField(required=False, allow_null=True)
    url = serializers.CharField(required=False, allow_blank=True)


class EvidenceUploadIn(EvidenceIn):
    upload = serializers.FileField(required=False, allow_empty_file=True)


class EvidenceEditIn(EditIn, EvidenceIn):
    pass


class AttachIn(serializers.Serializer[Any]):
    upload = serializers.FileField(allow_empty_file=True)


class SupersedeIn(ReasonIn):
    replacement = RefField(Evidence)


class PairIn(serializers.Serializer[Any]):
    paired_with = RefField(Evidence, allow_null=True)


class EvidenceFilters(RowFilters):
    kind = AnyOfField(Evidence.Kind.choices)
    side = AnyOfField(Evidence.Side.choices)
    original = FlagField(
        required=False, help_text="Original records, or summaries written later."
    )
    q = WordsField(help_text="Words of title, description and source.")
    lookups = {
        "kind": "kind__in",
        "side": "side__in",
        "original": "is_original",
    }
    search_in = ("title", "description", "source")


class EvidenceViewSet(CaseViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "evidence.add",
        "edit": "evidence.add",
        "attach": "evidence.add",
        "download": "evidence.download",
        "supersede": "evidence.add",
        "pair": "evidence.add",
        "retract": "evidence.add",
        "redact": "evidence.redact",
        "confirm_redaction": "evidence.redact",
        "drop_redaction": "evidence.redact",
    }
    parser_classes = [JSONParser, MultiPartParser, FormParser]
    noun = "evidence"
    answers_files = frozenset({"download"})
    serializer_class = EvidenceOut
    queryset = Evidence.objects.none()

    @extend_schema(
        parameters=[EvidenceFilters], responses={200: EvidenceOut(many=True)}
    )
    def list(self, request: Request, key: str) -> Response:
        """Every artifact, retracted and superseded ones included."""
        rows = Evidence.objects.filter(incident=self.incident).select_related(
            "paired_with", "superseded_by", "recorded_by"
        )
        return self.pages(rows, EvidenceOut, EvidenceFilters)

    @extend_schema(responses={200: EvidenceDetailOut})
    def retrieve(self, request: Request, key: str, number: int) -> Response:
        """One artifact and the claims that rest on it."""
        return self.answer(EvidenceDetailOut, self.row(Evidence, number))

    @extend_schema(
        request={
            "application/json": EvidenceIn,
            "multipart/form-data": EvidenceUploadIn,
        },
        responses={201: EvidenceOut},
    )
    def add(self, request: Request, key: str) -> Response:
        """Add a file (multipart), a durable link, or an artifact that is only named."""
        row = services.add_evidence(
            incident_id=self.incident.pk,
            actor=self.actor,
            **self.parse(EvidenceUploadIn),
        )
        return self.answer(EvidenceOut, row, status=201)

    @extend_schema(request=EvidenceEditIn, responses={200: EvidenceOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Correct what is said about an artifact; its file is never replaced."""
        self.row(Evidence, number)
        row = services.edit_evidence(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(EvidenceEditIn),
        )
        return self.answer(EvidenceOut, row)

    @extend_schema(
        request={"multipart/form-data": AttachIn},
        responses={200: EvidenceOut},
    )
    def attach(self, request: Request, key: str, number: int) -> Response:
        """Give the file to an artifact that was only named or linked."""
        self.row(Evidence, number)
        row = services.attach_file(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(AttachIn),
        )
        return self.answer(EvidenceOut, row)

    @extend_schema(
        responses={
            (200, "*/*"): OpenApiResponse(
                OpenApiTypes.BINARY,
                "Under its own type if a browser shows it without harm, else as "
                "application/octet-stream",
            ),
        },
    )
    def download(self, request: Request, key: str, number: int) -> FileResponse:
        """The stored file, under headers by which a browser runs nothing."""
        row = self.row(Evidence, number)
        assert isinstance(row, Evidence)
        row.incident = self.incident
        opened = custody.open_evidence_file(row, actor=self.actor)
        page = FileResponse(opened.handle)
        for name, value in opened.headers.items():
            page[name] = value  # after FileResponse has put in its own
        return page

    @extend_schema(request=SupersedeIn, responses={200: EvidenceOut})
    def supersede(self, request: Request, key: str, number: int) -> Response:
        """Say which artifact takes this one's place, and why."""
        self.row(Evidence, number)
        row = services.supersede_evidence(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(SupersedeIn),
        )
        return self.answer(EvidenceOut, row)

    @extend_schema(request=PairIn, responses={200: EvidenceOut})
    def pair(self, request: Request, key: str, number: int) -> Response:
        """Pair an operational with a finance record; null takes the pair apart."""
        self.row(Evidence, number)
        row = services.pair_evidence(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(PairIn),
        )
        return self.answer(EvidenceOut, row)

    @extend_schema(request=ReasonIn, responses={200: EvidenceOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw an artifact with a reason; it stays in the record."""
        self.row(Evidence, number)
        row = retract_record(
            incident_id=self.incident.pk,
            actor=self.actor,
            model=Evidence,
            number=number,
            permission="evidence.add",
            **self.parse(ReasonIn),
        )
        return self.answer(EvidenceOut, row)

    @extend_schema(request=ReasonIn, responses={200: EvidenceOut})
    def redact(self, request: Request, key: str, number: int) -> Response:
        """Ask that the content be deleted; only those who may redact open it now."""
        self.row(Evidence, number)
        row = redaction.ask_redaction(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(EvidenceOut, row)

    @extend_schema(request=None, responses={200: EvidenceOut})
    def confirm_redaction(self, request: Request, key: str, number: int) -> Response:
        """Delete the content for good, as the second person; the hash stays."""
        self.row(Evidence, number)
        row = redaction.confirm_redaction(
            incident_id=self.incident.pk, actor=self.actor, number=number
        )
        return self.answer(EvidenceOut, row)

    @extend_schema(request=ReasonIn, responses={200: EvidenceOut})
    def drop_redaction(self, request: Request, key: str, number: int) -> Response:
        """Keep the content after all, with a reason."""
        self.row(Evidence, number)
        row = redaction.drop_redaction(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(EvidenceOut, row)
