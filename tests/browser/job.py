"""The steps of the main job, each as the people of the pages do it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from tests.browser.person import Form, Person

ZONE = "Asia/Tokyo"  # not UTC, and without a summer time that would bend an hour
TITLE = "Gateway refuses card connections"
TODAY = datetime.now(UTC).replace(second=0, microsecond=0)


def ago(minutes: int, form: str = "%Y-%m-%d %H:%M") -> str:
    """A time so many minutes ago as it is typed, on the incident clock."""
    moment = TODAY - timedelta(minutes=minutes)
    return moment.astimezone(ZoneInfo(ZONE)).strftime(form)


def shorten_sustain_window(admin: Person) -> None:
    """The policy of a SEV2 asks for no wait, so that the all-clear need not wait for
    half an hour here. Administrators edit it on their page."""
    admin.goto("/policies/SEV2/edit/")
    form = admin.form()
    form.fill(Minutes_that_recovery_has_to_hold="0", Reason="Nobody waits here.")
    admin.saved(form, "Save", "The thresholds of SEV2 are saved")


def declare(ic: Person) -> str:
    """Returns the address of the incident."""
    ic.page.get_by_role("navigation", name="Main").get_by_role(
        "link", name="Incidents"
    ).click()
    ic.page.get_by_role("link", name=re.compile("Declare")).first.click()
    form = ic.form()
    form.fill(
        Title=TITLE,
        Severity="SEV2",
        Kind="Gateway failure",
        Lanes=["Checkout authorization"],
        Incident_clock=ZONE,
        Declared_at=ago(125),
        Scribe="Tomas Berg",
    )
    ic.saved(form, "Declare incident", "Declared")
    assert ic.page.get_by_role("heading", level=1).inner_text() == TITLE
    ic.sees("Scribe on call")
    return str(ic.page.url)


def quick_add(ic: Person, line: str, words: str) -> None:
    """One line typed into the bar, by keyboard only; the bar is ready for the next."""
    bar = ic.page.get_by_label("What happened")
    expect(bar).to_be_focused()
    ic.page.keyboard.type(line)
    ic.page.keyboard.press("Enter")
    ic.page.get_by_role("listitem").filter(has_text=words).first.wait_for()
    expect(bar).to_have_value("")


def write_timeline(ic: Person) -> None:
    ic.tab("Timeline")
    ic.page.keyboard.press("n")
    for minutes, text in (
        (140, "Card connections refused #checkout"),
        (135, "Alert fires on connect errors #checkout"),
        (97, "Authorization rate normal again #checkout"),
        (85, "Ledger agrees with the gateway"),
        (75, "Recovery held for ten minutes #checkout"),
    ):
        quick_add(ic, f"{ago(minutes, '%H:%M')} {text}", text.split(" #")[0])
    quick_add(
        ic, f"{ago(110, '%H:%M')} !action Route change done #checkout", "Route change"
    )


def add_evidence(ic: Person, tmp_path: Path) -> None:
    """Three durable links and one uploaded file, paired with its other side."""
    ic.tab("Evidence")
    for title, kind, minutes in (
        ("Alert: connect errors", "Alert", 135),
        ("Authorization rate by route", "Metrics snapshot", 70),
        ("Change record: route to backup", "Config change", 110),
    ):
        form = ic.open("Add (evidence|the first artifact)")
        form.fill(
            Durable_link=f"https://records.pay.example/{minutes}",
            Title=title,
            Kind=kind,
            Captured=ago(minutes),
        )
        ic.saved(form, "Add evidence", "The evidence is stored")
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("account,amount\n2140,0.00\n")
    form = ic.open("Add evidence")
    form.fill(
        Files=ledger,
        Title="Ledger extract",
        Kind="Reconciliation",
        Side="Finance record",
        Captured=ago(80),
    )
    ic.saved(form, "Add evidence", "The evidence is stored")
    ic.sees("2140,0.00")  # the file, read back from the store
    form = ic.open("Pair")
    form.set("Paired with", "Authorization rate by route")
    ic.saved(form, "Pair", "The pair is saved")


def prove_timeline(ic: Person) -> None:
    """Evidence on each entry, milestones, and the decisions with belief and why."""
    ic.tab("Timeline")
    for words, evidence, milestone in (
        ("Card connections refused", ["Authorization rate"], "First impact"),
        ("Alert fires on connect errors", ["Alert: connect"], "First alert"),
        (
            "Authorization rate normal again",
            ["Authorization rate"],
            "Customers recovered",
        ),
        ("Ledger agrees", ["Ledger extract"], "Ledger recovered"),
        (
            "Recovery held",
            ["Authorization rate", "Ledger extract"],
            "Stabilized",
        ),
        ("Route change done", ["Change record"], "Rollback or failover"),
    ):
        row = ic.page.get_by_role("listitem").filter(has_text=words)
        form = ic.open("Needs evidence", within=row.first)
        form.set("Evidence", evidence)
        ic.saved(form, "Link", "The evidence is linked")
        milestones = ic.section("Required milestones")
        wanted = milestones.get_by_role("listitem").filter(has_text=milestone)
        form = ic.open("Mark one", within=wanted)
        form.set("Entry", words)
        ic.saved(form, "Add", "The milestone is added")
    for minutes, text, milestone, artifact in (
        (125, "Incident declared", "Declared", "Alert: connect"),
        (113, "Cards to the backup", "First mitigation", "Change record"),
    ):
        form = ic.open("Full entry")
        form.fill(
            Kind="Decision",
            Time=ago(minutes),
            Action_taken=text,
            Lane="Checkout authorization",
            Owner="Noor Haddad",
            Evidence=[artifact],
            Milestone=milestone,
            Belief_at_the_time="The primary edge refuses us",
            Why_this_action="Two signals agree",
        )
        ic.saved(form, "Add", "The entry is recorded")
    ic.sees("8 of 8 proven")
    form = ic.open("Add a checkpoint")
    form.fill(
        Kind="External gateway or API",
        Name="Gateway edge",
        Lane="Checkout authorization",
        First_signal=ago(140),
        Before_or_after_internal_changes="No internal change was made",
        State="Stabilized",
        Stabilized=ago(97),
        What_was_verified="Failures began at the edge; both recovered together.",
        Evidence=["Authorization rate", "Ledger extract"],
    )
    ic.saved(form, "Add", "The checkpoint is added")


def state_impact(ic: Person) -> None:
    """Scope lines, the three impact lines, one figure with its currency."""
    ic.tab("Overview")
    for audience, text in (
        ("Experienced by users", "Card payers could not pay"),
        ("Internal processing", "Captures waited for events"),
    ):
        form = ic.open("Add a scope statement")
        form.fill(
            Audience=audience,
            Payment_consequence=text,
            Who_was_blocked_or_delayed="Card payers",
            Where_continuity_risk_appeared="Orders abandoned",
            Technical_context="Handshakes refused",
            Lane="Checkout authorization",
            Evidence=["Authorization rate"],
        )
        ic.saved(form, "Add", "The scope statement is added")
    for kind in ("Customer", "Operational", "Business"):
        form = ic.open(f"State the {kind.lower()} impact")
        form.fill(
            Statement=f"The {kind.lower()} impact is stated and proven.",
            Downstream_effects_and_manual_correction_work="Nine refunds by hand.",
            Evidence=["Authorization rate", "Ledger extract"],
        )
        ic.saved(form, "Add", "The impact is stated")
    form = ic.open("Add figure", within=ic.row("IM-3"))
    form.fill(
        Measure="Revenue",
        Label="Orders waiting at peak",
        Amount="4,120.50",
        Currency="eur",
        Evidence=["Ledger extract"],
    )
    ic.saved(form, "Add", "The figure is added")
    ic.sees("€4,120.50")


def recover(ic: Person) -> None:
    """Stabilized, both scope lines closed by a signal, then the all-clear."""
    form = ic.menu("More actions", "Declare stabilized")
    ic.saved(form, "Declare stabilized", "Stabilized")
    form = ic.menu("More actions", "Give the all-clear")
    with ic.refused(409):
        form.send("Give the all-clear")
        ic.sees("cannot get its all-clear yet")
    form.scope.get_by_role("link", name="Cancel").click()
    for ref in ("SC-1", "SC-2"):
        form = ic.open("Close", within=ic.row(ref))
        form.fill(Closing_signal="Authorization rate", Effect_ended=ago(97))
        ic.saved(form, "Close the scope", f"{ref} is closed")
    form = ic.menu("More actions", "Give the all-clear")
    ic.saved(form, "Give the all-clear", "The all-clear is given")


def analyse(ic: Person) -> None:
    ic.tab("Root cause")
    form = ic.open("Choose method")
    form.fill(Method="Dependency trace", Why_it_fits="First signal at an interface.")
    ic.saved(form, "Save", "The method is recorded")
    for number, (label, text) in enumerate(
        (
            ("Trigger", "The gateway rotated its certificate."),
            ("Primary cause", "The proxy accepts one pinned certificate."),
            ("Contributing cause", "Rotation notices reach a retired mailbox."),
        ),
        1,
    ):
        form = ic.open("Candidate cause")
        form.fill(
            Label=label,
            Statement=text,
            Role_in_the_impact_path="Led to refused card payments.",
            What_evidence_shows_this="Handshake log",
            What_condition_allowed_it="One pin only",
            What_change_reduces_repeat_risk="Two pins",
            Evidence=["Alert: connect"],
        )
        form.set("Is there more beyond this?", "Yes: notices had no owner.")
        ic.saved(form, "Add", "The cause is stated")
        form = ic.open("Confirm", within=ic.row(f"CA-{number}"))
        ic.saved(form, "Confirm", f"CA-{number} is confirmed")
    form = ic.open("(Add f|F)ailure mode")
    form.fill(
        Mode="Infrastructure misconfiguration",
        Name="Single pin",
        Standing="Supported",
        Customer_symptom="Card payment fails",
        Financial_impact="4,120.50 EUR waiting",
        Detection_signal="Handshakes refused",
        Recovery_action="Route to the backup",
        Control_to_validate="Rotation rehearsal",
        Evidence=["Alert: connect"],
    )
    ic.saved(form, "Add", "The row is added")


def hold_review(ic: Person) -> None:
    ic.tab("Overview")
    form = ic.open("Edit the summary")
    form.set("Summary", "A rotation met a single pin; two pins now.")
    ic.saved(form, "Save")
    ic.tab("Review")
    form = ic.open("Start the review")
    ic.saved(form, "Start the review", "The review has started")
    form = ic.open("Acknowledge the rule")
    ic.saved(form, "I acknowledge the rule", "The blameless rule is acknowledged")
    form = ic.open("Edit the review")
    form.fill(
        Meeting_flow="Ines Carvalho",
        Documentation="Noor Haddad",
        Why="Impact and decisions are on record.",
        Learning_meeting=ago(-24 * 60),  # the suite began some minutes ago
        How_we_responded="Command in 15 minutes, one proven route change.",
        Blameless_summary="One pin turns a routine rotation into an outage.",
    )
    form.set("Follow-up actions", "Ines Carvalho")
    form.set("Can the group review impact and decisions, not only systems?", "Yes")
    ic.saved(form, "Save", "The review is saved")
    for who, capacity in (
        ("Noor Haddad", "Responder"),
        ("Ines Carvalho", "Service owner"),
        ("Mira Sato", "Product owner"),
    ):
        form = ic.open("Add a participant")
        form.fill(Person=who, Capacity=capacity)
        ic.saved(form, "Add", "Added to the review")


def try_to_close(ic: Person) -> Form:
    """The outcome "close" and its confirmation, on a page of its own."""
    ic.tab("Review")
    ic.page.get_by_role("radio", name=re.compile("Close and seal")).check()
    ic.page.get_by_role("button", name="Continue with this outcome").click()
    ic.page.get_by_role("heading", name="Close and seal").wait_for()
    return ic.form()


def remedy(ic: Person, tmp_path: Path) -> None:
    """The action that was missing, in the form that the refusal led to; its test, the
    run with its artifact, completion."""
    form = Form(ic.page, ic.page.get_by_role("main"))
    due = (TODAY + timedelta(days=2)).date().isoformat()
    form.fill(
        What_changes="Ship the proxy with two pins and rehearse a rotation",
        Kind="Reduce recurrence",
        Timing="Mandatory now",
        Owner="Ines Carvalho",
        Due=due,
        Area="Continuity recovery",
        Causes_it_answers=["CA-1", "CA-2", "CA-3"],
        Failure_modes_it_answers=["FM-1"],
        Risk_removed_when_shipped="A rotation refuses nobody.",
        Risk_that_remains="A root change needs a release.",
        Trade_off="Manual renewal each quarter.",
        Rollback_path="Deploy the previous image.",
        Where_proof_is_stored="Test runner",
    )
    ic.saved(form, "Add draft", "The draft is saved")
    form = ic.open("Closure test")
    form.fill(
        Procedure="Rotate the certificate at the boundary; read the webhooks",
        Pass_condition="No refused handshake, webhooks delivered",
        Environment="Staging",
        Due=due,
    )
    ic.saved(form, "Add test", "The closure test is added")
    form = ic.open("Open")
    ic.saved(form, "Open action", "ACT-1 is open")
    rehearsal = tmp_path / "rehearsal.txt"
    rehearsal.write_text("rotation 1: handshake ok, 12 webhooks delivered\n")
    form = ic.open("Record run 1")
    form.fill(
        Outcome="Passed",
        Date_of_the_test=ago(20),
        Environment="Staging",
        Tester="Ines Carvalho",
        What_came_out="12 of 12 webhooks delivered",
        New_files=rehearsal,
    )
    ic.saved(form, "Record run", "The run is recorded")
    form = ic.open("Complete")
    ic.saved(form, "Complete", "ACT-1 is completed")


def approve_action(manager: Person, base: str) -> None:
    manager.goto(f"{base}actions/1/")
    form = manager.open("Approve")
    form.set("Comment", "Read the run and its file.")
    manager.saved(form, "Approve", "You approved ACT-1")


def approve_closure(manager: Person, base: str) -> None:
    # The button opens once the worker has run the checks on what was written last.
    for _ in range(40):
        manager.goto(f"{base}review/")
        if manager.page.get_by_role("link", name="Approve", exact=True).count():
            break
        manager.page.wait_for_timeout(1000)
    form = manager.open("Approve")
    form.set(
        "I have read the six sections of this version and the gaps that it seals", True
    )
    manager.saved(form, "Approve this version", "Approved")
