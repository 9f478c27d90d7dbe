"""Words that tell that a recovery did not hold, or was not yet everybody's."""

# ruff: noqa: E501 (a pattern is read more easily unbroken)

from __future__ import annotations

from incidents.language.words import Rule, words

_BAD = (
    r"(?:fail\w*|degrad\w*|errors?|declin\w*|time ?-?outs?|timed out|unavailable|down|reject\w*|"
    r"refus\w*|slow\w*|stuck|lag\w*|drop\w*|worse|impact\w*|outages?|spik\w*)"
)

RELAPSE = (
    Rule(
        "relapse.again",
        words(
            rf"\b{_BAD} again\b|"
            rf"\b(?:again|once more)\b(?: [\w-]{{1,30}}){{0,3}} {_BAD}\b|"
            r"\brelaps(?:e|es|ed|ing)\b|\brecur(?:s|red|ring|rence)\b|"
            r"\breopen(?:s|ed|ing)?\b|\bre-?appear(?:s|ed|ing)?\b|"
            r"\bsecond (?:window|outage|wave|spike|drop)\b(?: [\w-]{1,30}){0,4} (?:opens?|opened|begins?|began|starts?|started|hits?)\b|"
            rf"\b{_BAD} (?:comes? back|came back|returns?|returned|resumes?|resumed)\b"
        ),
        "The impact came back, so the first recovery was not the end of it.",
        "Mark the recovery that held as the one that feeds the durations.",
        # What is prevented, expected or asked is not what was seen.
        unless=words(
            r"\b(?:no|not|never|without|to avoid|to avert|to prevent|in case|if|would|"
            r"could|may|might|expected)\b"
        ),
    ),
)

PARTIAL = (
    Rule(
        "partial.rest",
        words(
            rf"\bstill (?:[\w-]{{1,30}} ){{0,2}}{_BAD}\b|"
            rf"\b(?:some|a few|several|most|many) (?:[\w-]{{1,30}} ){{0,3}}(?:still|remain|remained) (?:[\w-]{{1,30}} ){{0,2}}{_BAD}\b|"
            r"\b(?:except(?: for)?|apart from|other than)\b(?= \w)|"
            r"\b(?:largely|mostly|partly|partially) (?:over|recovered|restored|resolved|back|normal)\b|"
            r"\bpartial(?:ly)? recover(?:y|ed)\b"
        ),
        "A part of it had not recovered at this moment.",
        "State the rest as a scope line of its lane, or mark the moment at which the "
        "last part recovered.",
        unless=words(r"\b(?:no|none|nothing|never) (?:[\w-]{1,30} ){0,3}still\b"),
    ),
)
