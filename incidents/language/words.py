"""What the patterns are written with. Each has an id, the words, why they are shown and
a way to put it instead; `unless` names the neighbors with which the words are meant
otherwise.

Patterns run on masked sentences: NAME stands for each character of a known name, HIDDEN
for what is not the writer's own wording. Repetitions are bounded, so that no text makes
them slow.
"""

# ruff: noqa: E501 (a pattern is read more easily unbroken)

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = "\ue000"
HIDDEN = "\ue001"


@dataclass(frozen=True)
class Rule:
    """One pattern. The group `hit`, if there is one, is what gets marked.

    unless: searched in the masked sentence; unless_original: in the sentence as it was
    written, where code and numbers still stand.
    """

    id: str
    pattern: re.Pattern[str]
    reason: str
    hint: str
    unless: re.Pattern[str] | None = None
    unless_original: re.Pattern[str] | None = None


def words(pattern: str) -> re.Pattern[str]:
    """A pattern without regard to case, in which {PERSON} and the like stand for the
    alternatives below; white space in the sentence has been made single spaces."""
    for key, value in _PARTS.items():
        pattern = pattern.replace("{" + key + "}", value)
    return re.compile(pattern, re.IGNORECASE)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- who is a person ------------------------------------------------------------------

_ROLE = (
    r"on-?call(?:er|s)?(?: engineer| person| developer)?|engineers?|developers?|devs?|"
    r"programmers?|administrators?|admins?|sysadmins?|dbas?|sres?|analysts?|"
    r"contractors?|interns?|juniors?|technicians?|employees?|staff(?: members?)?|"
    r"colleagues?|responders?|commanders?|scribes?|approvers?|reviewers?|testers?|"
    r"(?:support|service desk) agents?|(?:engineering|product|line|shift|duty) managers?|"
    r"(?<!ach )(?<!rail )(?<!network )(?<!card )(?<!scheme )(?<!clearing )"
    r"(?<!mobile )(?<!kubernetes )(?<!k8s )operators?"
)
_TEAM = (
    r"(?:[\w-]{1,30} ){0,2}team|ops|devops|engineering|finance ops|payments ops|support|qa|"
    r"management"
)
_PARTS = {
    "PERSON": (
        "(?:"
        + NAME
        + r"+|@[\w.-]{1,60}|(?:the |our |an? )?(?:[\w-]{1,30} )?(?:"
        + _ROLE
        + "))"
    ),
    "TEAM": r"(?:the |our )?(?:" + _TEAM + ")",
    # What a person does or leaves undone; a machine does not 'notice'.
    "HUMAN": (
        r"(?:act|ask|bother|call|catch|check|communicate|consider|document|escalate|"
        r"follow|inform|know|listen|look|notice|notify|page someone|plan|pay attention|"
        r"read|realise|realize|remember|review|speak up|spot|tell|test|think|understand|"
        r"verify|warn)"
    ),
    "DONE": (
        r"(?:acted|asked|called|caught|checked|communicated|considered|documented|"
        r"escalated|followed|foreseen|informed|known|looked|noticed|notified|"
        r"anticipated|avoided|picked up|planned|prevented|questioned|raised|read|"
        r"realised|realized|remembered|reviewed|seen coming|spotted|tested|thought of|"
        r"told|understood|verified)"
    ),
    "HARM": (
        r"(?:broke|caused|crashed|deleted|misconfigured|mis-configured|ignored|"
        r"missed(?!-)|botched|wiped|overlooked|mishandled|took down|brought down|"
        r"messed up|screwed up|dropped the ball|mistyped|fat-fingered|let us down|"
        r"let (?:it|this|that) happen|blew up)"
    ),
    "HARMED": (
        r"(?:broken|caused|crashed|deleted|misconfigured|ignored|missed|botched|wiped|"
        r"overlooked|mishandled|taken down|brought down|messed up|screwed up)"
    ),
    "ADV": (
        r"(?:(?:\w{1,30}ly|had|have|has|also|then|again|just|twice|who|who then|"
        r"on (?:call|duty|shift)|and) ){0,4}"
    ),
    "MACHINE_NEXT": (
        r"(?!['\w-]| (?:script|tool|job|console|dashboard|policy|rule|process|queue|"
        r"action|lock|pipeline|service|error|workflow|key|token|account))"
    ),
}

