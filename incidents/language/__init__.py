"""Advice on wording: blame, vague actions, certainty and hedging, recovery that did
not hold, updates that promise or only reassure.

Nothing is rewritten and nothing is refused here: a match says which words, why, and how
one could put it instead; a person may keep the words and say why. The patterns are data
(`words.py`), measured on the sentences of `tests/incidents/sentences.py`.

Looked at sentence by sentence, without regard to case. Left out: quotations, code, log
lines, identifiers, addresses, and sentences that are not English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from incidents.language import words
from incidents.language.blame import BLAME
from incidents.language.certainty import HEDGE, OVERCLAIM
from incidents.language.recovery import PARTIAL, RELAPSE
from incidents.language.updates import NEXT_AT, PROMISE, REASSURANCE, REST
from incidents.language.vague import VAGUE
from incidents.language.words import HIDDEN, NAME, Rule


@dataclass(frozen=True)
class Match:
    """Words that somebody should look at again.

    start, end: offsets in the text that was given (end exclusive). rule: stable id of
    the pattern (`blame.counterfactual`).
    """

    start: int
    end: int
    text: str
    reason: str
    hint: str
    rule: str


def find_blame(text: str, *, names: Iterable[str] = ()) -> list[Match]:
    """Words that judge a person instead of telling a condition (R-BL-01, R-BL-03).

    names: full names (or handles) of the people of this incident; without them only
    roles, teams, pronouns and @handles are known to be persons.
    """
    return _find(text, BLAME, names=names)


def find_vague(text: str) -> list[Match]:
    """Wording of an action that nobody could tell to be done (R-AI-04)."""
    return list(_vague(text))


@lru_cache(maxsize=2048)
def _vague(text: str) -> tuple[Match, ...]:
    """Every list of actions asks it of each title."""
    return tuple(_find(text, VAGUE))


def find_overclaim(text: str) -> list[Match]:
    """Certainty that needs an artifact beside it, and hindsight (R-RC-09, R-HY-03).

    A sentence that names its artifact (`EV-12`) is left alone.
    """
    return _find(text, OVERCLAIM)


def find_hedge(text: str) -> list[Match]:
    """Words of doubt: right in a provisional claim, not in a confirmed one."""
    return _find(text, HEDGE)


def find_relapse(text: str) -> list[Match]:
    """Words that tell that the impact came back (R-RV-07, R-DOC-07)."""
    return _find(text, RELAPSE)


def find_partial(text: str) -> list[Match]:
    """Words that tell that a part had not recovered yet (R-RV-03, R-RV-05)."""
    return _find(text, PARTIAL)


def find_promise(text: str) -> list[Match]:
    """A restoration promised for a time, in an update (R-CO-04)."""
    return _find(text, PROMISE)


def find_reassurance(text: str) -> list[Match]:
    """Words of an update that reassure and tell nothing (R-CO-06)."""
    return _find(text, REASSURANCE)


def names_next_time(text: str) -> bool:
    """Whether an update says by the clock when the next one comes (R-CO-02)."""
    return bool(NEXT_AT.search(text))


def tells_the_rest(text: str) -> bool:
    """Whether an update on a partial recovery says what waits or fails (R-CO-03)."""
    return bool(REST.search(text))


def _find(
    text: str, rules: tuple[Rule, ...], *, names: Iterable[str] = ()
) -> list[Match]:
    if not text:
        return []
    masked = _mask(text, tuple(sorted({name.strip() for name in names if name})))
    found: list[Match] = []
    for start, end, part in _sentences(masked):
        if not _is_english(part):
            continue
        original = text[start:end]
        sentence, offsets = _single_spaced(part, start)
        for rule in rules:
            if rule.unless_original and rule.unless_original.search(original):
                continue
            if rule.unless and rule.unless.search(sentence):
                continue
            for hit in rule.pattern.finditer(sentence):
                first, last = hit.span("hit" if hit.groupdict().get("hit") else 0)
                first, last = offsets[first], offsets[last - 1] + 1
                found.append(
                    Match(
                        start=first,
                        end=last,
                        text=text[first:last],
                        reason=rule.reason,
                        hint=rule.hint,
                        rule=rule.id,
                    )
                )
    return _without_overlap(found)


def _without_overlap(found: list[Match]) -> list[Match]:
    """The longest match of those that overlap, in the order of the text."""
    kept: list[Match] = []
    for match in sorted(found, key=lambda m: (m.start - m.end, m.start)):
        if all(match.end <= other.start or match.start >= other.end for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda m: m.start)


# --- what is looked at ----------------------------------------------------------------


def _mask(text: str, names: tuple[str, ...]) -> str:
    """The text, as long as before, with what is not the writer's own wording hidden and
    every known name marked, so that one pattern covers all names."""
    masked = text.replace("’", "'").replace("‘", "'").replace("\u00a0", " ")
    for pattern in words.IGNORED:
        masked = pattern.sub(_hide, masked)
    people = _people(names)
    if people:
        masked = people.sub(lambda hit: NAME * len(hit.group()), masked)
    return words.IDENTIFIER.sub(_hide, masked)


def _hide(hit: re.Match[str]) -> str:
    """Filler of the same length; line breaks stay, so that sentences stay apart."""
    return re.sub(r"[^\n]", HIDDEN, hit.group())


def _sentences(masked: str) -> Iterator[tuple[int, int, str]]:
    start = 0
    for gap in words.SENTENCE_END.finditer(masked):
        if masked[start : gap.start()].strip():
            yield start, gap.start(), masked[start : gap.start()]
        start = gap.end()
    if masked[start:].strip():
        yield start, len(masked), masked[start:]


def _single_spaced(part: str, start: int) -> tuple[str, list[int]]:
    """The sentence with single spaces, and where each of its characters stood."""
    kept = [
        (" " if char.isspace() else char, start + at)
        for at, char in enumerate(part)
        if not (char.isspace() and at and part[at - 1].isspace())
    ]
    return "".join(char for char, _ in kept), [at for _, at in kept]


def _is_english(sentence: str) -> bool:
    """False only when there is reason to think of another language: another script, or
    more of its small words than of the English ones."""
    letters = [char for char in sentence if char.isalpha() and char != NAME]
    if not letters:
        return True
    if sum(char > "ɏ" for char in letters) * 3 > len(letters):
        return False
    spoken = re.findall(r"[^\W\d_]+", sentence.lower())
    foreign = sum(word in words.FOREIGN_WORDS for word in spoken)
    english = sum(word in words.ENGLISH_WORDS for word in spoken)
    return foreign < 2 or foreign <= english


@lru_cache(maxsize=256)
def _people(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """Every known person as written: handle, full name, first and last name.

    Capitals count, because Will, May and Mark are words too. Such a name, and one that
    is also a provider's, counts alone only inside a sentence and away from digits;
    bots are no people.
    """
    whole: set[str] = set()
    doubtful: set[str] = set()
    for name in names:
        if re.search(r"\bbot\b|\[bot\]", name, re.IGNORECASE):
            continue
        whole.add(name)
        if "@" in name:
            continue
        parts = name.split()
        for part in (parts[0], parts[-1]) if len(parts) > 1 else ():
            if len(part) < 3 or not part[0].isupper():
                continue
            if part.lower() in words.PROVIDERS:
                continue
            (doubtful if part.lower() in words.NAMES_THAT_ARE_WORDS else whole).add(
                part
            )
    choices = [re.escape(item) for item in sorted(whole, key=len, reverse=True)]
    choices += [rf"(?<=[a-z,] ){re.escape(item)}(?!\s+\d)" for item in sorted(doubtful)]
    if not choices:
        return None
    return re.compile(rf"(?<![\w@.-])(?:{'|'.join(choices)})(?![\w@])")
