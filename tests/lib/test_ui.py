"""The tags and filters of the design system: what they say and that they escape it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.template import Context, Engine
from django.template.loader import render_to_string

from postmortem.lib import ui

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
STATIC = Path(settings.BASE_DIR) / "static"
ENGINE = Engine(
    builtins=["postmortem.lib.ui", "django.templatetags.static"],
    dirs=[str(Path(settings.BASE_DIR) / "templates")],
)


def show(source: str, **context: object) -> str:
    return ENGINE.from_string(source).render(Context(context))


@dataclass
class Artifact:
    ref: str = "EV-07"
    title: str = "Webhook delivery states"
    kind: str = "event"
    is_original: bool = True

    def get_absolute_url(self) -> str:
        return f"/incidents/INC-1/evidence/{self.ref}/"


def finding(**changes: object) -> SimpleNamespace:
    return SimpleNamespace(
        **{
            "id": "TL004",
            "level": "error",
            "message": "47 minutes with no evidence",
            "hint": "",
            "subject_ref": "TL-3",
            "subject_label": "Timeline · TL-3",
            "url": "/fix/",
            "fix_label": "Link or explain",
            "owner_label": "Scribe on call",
            **changes,
        }
    )


# --- filters --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (timedelta(hours=5, minutes=37), "5 h 37 min"),
        (timedelta(minutes=9), "9 min"),
        (timedelta(0), "0 min"),
        (None, "not recorded"),
        ("", "not recorded"),
        ("about 5 h", "about 5 h"),
    ],
)
def test_duration_says_not_recorded_instead_of_zero(value, words):
    assert ui.duration(value) == words


def test_the_name_of_a_zone_stays_whole():
    assert show("{{ zone|zone_name }}", zone="UTC") == "UTC"
    told = show("at {{ zone|zone_name }}", zone="Asia/Singapore")
    assert told == 'at <span class="pm-zone">Asia/Singapore</span>'
    rule = (STATIC / "css" / "vocabulary.css").read_text()
    assert re.search(r"\.pm-zone \{\s+white-space: nowrap;", rule)


def test_incident_time_is_shown_on_the_clock_of_its_zone():
    assert ui.incident_time(NOON, "Europe/Berlin") == "10 Mar 2026, 13:00"
    assert ui.incident_time(NOON, "America/New_York") == "10 Mar 2026, 08:00"
    assert ui.incident_time(date(2026, 3, 9), "UTC") == "9 Mar 2026"
    assert ui.incident_time(None, "UTC") == "not recorded"


def test_clock_gives_hours_and_minutes_of_the_zone():
    assert ui.clock(NOON, "Asia/Kolkata") == "17:30"
    assert ui.clock(None, "UTC") == "not recorded"


def test_clock_range_repeats_the_date_only_when_the_day_changes():
    later = NOON + timedelta(hours=5)
    assert ui.clock_range(NOON, later, "UTC") == "10 Mar 2026, 12:00 to 17:00"
    assert (
        ui.clock_range(NOON, later, "Asia/Tokyo")
        == "10 Mar 2026, 21:00 to 11 Mar 2026, 02:00"
    )
    assert ui.clock_range(NOON, None, "UTC") == "10 Mar 2026, 12:00, end not recorded"
    assert ui.clock_range(None, later, "UTC") == "not recorded"


def test_t_offset_counts_hours_and_minutes_from_declaration():
    assert ui.t_offset(NOON + timedelta(minutes=14), NOON) == "T+00:14"
    assert ui.t_offset(NOON + timedelta(minutes=14, seconds=59), NOON) == "T+00:14"
    assert ui.t_offset(NOON + timedelta(hours=27, minutes=5), NOON) == "T+27:05"
    assert ui.t_offset(NOON - timedelta(minutes=25), NOON) == "T−00:25"
    assert ui.t_offset(NOON, NOON) == "T+00:00"
    assert ui.t_offset(None, NOON) == ""


def test_shorthash_keeps_both_ends():
    assert ui.shorthash("7f3a" + "0" * 56 + "c21e") == "7f3a…c21e"
    assert ui.shorthash("sha256:" + "ab12" * 16) == "ab12…ab12"
    assert ui.shorthash("short") == "short"
    assert ui.shorthash(None) == ""


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (Decimal("412860.2"), "EUR", "€412,860.20"),
        (Decimal(12), "USD", "USD 12.00"),
        (Decimal("-3912.40"), "EUR", "−€3,912.40"),
        (Decimal("1500.00"), "JPY", "JPY 1,500"),
        (Decimal("1500.5"), "JPY", "JPY 1,500.5"),
        (Decimal("0.0004"), "USD", "USD 0.0004"),
        (Decimal("1.2"), "KWD", "KWD 1.200"),
        (Decimal(0), "EUR", "€0.00"),
        (Decimal("1E+3"), "EUR", "€1,000.00"),
        (None, "EUR", "not recorded"),
        ("many", "EUR", "many"),
    ],
)
def test_money_groups_and_never_rounds_away(amount, currency, words):
    assert ui.money(amount, currency) == words


@pytest.mark.parametrize(
    ("due", "words"),
    [
        (NOON + timedelta(days=2, hours=7), "in 2 d"),
        (NOON + timedelta(hours=3, minutes=5), "in 3 h 5 min"),
        (NOON - timedelta(days=1, hours=2), "1 d overdue"),
        (NOON - timedelta(minutes=20), "20 min overdue"),
        (NOON, "due now"),
        (date(2026, 3, 10), "due today"),
        (date(2026, 3, 12), "in 2 d"),
        (date(2026, 3, 9), "1 d overdue"),
        (None, "no date"),
    ],
)
def test_relative_due(due, words):
    assert ui.relative_due(due, NOON) == words


def test_a_day_is_past_only_on_the_next_one():
    assert ui.is_past(date(2026, 3, 10), NOON) is False
    assert ui.is_past(date(2026, 3, 9), NOON) is True
    assert ui.is_past(NOON - timedelta(seconds=1), NOON) is True
    assert ui.is_past(None, NOON) is False


def test_countdown_shows_digits_on_both_sides_of_due():
    assert ui.countdown(NOON + timedelta(minutes=8, seconds=12), NOON) == "08:12"
    assert ui.countdown(NOON - timedelta(minutes=2, seconds=14), NOON) == "02:14"
    assert ui.countdown(NOON + timedelta(hours=1, seconds=5), NOON) == "1:00:05"
    assert ui.countdown(None, NOON) == "--:--"


def test_initials_of_roles_and_addresses():
    assert ui.initials("Engineering manager") == "EM"
    assert ui.initials("ada.lovelace@example.org") == "AL"
    assert ui.initials("") == "?"


# --- tags -----------------------------------------------------------------------------


def test_icon_is_hidden_from_readers_unless_it_has_a_label():
    decorative = show('{% icon "check" %}')
    assert 'aria-hidden="true"' in decorative
    assert "#i-check" in decorative
    named = show('{% icon "check" "Done" %}')
    assert 'aria-label="Done"' in named
    assert "aria-hidden" not in named


@pytest.mark.parametrize(("value", "bars"), [("SEV1", 5), (2, 4), ("sev3", 3), (5, 1)])
def test_severity_has_more_bars_the_worse_it_is(value, bars):
    page = show("{% severity value %}", value=value)
    assert page.count('class="on"') == bars
    assert page.count("<rect") == 5
    assert f"SEV{6 - bars}</span>" in page


def test_severity_without_a_number_says_so():
    assert "No severity" in show("{% severity value %}", value=None)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("active", "Active"),
        ("stabilized", "Stabilized"),
        ("in_review", "In review"),
        ("closed", "Closed"),
        ("cancelled", "Cancelled"),
    ],
)
def test_status_badge_has_a_shape_and_the_word(status, word):
    page = show("{% status_badge status %}", status=status)
    assert word in page
    assert "<svg" in page or "pm-dot" in page


def test_badge_takes_its_words_from_the_kind_or_the_template():
    assert "Provisional" in show('{% badge "provisional" %}')
    due = show('{% badge "overdue" "3 d overdue" %}')
    assert "pm-badge-bad" in due
    assert "3 d overdue" in due
    assert "pm-badge-plain" in show('{% badge "made_up" %}')


def test_degraded_counts_and_names_what_still_is():
    page = show("{% degraded names %}", names=["Backup route", "<b>"])
    assert 'title="Backup route, &lt;b&gt;"' in page
    assert "2 dependencies degraded" in page
    assert "<svg" in page
    assert show("{% degraded names %}", names=None) == ""


def test_only_unproven_badges_are_dashed():
    """Amber dashes mean unproven and nothing else (design guide)."""
    dashed = {kind for kind, look in ui.BADGES.items() if look[0] == "unproven"}
    assert dashed == {"provisional", "later", "stale", "unknown"}


def test_evidence_chip_links_the_ref_and_the_title():
    page = show("{% evidence_chip artifact %}", artifact=Artifact())
    assert 'href="/incidents/INC-1/evidence/EV-07/"' in page
    assert "EV-07" in page
    assert ">Webhook delivery states</span>" in page
    assert "pm-chip-later" not in page


def test_evidence_chip_label_replaces_the_title_and_empty_shows_the_ref_alone():
    assert ">ledger extract<" in show(
        '{% evidence_chip artifact "ledger extract" %}', artifact=Artifact()
    )
    bare = show('{% evidence_chip artifact "" %}', artifact=Artifact())
    assert "pm-chip-label" not in bare


def test_a_later_summary_looks_and_reads_unproven():
    page = show("{% evidence_chip artifact %}", artifact=Artifact(is_original=False))
    assert "pm-chip-later" in page
    assert "later summary</span>" in page


def test_evidence_chip_of_nothing_is_nothing():
    assert show("{% evidence_chip artifact %}", artifact=None) == ""


def test_lane_marks_name_every_flow_or_say_that_none_is_named():
    lanes = (("payouts", "Payouts"), ("own", "<b>"))
    shown = show("{% lane_marks lanes %}", lanes=lanes)
    assert shown.count("<svg") == 2
    assert "Payouts</span>" in shown
    assert "&lt;b&gt;</span>" in shown
    assert "not named" in show("{% lane_marks lanes %}", lanes=())


def test_finding_counts_are_grey_where_there_is_none():
    blocked = show("{% finding_counts blocking 0 %}", blocking=2)
    assert blocked.count("pm-muted") == 1
    assert "<b>2</b>" in blocked
    assert "pm-bad" not in show("{% finding_counts 0 3 %}")


def test_tags_escape_what_people_wrote():
    bad = "<script>alert(1)</script>"
    pages = [
        show("{% evidence_chip a %}", a=Artifact(title=bad, ref=bad)),
        show("{% finding_row f %}", f=finding(message=bad, owner_label=bad)),
        show('{% badge "open" label %}', label=bad),
        show('{% needs_evidence "/x/" label %}', label=bad),
        show("{% status_badge status %}", status=bad),
    ]
    assert all("<script>" not in page for page in pages)
    assert all("&lt;script&gt;" in page.lower() for page in pages)


def test_finding_row_says_level_place_owner_and_one_fix():
    page = show("{% finding_row f %}", f=finding())
    assert page.startswith("<li ")
    assert 'aria-label="Blocks closure"' in page
    assert "TL004" in page
    assert "Timeline · TL-3 · Scribe on call" in page
    assert page.count("<a ") == 1
    assert 'href="/fix/"' in page


def test_finding_row_of_a_cleared_or_accepted_finding_is_struck():
    cleared = show("{% finding_row f %}", f=finding(cleared_at="10:18"))
    assert "<s>47 minutes with no evidence</s>" in cleared
    assert "cleared 10:18" in cleared
    accepted = show("{% finding_row f %}", f=finding(accepted_by="Finance, 16 Mar"))
    assert "is-accepted" in accepted
    assert "Accepted: Finance, 16 Mar" in accepted


def test_finding_row_reads_a_stored_mapping_too():
    page = show("{% finding_row f %}", f={"id": "EV006", "level": "warning"})
    assert "EV006" in page
    assert "pm-finding-warning" in page


def test_needs_evidence_without_a_picker_is_no_link():
    assert "<a " in show('{% needs_evidence "/pick/" %}')
    assert "<a " not in show("{% needs_evidence %}")


# --- files ----------------------------------------------------------------------------


def sprite_names() -> set[str]:
    return set(re.findall(r'id="i-([a-z0-9-]+)"', (STATIC / ui.SPRITE).read_text()))


def test_every_icon_that_code_and_templates_name_is_in_the_sprite():
    named = {look[1] for look in ui.BADGES.values() if look[1]}
    named |= {look[1] for look in ui.STATUSES.values() if look[1]}
    named |= set(ui.EVIDENCE_ICONS.values())
    named |= {look[0] for look in ui.FINDING_ICONS.values()}
    for page in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        named |= set(re.findall(r"{% icon [\"']([a-z0-9-]+)[\"']", page.read_text()))
    assert named - sprite_names() == set()


def test_vendored_files_are_the_ones_that_the_manifest_names():
    manifest = json.loads((STATIC / "vendor/manifest.json").read_text())
    changed = [
        row["file"]
        for row in manifest["files"]
        if sha256((STATIC / row["file"]).read_bytes()).hexdigest() != row["sha256"]
    ]
    assert changed == []
    assert set(manifest["icons"]) == sprite_names()


def test_style_sheets_point_only_to_files_that_exist():
    """The manifest storage of production refuses a reference to a missing file."""
    missing = []
    for sheet in STATIC.rglob("*.css"):
        text = sheet.read_text()
        assert "sourceMappingURL" not in text
        for target in re.findall(r"url\(\s*[\"']?(?!data:|#)([^\"')]+)", text):
            if not (sheet.parent / target).resolve().is_file():
                missing.append((sheet.name, target))
    assert missing == []


@pytest.mark.parametrize(
    "mark",
    [
        r"\b50[2347]\b",  # which answers are sent again later
        r"getRandomValues",
        r"pm-draft:",
        r"\.querySelectorAll\(selector\)",
        r'"#pm-live"',
    ],
)
def test_what_more_than_one_script_says_is_said_in_one(mark):
    said_in = [
        script.name
        for script in (STATIC / "js").glob("*.js")
        if re.search(mark, script.read_text())
    ]
    assert said_in == ["shared.js"]


def test_templates_carry_no_inline_script_or_style():
    """The content security policy allows neither. The one-pager's sheet becomes a PDF
    and is never served as a page."""
    inline = [
        page.name
        for page in (Path(settings.BASE_DIR) / "templates").rglob("*.html")
        if page.name != "report_print.html"
        and re.search(
            r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on",
            page.read_text(),
        )
    ]
    assert inline == []


def sources() -> str:
    """Everything that can write a class or name a template."""
    root = Path(settings.BASE_DIR)
    apps = ("postmortem", "accounts", "incidents", "timeline", "rca", "actions")
    files = [
        *(root / "templates").rglob("*.html"),
        *(STATIC / "js").glob("*.js"),
        *(file for app in (*apps, "review") for file in (root / app).rglob("*.py")),
    ]
    return "\n".join(file.read_text() for file in files)


def test_no_class_of_a_style_sheet_is_worn_by_nothing():
    text = sources()
    words = set(re.findall(r"[a-z][\w-]*", text)) | {"errorlist", "htmx-request"}
    begun = tuple(set(re.findall(r"\b(pm-(?:[a-z]+-)+)\{", text)))
    worn_by_nothing = {
        name
        for sheet in (STATIC / "css").glob("*.css")
        for rule in re.findall(
            r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.S)
        )
        for name in re.findall(r"\.([a-z][\w-]*)", re.sub(r"url\(.*?\)", "", rule))
        if not {name, name.removeprefix("is-")} & words and not name.startswith(begun)
    }
    assert worn_by_nothing == set()


def test_no_template_is_named_by_nothing():
    text = sources()
    folder = Path(settings.BASE_DIR) / "templates"
    # Django and allauth look these up themselves; a middleware by the status.
    known = re.compile(r"(account|mfa|allauth|django)/|[45]\d\d(_csrf)?\.html")
    unnamed = [
        page
        for page in (
            path.relative_to(folder).as_posix() for path in folder.rglob("*.html")
        )
        if page not in text
        and not known.match(page)
        and f'"{Path(page).stem.removeprefix("_")}"' not in text
    ]
    assert unnamed == []


def test_no_help_text_names_a_requirement():
    """Whoever fills in a form has not read the list of requirements."""
    told = [
        f"{field.model.__name__}.{field.name}: {field.help_text}"
        for model in apps.get_models()
        for field in model._meta.fields
        if re.search(r"\bR-[A-Z]+-\d", str(field.help_text))
    ]
    assert told == []


# --- forms ----------------------------------------------------------------------------


class EntryForm(forms.Form):
    version = forms.IntegerField(widget=forms.HiddenInput)
    summary = forms.CharField(max_length=200, help_text="What was seen.")
    lane = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect)


def test_form_names_each_mistake_at_the_top_and_at_its_field():
    form = EntryForm({"version": "1", "summary": ""})
    page = render_to_string("components/_form.html", {"form": form})
    assert '<a href="#id_summary">Summary</a>' in page
    assert '<a href="#id_lane">Lane</a>' in page
    assert 'aria-describedby="id_summary_helptext id_summary_error"' in page
    assert 'id="id_summary_error"' in page
    assert 'aria-invalid="true"' in page


def test_form_keeps_hidden_fields_and_swaps_itself():
    form = EntryForm(initial={"version": 4})
    page = render_to_string("components/_form.html", {"form": form, "action": "/go/"})
    assert '<input type="hidden" name="version" value="4"' in page
    assert 'hx-post="/go/"' in page
    assert 'hx-select="[data-pm-form]"' in page
    assert "multipart" not in page
    assert "data-bound" not in page


def test_the_page_of_a_broken_server_needs_no_context():
    page = render_to_string("500.html")
    assert "Something broke on our side" in page
