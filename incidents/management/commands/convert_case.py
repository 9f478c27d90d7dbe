"""`manage.py convert_case public.yaml -o case.json`: a public post-mortem encoded as
facts (tests/cases/README.md) becomes a case file. Nothing is guessed or smoothed: what
the source leaves out stays out and lands as findings (decision 19)."""

from __future__ import annotations

import uuid
from argparse import ArgumentParser
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify

from postmortem.lib.canonical import canonical_bytes, plain

Row = dict[str, Any]

EVIDENCE_KIND = {
    "alert": "alert",
    "status_update": "status_update",
    "timeline_notes": "timeline_notes",
    "chat_message": "chat_message",
    "metrics_snapshot": "metric",
    "published_postmortem": "report",
    "press_report": "report",
    "public_discussion": "report",
    "secondary_summary": "report",
}
MILESTONE = {
    "first_alert": "first_alert",
    "declaration": "declared",
    "first_mitigation": "first_mitigation",
    "rollback_failover": "rollback_or_failover",
    "first_confirmed_recovery": "customer_recovered",
    "services_stabilised": "stabilized",
}
ACTION_KIND = {"prevent": "reduce_recurrence", "restore": "restore"}
ACTION_STATE = {"open": "open", "done": "completed"}
HYPOTHESIS_STATE = {"confirmed": "supported", "abandoned": "abandoned", "open": "open"}


