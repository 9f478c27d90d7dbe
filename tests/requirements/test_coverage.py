"""Which requirement each test holds, and which no test cites yet.

`python -m tests.requirements.test_coverage` prints the open ids.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ID = re.compile(r"R-[A-Z]+-\d+")
# The list only shrinks: lower it with every issue, to zero at the end.
OPEN_AT_MOST = 103


def required() -> set[str]:
    text = (ROOT / "docs" / "requirements.md").read_text()
    return set(re.findall(r"^- (R-[A-Z]+-\d+)", text, re.MULTILINE))


def cited() -> set[str]:
    return {
        found
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.parent != Path(__file__).parent
        for found in ID.findall(path.read_text())
    }


def test_every_cited_id_exists() -> None:
    assert cited() <= required(), sorted(cited() - required())


def test_the_list_of_open_ids_only_shrinks() -> None:
    still_open = required() - cited()
    assert len(still_open) <= OPEN_AT_MOST, sorted(still_open)


if __name__ == "__main__":
    rest = sorted(required() - cited())
    lines = [
        f"{len(rest)} of {len(required())} requirement ids cited by no test:",
        *rest,
    ]
    print("\n".join(lines))  # noqa: T201
