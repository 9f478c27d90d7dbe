"""Every page of rows where there are none yet, walked from the URL configuration."""

from __future__ import annotations

import re
from html import unescape

from django.test import Client

from accounts.models import Role
from incidents.models import Incident
from tests.conftest import person
from tests.permissions.test_matrix import routes

# By the name of the page: what it says when it has no row, and how the link or button
# to what is done next begins.
EMPTY = {
    "account_detail": ("No token yet", "New token"),
    "access_list": ("No change yet", "People and teams"),
    "work_list": ("Nothing is waiting on you", "See all incidents"),
    "search": ("No incident has been declared yet", "Declare the first"),
    "incident_list": ("No incident has been declared yet", "Declare the first"),
    "notification_list": ("Nothing was told to you yet", "preferences"),
    "my_actions": ("Nothing is waiting on you", "See all open actions"),
    "incident_detail": ("Not stated yet.", "State the customer impact"),
    "evidence_list": ("No evidence yet", "Add the first artifact"),
    "entry_list": ("No timeline yet", "First entry"),
    "entry_print": ("No entry is recorded.", "Back to the timeline"),
    "recovery_strip": ("No milestone has a time yet.", "Open the milestones"),
    "candidate_list": ("No log was imported", "Import a log"),
    "cause_list": ("No trigger is stated yet.", "Add"),
    "failure_mode_print": ("No failure mode is described.", "Back to root cause"),
    "action_list": ("No actions yet", "Add action"),
    "review_detail": ("The review opens after stabilization", "Declare stabilized"),
    "report_detail": ("No one-pager has been made", "Make it from the"),
}
# Pages that are never without a row, and why.
FULL = {
    "person_list": "whoever looks is in it",
    "policy_list": "every severity has its row",
    "people_list": "whoever declares commands",
    "finding_list": "what is missing is what it lists",
    "activity_list": "the declaration is its first entry",
    "token_add": "a form",
    "incident_declare": "a form",
}


def words_of(markup: str) -> str:
    bare = re.sub(r"<(svg|script|template)\b.*?</\1>", " ", markup, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def faults_of(name: str, main: str) -> list[str]:
    """What is wrong with a page without rows."""
    faults = []
    if re.search(r"<tbody[^>]*>\s*</tbody>", main):
        faults.append("a table head alone")
    said, following = EMPTY.get(name, ("", ""))
    if said not in words_of(main):
        faults.append(f"does not say “{said}”: {words_of(main)}")
    ways = re.findall(r"<(a|button)\b[^>]*>(.*?)</\1>", main, re.DOTALL)
    if following and not any(words_of(way).startswith(following) for _, way in ways):
        faults.append(f"does not lead to “{following}”")
    return faults


def walk(parameters: set[str], key: str = "") -> dict[str, list[str]]:
    """The faults of every page whose address has exactly these parameters."""
    user = person("all", "Alma Lind", "Everything", *Role.values)
    client = Client()
    client.force_login(user)
    found = {}
    for route, view, names in routes():
        if not hasattr(view, "access") or set(names) != parameters:
            continue
        page = client.get("/" + route.replace("<str:key>", key))
        main = re.search(r"<main.*</main>", page.content.decode(), re.DOTALL)
        is_form = "components/form_page.html" in [each.name for each in page.templates]
        if page.status_code != 200 or main is None or is_form:
            continue
        name = page.resolver_match.url_name
        assert name in EMPTY or name in FULL, f"{route}: tell what it says when empty"
        found[route] = faults_of(name, main[0])
    return {route: faults for route, faults in found.items() if faults}


class TestPagesWithoutRows:
    def test_say_what_to_do_before_the_first_incident(self, db: None) -> None:
        assert not Incident.objects.exists()
        assert walk(set()) == {}

    def test_say_what_to_do_in_an_incident_without_rows(
        self, incident: Incident
    ) -> None:
        assert walk({"key"}, incident.key) == {}