class Converter:
    """Turns one parsed file into a case; rows are numbered as they appear."""

    def __init__(self, data: Row) -> None:
        self.data = data
        self.zone = ZoneInfo(data.get("timezone") or "UTC")
        self.evidence: list[Row] = []
        self._known: dict[tuple[Any, ...], str] = {}

    def case(self) -> Row:
        source = self.data.get("source") or {}
        lanes = [
            {
                "ref": f"LN-{number}",
                "slug": slugify(name.replace("_", "-")),
                "name": name.replace("_", " ").capitalize(),
            }
            for number, name in enumerate(self.data.get("lanes") or [], 1)
        ]
        entries, milestones = self.timeline()
        actions, tests, unknowns = self.actions()
        causes = [self.cause(item) for item in self.data.get("causes") or []]
        record = {
            "schema": 1,
            "incident": {
                "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, source.get("url") or "")),
                "title": (source.get("title") or "Imported post-mortem")[:160],
                "severity": self.data["severity"],
                "clock_zone": self.zone.key,
                "source": source,
                "coverage": self.data.get("coverage"),
            },
            "lanes": lanes,
            "impact": [
                {"kind": kind, "statement": text}
                for kind, text in (self.data.get("impact") or {}).items()
                if text
            ],
            "known_unknowns": unknowns,
            "hypotheses": [
                self.rest(
                    item,
                    {"text", "status", "evidence"},
                    statement=item["text"],
                    state=HYPOTHESIS_STATE[item["status"]],
                    what_decided=item.get("evidence"),
                )
                for item in self.data.get("hypotheses") or []
            ],
            "entries": entries,
            "milestones": milestones,
            "checkpoints": [
                self.rest(
                    item,
                    {"type", "name", "stabilised_at"},
                    kind=item["type"],
                    name=item["name"],
                    state="stabilized" if item.get("stabilised_at") else "unknown",
                    stabilized_at=item.get("stabilised_at"),
                )
                for item in self.data.get("dependencies") or []
            ],
            "causes": causes,
            "failure_modes": [
                self.rest(
                    item,
                    {"mode", "provisional"},
                    mode="other",
                    name=item["mode"],
                    standing="provisional" if item.get("provisional") else "supported",
                )
                for item in self.data.get("failure_modes") or []
            ],
            "actions": actions,
            "closure_tests": tests,
            "evidence": self.evidence,
        }
        return {
            "format": "postmortem-case",
            "status": "in_review",
            "people": {},
            "record": plain(record),
        }

    @staticmethod
    def rest(item: Row, known: set[str], **fields: Any) -> Row:
        """The mapped fields, and every other key as it stands (kept under extra)."""
        return {**{k: v for k, v in item.items() if k not in known}, **fields}

    def timeline(self) -> tuple[list[Row], list[Row]]:
        entries: list[Row] = []
        milestones: list[Row] = []
        known = {"at", "at_text", "precision", "kind", "milestone", "signal", "action"}
        for item in self.data.get("timeline") or []:
            ref = f"TL-{len(entries) + 1}"
            kind = item["kind"]
            entries.append(
                self.rest(
                    item,
                    known,
                    ref=ref,
                    kind="signal" if kind in {"recovery", "milestone"} else kind,
                    position=len(entries) + 1,
                    observed_signal=item.get("signal"),
                    action_taken=item.get("action"),
                    evidence=self.links(item.get("evidence") or []),
                    **self.moment(item),
                )
            )
            if item.get("milestone"):
                milestones.append({"kind": MILESTONE[item["milestone"]], "entry": ref})
        for item in self.data.get("comms") or []:
            if not self.is_told(item):
                entries.append(
                    self.rest(
                        item,
                        {"at", "at_text", "text", "precision"},
                        ref=f"TL-{len(entries) + 1}",
                        kind="comms",
                        position=len(entries) + 1,
                        action_taken=item["text"],
                        **self.moment(item),
                    )
                )
        return entries, milestones

    def is_told(self, comms: Row) -> bool:
        """Whether the timeline has this message already, by time or time in words."""
        at, words = comms.get("at"), comms.get("at_text") or ""
        for item in self.data.get("timeline") or []:
            if item["kind"] != "comms":
                continue
            if at is not None and item.get("at") == at:
                return True
            told = item.get("at_text") or ""
            if (
                at is None
                and told
                and (words.startswith(told) or told.startswith(words))
            ):
                return True
        return False

    def moment(self, item: Row) -> Row:
        """Time, precision and words. A bare date is that whole day, never midnight."""
        at = item.get("at")
        if at is None:
            return {
                "occurred_at": None,
                "precision": "unknown",
                "at_text": item.get("at_text"),
            }
        if len(str(at)) == len("2019-07-12"):
            day = datetime.combine(
                datetime.fromisoformat(str(at)).date(), time(), tzinfo=self.zone
            )
            return {
                "occurred_at": day,
                "occurred_until": day + timedelta(days=1) - timedelta(seconds=1),
                "precision": "day",
                "at_text": str(at),
            }
        return {
            "occurred_at": datetime.fromisoformat(str(at)),
            "precision": item.get("precision") or "minute",
            "at_text": item.get("at_text"),
        }

    def links(self, items: list[Row]) -> list[Row]:
        refs = dict.fromkeys(self.artifact(item) for item in items)
        return [{"evidence": ref} for ref in refs]

    def artifact(self, item: Row) -> str:
        """The EV ref of a cited artifact; the same citation is one artifact."""
        kind = item.get("type") or "other"
        url, words = item.get("url") or "", item.get("description") or ""
        key = (kind, url, words, bool(item.get("original")))
        if key not in self._known:
            ref = f"EV-{len(self.evidence) + 1}"
            name = kind.replace("_", " ").capitalize()
            place = urlsplit(url).netloc
            title = words or (f"{name}, {place}" if place else name)
            self._known[key] = ref
            self.evidence.append(
                self.rest(
                    item,
                    {"type", "url", "description", "original"},
                    ref=ref,
                    kind=EVIDENCE_KIND.get(kind, "other"),
                    title=title[:200],
                    description=words or None,
                    is_original=bool(item.get("original")),
                    url=url or None,
                    source=place or None,
                    type=kind,
                )
            )
        return self._known[key]

    def named(self, words: str) -> str:
        """The artifact that these words name: the only one with exactly this
        description, else one of its own."""
        same = [ref for key, ref in self._known.items() if key[2] == words]
        if len(same) == 1:
            return same[0]
        return self.artifact({"type": "other", "description": words})

    def cause(self, item: Row) -> Row:
        """A cause rests on words, not on an artifact: it stays provisional."""
        words = item.get("evidence")
        links = [{"evidence": self.named(words)}] if words else []
        return self.rest(
            item,
            {"label", "text", "evidence"},
            label=item["label"],
            statement=item["text"],
            state="provisional",
            evidence=links,
        )

    def actions(self) -> tuple[list[Row], list[Row], list[Row]]:
        actions: list[Row] = []
        tests: list[Row] = []
        unknowns: list[Row] = []
        known = {"title", "class", "status", "due", "closure_test", "proof", "rollback"}
        for item in self.data.get("actions") or []:
            if item["class"] == "investigate":
                unknowns.append(
                    self.rest(item, {"title", "class", "due"}, question=item["title"])
                )
                continue
            ref = f"ACT-{len(actions) + 1}"
            due = (
                {"due_at": self.moment({"at": item["due"]})["occurred_at"]}
                if item.get("due")
                else {}
            )
            actions.append(
                self.rest(
                    item,
                    known | {"link"},
                    ref=ref,
                    title=item["title"],
                    kind=ACTION_KIND[item["class"]],
                    state=ACTION_STATE[item["status"]],
                    rollback_path=item.get("rollback"),
                    proof_location=item.get("proof"),
                    tracker_url=item.get("link"),
                    **due,
                )
            )
            if item.get("closure_test"):
                tests.append({"action": ref, "procedure": item["closure_test"]})
        return actions, tests, unknowns


def convert(text: str) -> Row:
    """The case of one encoded public post-mortem (YAML)."""
    data = yaml.safe_load(text)
    if not isinstance(data, dict) or "timeline" not in data:
        raise ValueError("This is no encoded post-mortem: it has no timeline.")
    return Converter(data).case()


class Command(BaseCommand):
    help = "Convert an encoded public post-mortem (YAML) into a case file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("-o", "--output", type=Path, required=True)

    def handle(self, *args: Any, file: Path, output: Path, **options: Any) -> None:
        try:
            case = convert(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, yaml.YAMLError) as error:
            raise CommandError(f"{file}: {error}") from error
        output.write_bytes(canonical_bytes(case) + b"\n")
        self.stderr.write(f"{output}: written. Import it with manage.py import_case.")
