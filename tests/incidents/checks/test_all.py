"""Each check of the case file has its test beside this one."""

from importlib import import_module
from pathlib import Path

from postmortem.lib import findings


def test_every_check_of_the_case_file_is_tested_here() -> None:
    mine = {
        item.id
        for item in findings.REGISTRY.values()
        if item.function.__module__.startswith("incidents.")
    }
    tested = {
        name.removeprefix("Test")
        for path in Path(__file__).parent.glob("test_*.py")
        for name in vars(import_module(f"tests.incidents.checks.{path.stem}"))
        if name.startswith("Test")
    }
    assert mine == tested
