"""The documents are true to the code."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path
from pkgutil import resolve_name

from django.conf import settings

from postmortem.lib.findings import REGISTRY, Level
from tests.architecture.test_layers import ORDER, SOURCES
from tests.requirements.test_coverage import required

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"postmortem", *ORDER, "templates", "static", "docs", "scripts", "tests"}


def documented() -> dict[str, list[str]]:
    """Rows of the table of docs/checks.md by id."""
    rows = {}
    for line in (ROOT / "docs" / "checks.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"`[A-Z]{2,3}\d{3}`", cells[0]):
            rows[cells[0].strip("`")] = cells
    return rows


def test_checks_md_lists_every_check_with_level_reason_and_requirement() -> None:
    """`manage.py checks_doc` writes the file; this holds it to the registry."""
    rows = documented()
    assert sorted(rows) == sorted(REGISTRY)
    for check_id, check in REGISTRY.items():
        cells = rows[check_id]
        assert cells[1].split(",")[0] == check.level.value, check_id
        assert cells[3] == check.reason.replace("|", "\\|"), check_id
        assert cells[4] == ", ".join(check.requirements), check_id


def test_every_check_cites_a_requirement_that_exists() -> None:
    known = required()
    for check in REGISTRY.values():
        assert check.requirements, check.id
        assert set(check.requirements) <= known, check.id


def test_every_error_check_is_required_at_start() -> None:
    """A gate that is lost with an import stops the program."""
    errors = {check.id for check in REGISTRY.values() if check.level is Level.ERROR}
    assert sorted(settings.REQUIRED_CHECKS) == sorted(errors)


def test_nothing_names_a_registry_host_or_a_machine_path() -> None:
    """Everything installs from whatever index the machine is set up with, and works
    wherever it lies."""
    wrong = re.compile(
        r"https?:[/]{2}\S*(pypi|npmjs|debian[.]org/debian)"
        r"|(?<![\w.}])/(home|root|work|Users)/\w|[.]{2}/shared|background[/]\w"
    )
    patterns = ["*.md", "*.toml", "*.yml", "Makefile", "Dockerfile", ".ci/*"]
    patterns += ["requirements/*", "scripts/**/*.*", "docs/*.*", "templates/**/*.html"]
    patterns += [f"{app}/**/*.py" for app in ("postmortem", *ORDER, "tests")]
    paths = {path for pattern in patterns for path in ROOT.glob(pattern)}
    assert len(paths) > 400
    names = [
        str(path.relative_to(ROOT))
        for path in paths
        if path.is_file() and path.suffix != ".pyc" and wrong.search(path.read_text())
    ]
    assert names == []


def test_operations_lists_every_setting_of_the_environment() -> None:
    source = (ROOT / "postmortem" / "settings.py").read_text()
    read = set(re.findall(r"(?:env\.\w+|secret)\(\s*\"(\w+)\"", source))
    assert len(read) > 25
    table = (ROOT / "docs" / "operations.md").read_text()
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = set(re.findall(r"`(\w+)`", "".join(rows)))
    assert sorted(read - listed) == []


def test_dependencies_says_of_every_package_why_it_is_here() -> None:
    lines = [
        line
        for path in (ROOT / "requirements").glob("*.in")
        for line in path.read_text().splitlines()
        if line[:1].isalpha()
    ]
    assert len(lines) > 40
    told = (ROOT / "docs" / "dependencies.md").read_text()
    names = {re.split(r"[^\w.-]", line)[0] for line in lines}
    assert [name for name in sorted(names) if f" {name}" not in told] == []


def test_every_package_that_runs_is_used() -> None:
    """tzdata is read where the system has no time zones, and named nowhere."""
    modules = defaultdict(set)
    for module, packages in packages_distributions().items():
        for package in packages:
            modules[package.lower()].add(module)
    sources = "".join(path.read_text() for path in SOURCES)
    words = set(re.findall(r"\w+", sources))
    wanted = (ROOT / "requirements" / "run.in").read_text().splitlines()
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in wanted}
    assert sorted(name for name in names if name and not modules[name] & words) == [
        "tzdata"
    ]


def exists(word: str, names: set[str]) -> bool:
    """Whether what a document names is there: a file, a path, something of the code.
    Other words say nothing about this project."""
    first = re.split(r"[./]", word)[0]
    if re.fullmatch(r"[\w-]+\.(py|sh|css|js|html|md|json|csv)", word):
        return word in names
    if re.fullmatch(r"[\w-]+(/[\w.-]+)+/?", word) and first in FOLDERS:
        return any((ROOT / base / word).exists() for base in ("", "templates"))
    if re.fullmatch(r"\w+(\.\w+)+", word) and first in {"postmortem", *ORDER}:
        try:
            resolve_name(word)
        except (ImportError, AttributeError):
            return False
    return True


def test_what_the_documents_name_exists() -> None:
    names = {
        path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")
    } | {path.name for path in ROOT.glob("*.*")}
    gone = [
        f"{document.relative_to(ROOT)}: {word}"
        for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
        for word in re.findall(r"`([^`\s]+)`", document.read_text())
        if not exists(word, names)
    ]
    assert gone == []