# --- what is not the writer's own wording ---------------------------------------------

IGNORED = (
    re.compile(r"```.*?(?:```|\Z)", re.DOTALL),
    re.compile(r"`[^`\n]*`"),
    re.compile(r"^[ \t]*>.*$", re.MULTILINE),  # a quoted passage
    re.compile(r"^(?: {4}|\t)\S.*$", re.MULTILINE),  # an indented block
    re.compile(  # a log line
        r"^[ \t]*\[?\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*"
        r"\b(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|TRACE|CRITICAL)\b.*$",
        re.MULTILINE,
    ),
    re.compile(
        r"^[ \t]*(?:ERROR|WARN(?:ING)?|FATAL|CRITICAL)\b[ :\[].*$", re.MULTILINE
    ),
    re.compile(r"\b(?:https?|ftp)://\S+|\bwww\.\S+"),
    re.compile(r'"[^"\n]*"'),
    re.compile(r"“[^”\n]*”"),
    re.compile(r"„[^“”\n]*[“”]"),
    re.compile(r"«[^»\n]*»"),
    re.compile(r"(?<![\w'])'(?=\S)(?:[^'\n]|'\w){1,400}(?<=\S)'(?!\w)"),
)
# Names of code: snake_case, dotted.paths, CamelCase, calls(), some/path.py
IDENTIFIER = re.compile(
    r"\b\w+_\w+\b|\b(?:\w{1,60}\.){0,8}\w{1,60}\(\)|\b[a-z]+[A-Z]\w*\b|"
    r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b|(?<![\w./-])(?:[\w.-]{1,60}/){2,12}[\w.-]{1,60}"
)
SENTENCE_END = re.compile(
    r"(?<![.\s]\w)(?<!e\.g)(?<!i\.e)(?<!approx)[.!?][\"'”)]*(?=\s+\S)\s+"
    r"|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)"
)

NAMES_THAT_ARE_WORDS = _set(
    "april august bill can chip christian dean drew faith frank gene grace grant "
    "grey guy hope hunter iris jack jane joy june king lane lee long mark mason "
    "max may miles norm olive page pat price ray read rich rob rose ruby sandy "
    "sky stone sue summer violet wade will win young"
)
PROVIDERS = _set(
    "adyen amazon apple braintree chase checkout citi discover google mastercard "
    "mollie modulr paypal square stripe visa wise worldline wells"
)
# Small words that are not English words too.
FOREIGN_WORDS = _set(
    "aber auch auf aus bei das dass dem den der des durch ein eine einen einer "
    "für ist mit nicht noch nur oder sich sind und vom von vor wegen weil wir "
    "wird wurde wurden zu zum zur au aux avec cette dans du elle est et été il "
    "ils la le les leur mais nous ont par pas pour que qui sans ses son sont sur "
    "une vous como con cuando del el ella en era es esta fue han hay los las más "
    "muy no para pero por porque se sin su sus una che di è gli ha il nel nella "
    "non per più sono stato un uno aan bij dat deze door een geen het maar met "
    "naar niet ook op te uit van voor waren werd werden zijn zonder ao com da das "
    "dos foi mas na nas não nos os pela pelo um uma att av det och som till är"
)
ENGLISH_WORDS = _set(
    "a after all an and are as at be because been before but by can did do for "
    "from had has have he her his how i if in into is it its more must no not of "
    "on or our out shall she should so than that the their them then there these "
    "they this to under until up was we were what when where which while who why "
    "will with would you"
)

# An artifact of the case named in the sentence itself.
CITES = re.compile(r"\b(?:EV|TL|KU)-\d+\b")
# Expected against actual, as tests write it.
TEST_TEXT = words(
    r"\b(?:expected|actual|actually got|assert(?:s|ed|ion)?|pass condition|test case|"
    r"acceptance criteri(?:on|a))\b"
)
