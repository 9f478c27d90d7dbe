"""Words of an update that promise a restoration or only reassure, and what a partial
recovery has to say."""

# ruff: noqa: E501 (a pattern is read more easily unbroken)

from __future__ import annotations

import re

from incidents.language.words import Rule, words

_BACK = r"(?:fixed|restored|resolved|recovered|solved|repaired|back to normal|back up|back online|fully back|working again)"

PROMISE = (
    Rule(
        "promise.restoration",
        words(
            rf"\b(?:will|shall|should|going to|expected to|expect(?:ed)? (?:it|this|everything) to|'ll) (?:[\w-]{{1,30}} ){{0,4}}{_BACK}"
            r"(?: [\w-]{1,30}){0,2} (?:by|at|in|within|before)\b(?= (?:about |around |approximately )?(?:\d|an? hour|half an hour|noon|midnight|minutes))|"
            rf"\b{_BACK} (?:by|at|in|within|before) (?:about |around )?(?:\d{{1,2}}[:.]\d{{2}}|\d+ (?:min|minutes|h|hours?))\b(?= (?:at the latest|guaranteed|for sure)|[.!]?$)"
        ),
        "It promises when the service is back; nobody knows that yet.",
        "Give a band, such as 30 to 60 minutes, and the clock time at which you look "
        "again and tell.",
        # What lies behind is told, not promised; a band is what is asked for.
        unless=words(
            r"\b(?:was|were|has been|have been|had been)\b(?: \w+)? "
            + _BACK
            + r"|\b\d+ ?(?:to|-|–) ?\d+ ?(?:min|minutes|h|hours?)\b|\bbetween\b"
        ),
    ),
)

REASSURANCE = (
    Rule(
        "reassurance.vague",
        words(
            r"\b(?:working (?:very )?hard|working (?:around|round) the clock|"
            r"doing (?:our|everything) (?:best|we can|possible)|"
            r"as (?:soon|quickly|fast) as (?:possible|we can)|under control|"
            r"(?:nothing|no need|no reason) to (?:worry|panic)|rest assured|"
            r"(?:back|fixed|resolved|restored|over|normal)(?: to normal)? (?:very )?(?:soon|shortly|in no time)|"
            r"(?:will be|should be) (?:\w+ ){0,2}(?:soon|shortly)|"
            r"(?:soon|shortly) (?:be|back|resolved|fixed|restored))\b"
        ),
        "It reassures and tells nothing that one could act on.",
        "Say what is affected, what works, and the clock time of the next update.",
    ),
)

# An explicit clock time for what comes next: 'Next update 15:10', 'again at 3 pm'.
NEXT_AT = re.compile(
    r"\b(?:next|again|further|more|another|follow-?up)\b[^.!?\n]{0,60}?"
    r"\b(?:[01]?\d|2[0-3])(?:[:.][0-5]\d|h[0-5]\d| ?[ap]\.?m\b)",
    re.IGNORECASE,
)
# What a partial recovery says of the rest.
REST = re.compile(
    r"\b(?:delay\w*|retr(?:y|ied|ies|ying)|queue[ds]?|pending|wait(?:s|ing)?|still|"
    r"remain\w*|later|held|not yet|fail\w*)\b",
    re.IGNORECASE,
)
