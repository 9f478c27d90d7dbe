"""What import-linter cannot see: foreign keys point down, writes stay in services,
files stay small, no receivers, task names resolve, services announce what they do."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db import models

ROOT = Path(__file__).resolve().parents[2]
ORDER = ["accounts", "incidents", "timeline", "rca", "actions", "review"]
SOURCES = sorted(
    path
    for app in ["postmortem", *ORDER]
    for path in (ROOT / app).rglob("*.py")
    if "migrations" not in path.parts
)


def test_every_first_party_app_is_in_the_line() -> None:
    first_party = [
        config.name
        for config in apps.get_app_configs()
        if Path(config.path).parent == ROOT
    ]
    assert sorted(first_party) == sorted([*ORDER, "postmortem"])


def test_foreign_keys_point_down() -> None:
    wrong = []
    for model in apps.get_models():
        here = model._meta.app_label
        if here not in ORDER:
            continue
        for field in model._meta.get_fields():
            if field.auto_created or not isinstance(
                field, models.ForeignKey | models.ManyToManyField
            ):
                continue
            there = field.related_model._meta.app_label
            if there in ORDER and ORDER.index(there) > ORDER.index(here):
                wrong.append(f"{model._meta.label}.{field.name} -> {there}")
    assert wrong == []


def test_no_file_has_more_than_500_lines() -> None:
    beside = [
        path for name in ("scripts", "tests") for path in (ROOT / name).rglob("*.py")
    ]
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in [*SOURCES, *beside]
    }
    assert {path: length for path, length in lengths.items() if length > 500} == {}


def test_every_module_says_what_lives_there() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.read_text().strip()
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_domain_rows_are_written_by_services_only() -> None:
    """Views, API, tasks, commands, checks and selectors never write a row."""
    write = re.compile(
        r"\.(save|bulk_create|bulk_update|get_or_create|update_or_create)\("
    )
    outside = [
        path
        for path in SOURCES
        if not re.search(
            r"/(services(/|\.py)|models(/|\.py)|lib/|activity\.py|report/|demo\.py|admin\.py)",
            str(path),
        )
    ]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in outside
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if write.search(line)
    ]
    assert found == []


def test_there_are_no_signal_receivers() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"@receiver|(pre|post)_(save|delete)\.connect", path.read_text())
    ]
    assert found == []


def test_names_of_kicked_and_scheduled_tasks_resolve() -> None:
    for app in ORDER:
        if (ROOT / app / "tasks.py").exists():
            import_module(f"{app}.tasks")
    kicked = {
        name
        for path in SOURCES
        for name in re.findall(r'kick\(\s*"([\w.]+)"', path.read_text())
    }
    scheduled = {str(row["task"]) for row in settings.CELERY_BEAT_SCHEDULE.values()}
    assert kicked
    assert sorted((kicked | scheduled) - set(current_app.tasks)) == []


def test_services_take_keywords_an_actor_and_say_what_they_do() -> None:
    faults = []
    for path in SOURCES:
        if "/services" not in str(path):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef) or not any(
                isinstance(d, ast.Name) and d.id == "service"
                for d in node.decorator_list
            ):
                continue
            place = f"{path.relative_to(ROOT)}:{node.name}"
            if node.args.args:
                faults.append(f"{place} takes positional arguments")
            if "actor" not in {arg.arg for arg in node.args.kwonlyargs}:
                faults.append(f"{place} has no actor")
            if not ast.get_docstring(node) and not node.name.startswith("_"):
                faults.append(f"{place} has no docstring")
            if "activity.record(" not in ast.unparse(node) and "_" not in node.name[:1]:
                calls = ast.unparse(node)
                told_by = r"\b_\w+\(|retract_record\(|link_evidence\(|put_entry\("
                if not re.search(told_by, calls):
                    faults.append(f"{place} records no activity")
    assert faults == []
