"""A request that succeeds, for each operation of the API: what it takes besides the
first row of the case in review, and what has to be sent before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# The demonstration cases by status, and one that waits for nothing but to be closed.
LIVE, STABLE, REVIEW, READY = "INC-2046", "INC-2044", "INC-2041", "INC-2047"
Body = dict[str, Any] | Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Send:
    """`body` may be made of the last answer. `after`: operations whose requests go
    before, and what they leave to workers. Without a number, the row is that of the
    last answer, or the first."""

    body: Body | None = None
    key: str = REVIEW
    number: int | None = None
    who: str = "everybody"
    after: tuple[str, ...] = ()
    media: str = "application/json"


def label(method: str, path: str) -> str:
    """How an operation is named here: below an incident, by what follows it."""
    short = path.removeprefix("/api/v1/")
    return f"{method.upper()} {short.removeprefix('incidents/{key}/') or short}"


def seen(told: Any) -> dict[str, Any]:
    return {"content_hash": told["content_hash"], "comment": "Read whole."}


def elsewhere(told: Any) -> dict[str, Any]:
    """The case as one that was never here."""
    incident = told["record"]["incident"] | {
        "uuid": "11111111-2222-4333-8444-555555555555"
    }
    return told | {"record": told["record"] | {"incident": incident}}


def first_finding(told: Any) -> dict[str, Any]:
    row = next(row for row in told["findings"] if row["waivable"])
    return WHY | {
        "check_id": row["id"],
        "finding_key": row["key"],
        "owner": "eng@demo.example",
        "expires_at": "2026-03-24T12:00:00Z",
    }


def closure_test(told: Any) -> dict[str, Any]:
    return {
        "action": told["ref"],
        "procedure": "Rotate the certificate.",
        "pass_condition": "Nothing is refused.",
    }


def first_lines(told: Any) -> dict[str, Any]:
    rows = told if isinstance(told, list) else told["results"]
    return {"ids": [row["id"] for row in rows][:2]}


WHY = {"reason": "It was told twice."}
TITLE = {"title": "Payers see a blank page"}
PROVISIONAL = {
    "missing_check": "Read the audit log of the proxy.",
    "owner": "eng@demo.example",
    "due_at": "2026-03-20T12:00:00Z",
}
PROOF = {"evidence": ["EV-4"]}

SENDS: dict[str, Send] = {
    # --- outside an incident
    "POST cases/": Send(elsewhere, after=("GET case/",)),
    "POST filters/": Send({"name": "Mine", "query": "status=active"}),
    "PATCH filters/{id}/": Send({"name": "Ours"}, after=("POST filters/",)),
    "POST filters/{id}/delete/": Send(after=("POST filters/",)),
    "POST people/join/": Send(
        {"account": "eng@demo.example", "to": "ic@demo.example"} | WHY
    ),
    "POST people/part/": Send(
        {"account": "eng@demo.example"} | WHY, after=("POST people/join/",)
    ),
    "POST tokens/": Send({"name": "script", "scopes": ["read"]}),
    "POST tokens/{token_id}/revoke/": Send(after=("POST tokens/",)),
    # --- the incident
    "POST incidents/": Send(TITLE | {"severity": "SEV3"}),
    "PATCH incidents/{key}/": Send(TITLE),
    "POST severity/": Send({"severity": "SEV1"} | WHY),
    "POST clock/": Send({"clock_zone": "UTC"} | WHY, key=LIVE),
    "POST stabilize/": Send(key=STABLE, after=("POST relapse/",)),
    "POST relapse/": Send(WHY, key=STABLE),
    "POST cancel/": Send(WHY, key=LIVE),
    "POST all-clear/": Send(key=STABLE, after=("POST scope/{number}/close/",)),
    "POST lanes/": Send({"name": "Wallets"}),
    "PATCH lanes/{number}/": Send({"status": "degraded"}),
    "POST participations/": Send({"user": "em@demo.example", "duty": "support"}),
    "POST participations/{number}/end/": Send(number=9),
    "POST participations/hand-over/": Send({"to": "payops@demo.example"}),
    # --- what happened, and to whom
    "POST scope/": Send({"audience": "experienced", "consequence": "Cannot pay."}),
    "PATCH scope/{number}/": Send({"who": "Card payers in the EU"}),
    "POST scope/{number}/close/": Send(
        {"closing_evidence": "EV-1"}, key=STABLE, number=2
    ),
    "POST scope/{number}/reopen/": Send(WHY),
    "POST scope/{number}/retract/": Send(WHY),
    "POST impact/": Send({"kind": "customer", "statement": "More calls."} | PROOF),
    "PATCH impact/{number}/": Send({"statement": "Payers could not pay."}),
    "POST impact/{number}/retract/": Send(WHY, key=STABLE, number=2),
    "POST figures/": Send(
        {"impact": "IM-1", "measure": "clients", "label": "Shops", "count": 4} | PROOF
    ),
    "PATCH figures/{number}/": Send({"label": "Payers turned away"}),
    "POST figures/{number}/retract/": Send(WHY),
    "POST unknowns/": Send({"question": "Why only there?"}),
    "PATCH unknowns/{number}/": Send({"question": "Why only here?"}),
    "POST unknowns/{number}/accept/": Send(WHY),
    "POST unknowns/{number}/reopen/": Send(WHY, number=3),
    "POST unknowns/{number}/resolve/": Send({"resolution": "By the log."} | PROOF),
    # --- evidence
    "POST evidence/": Send(
        {"kind": "alert", "title": "Page", "url": "https://records.demo.example/p"}
    ),
    "PATCH evidence/{number}/": Send({"title": "The alert"}),
    "POST evidence/{number}/attach/": Send(
        {"upload": b"pages: 1\n"}, media="multipart/form-data"
    ),
    "GET evidence/{number}/file/": Send(number=4),
    "POST evidence/{number}/pair/": Send({"paired_with": "EV-19"}),
    "POST evidence/{number}/redact/": Send(WHY, number=4),
    "POST evidence/{number}/redact/confirm/": Send(
        after=("POST evidence/{number}/redact/",), who="compliance"
    ),
    "POST evidence/{number}/redact/drop/": Send(
        WHY, after=("POST evidence/{number}/redact/",)
    ),
    "POST evidence/{number}/retract/": Send(WHY, number=23),
    "POST evidence/{number}/supersede/": Send({"replacement": "EV-2"} | WHY),
    # --- the timeline
    "POST entries/": Send(
        {
            "kind": "signal",
            "observed_signal": "Rate falls",
            "occurred_at": "2026-03-10T14:00:00Z",
        }
        | PROOF
    ),
    "PATCH entries/{number}/": Send({"observed_signal": "The rate falls"}),
    "POST entries/{number}/link/": Send(PROOF),
    "POST entries/{number}/unlink/": Send(
        {"evidence": "EV-4"} | WHY, after=("POST entries/{number}/link/",)
    ),
    "POST entries/{number}/retract/": Send(WHY),
    "POST entries/state-gap/": Send(
        {
            "occurred_at": "2026-03-10T18:00:00Z",
            "occurred_until": "2026-03-10T18:20:00Z",
        }
        | WHY
    ),
    "POST milestones/": Send({"kind": "first_alert", "entry": "TL-2"}),
    "POST milestones/{number}/retract/": Send(WHY),
    "POST milestones/not-applicable/": Send(
        {"kind": "rollback_or_failover"} | WHY, key=LIVE
    ),
    "POST checkpoints/": Send({"kind": "data_feed", "name": "Rates"}),
    "PATCH checkpoints/{number}/": Send({"name": "The edge"}),
    "POST checkpoints/{number}/retract/": Send(WHY),
    "POST hypotheses/": Send({"statement": "The proxy pins a certificate"}),
    "PATCH hypotheses/{number}/": Send({"statement": "The issuer is down"}),
    "POST hypotheses/{number}/link/": Send(PROOF | {"stance": "for"}),
    "POST hypotheses/{number}/settle/": Send(
        {"state": "abandoned", "what_decided": "The log says no."}, key=LIVE
    ),
    "POST imports/": Send({"text": "14:05 Ines: checkout is slow\n14:06 Kofi: yes\n"}),
    "GET imports/{id}/": Send(after=("POST imports/",)),
    "GET candidates/": Send(after=("POST imports/",)),
    "POST candidates/accept/": Send(first_lines, after=("GET candidates/",)),
    "POST candidates/dismiss/": Send(first_lines, after=("GET candidates/",)),
    "POST candidates/restore/": Send(first_lines, after=("POST candidates/dismiss/",)),
    # --- causes
    "POST analysis/": Send({"method": "fault_tree", "why_it_fits": "It branches."}),
    "POST causes/": Send({"label": "contributing", "statement": "Nobody was told."}),
    "PATCH causes/{number}/": Send({"role": "It came before."}),
    "POST causes/{number}/confirm/": Send(number=6),
    "POST causes/{number}/provisional/": Send(PROVISIONAL),
    "POST causes/{number}/retract/": Send(WHY, number=6),
    "POST causes/{number}/rule-out/": Send(WHY | PROOF, number=6),
    "POST failure-modes/": Send(
        {"mode": "database", "name": "Slow reads"} | PROVISIONAL
    ),
    "PATCH failure-modes/{number}/": Send({"name": "One pin"}),
    "POST failure-modes/{number}/provisional/": Send(PROVISIONAL),
    "POST failure-modes/{number}/retract/": Send(WHY, number=3),
    # --- actions
    "POST actions/": Send(
        {
            "title": "Ship two pins",
            "kind": "reduce_recurrence",
            "owner": "eng@demo.example",
            "due_at": "2026-03-20T12:00:00Z",
            "proof_location": "Test runner",
        }
    ),
    "PATCH actions/{number}/": Send({"trade_off": "One more rotation."}, number=5),
    "POST actions/{number}/open/": Send(number=8, after=("POST closure-tests/",)),
    "POST actions/{number}/complete/": Send(number=4, after=("POST test-runs/",)),
    "POST actions/{number}/cancel/": Send(WHY, number=7),
    "POST actions/{number}/retract/": Send(WHY, number=7),
    "POST actions/{number}/request-changes/": Send(
        {"comment": "Which root?"}, number=3, who="em"
    ),
    "POST actions/{number}/approve/": Send(
        who="em", after=("POST actions/{number}/complete/",)
    ),
    "POST actions/{number}/defer/": Send(who="em", after=("PATCH actions/{number}/",)),
    "POST closure-tests/": Send(closure_test, after=("POST actions/",)),
    "PATCH closure-tests/{number}/": Send({"environment": "Staging"}, number=4),
    "POST closure-tests/{number}/retract/": Send(WHY, after=("POST closure-tests/",)),
    "POST test-runs/": Send(
        {
            "closure_test": "CT-4",
            "ran_at": "2026-03-16T12:00:00Z",
            "environment": "Staging",
            "outcome": "passed",
        }
        | PROOF
    ),
    "POST test-runs/{number}/attach/": Send(PROOF, number=3),
    "POST test-runs/{number}/retract/": Send(WHY, number=2),
    # --- findings, review, closing
    "POST waivers/": Send(first_finding, after=("GET findings/",)),
    "GET waivers/{number}/": Send(after=("POST waivers/",)),
    "POST waivers/{number}/retract/": Send(WHY, after=("POST waivers/",)),
    "POST waivers/{number}/second/": Send(after=("POST waivers/",), who="fd"),
    "POST review/": Send({"owner": "product@demo.example"}, key=STABLE),
    "PATCH review/": Send({"learning": "A pin needs an owner."}),
    "GET approvals/": Send(key=READY),
    "POST review/withdraw/": Send(WHY, key=READY, who="em"),
    "POST review/approve/": Send(
        seen, key=READY, who="em", after=("POST review/withdraw/", "GET approvals/")
    ),
    "POST review/request-changes/": Send(
        seen, key=READY, who="em", after=("GET approvals/",)
    ),
    "POST review/keep-stabilized/": Send(WHY | {"open_risk": "Rotation in May"}),
    "POST review/participants/": Send(
        {"user": "em@demo.example", "capacity": "responder"}
    ),
    "POST review/participants/{number}/remove/": Send(WHY, number=2),
    "POST review/close/": Send(key=READY),
    "POST review/reopen/": Send(WHY, key=READY, after=("POST review/close/",)),
    "GET review/seal/": Send(key=READY, after=("POST review/close/",)),
    "GET report/": Send(after=("POST report/",)),
    "GET report/file/": Send(after=("POST report/",)),
}
