"""Vague actions: improving, watching, care, repair, no end (R-AI-04)."""

# ruff: noqa: E501 (a pattern is read more easily unbroken)

from __future__ import annotations

import re

from incidents.language.words import Rule, words

# A number, a code name, a comparison, a proof: something that can be told to be done.
_CONCRETE = re.compile(
    r"\d|`[^`]+`|\b\w+_\w+\b|[<>≥≤]|"
    r"\b(?:test output|run id|screenshot|log query|dashboard id|attach(?:es|ed)?)\b|"
    r"\b(?:alerts?|pages?|blocks?|rejects?|fails?) (?:when|if|once|any|every|the)\b|"
    r"\b(?:by|and|to) (?:add|remov|sett|replay|reject|block|alert|pag|requir)ing\b",
    re.IGNORECASE,
)
_THRESHOLD = re.compile(
    r"(?:[<>≥≤]|\b(?:above|below|over|under|exceed(?:s|ing)?|more than|less than|"
    r"at least|at most|reach(?:es)?)\b)\s*\d",
    re.IGNORECASE,
)
_INTERVAL = re.compile(
    r"\b(?:every|each|once an?|once per|at) (?:\d|day|week|month|quarter|hour|minute|"
    r"deploy|release)|\b(?:daily|weekly|monthly|quarterly|hourly)\b|\d",
    re.IGNORECASE,
)
_NOT_TELLABLE = (
    "Nobody can tell when this is done.",
    "Name the object, the change and the proof: “page when webhook lag exceeds 5 min; "
    "attach the alert's test output”.",
)

VAGUE = (
    Rule(
        "vague.improvement",
        words(
            r"\b(?:improv(?:e|es|ed|ing)|enhanc(?:e|es|ed|ing)|strengthen(?:s|ed|ing)?|"
            r"increas(?:e|es|ed|ing)|better|optimi[sz](?:e|es|ed|ing)|"
            r"review(?:s|ed|ing)?|revisit(?:s|ed|ing)?|look(?:ing)? into|"
            r"investigat(?:e|es|ed|ing)|explor(?:e|es|ed|ing)|consider(?:s|ed|ing)?|"
            r"evaluat(?:e|es|ed|ing)|discuss(?:es|ed|ing)?)\b (?:[\w-]{1,30} ){0,4}?"
            r"(?:monitor(?:s|ing)?|alert(?:s|ing)?|communications?|process(?:es)?|"
            r"documentation|docs|testing|tests|visibility|awareness|training|"
            r"observability|procedures?|runbooks?|resilience|reliability)\b"
        ),
        *_NOT_TELLABLE,
        unless_original=_CONCRETE,
    ),
    Rule(
        "vague.improvement",
        words(
            r"\b(?:communicate|respond|react|coordinate|collaborate|plan|prepare|test|"
            r"document|escalate) (?:better|more|faster|earlier|sooner|more \w+)\b"
        ),
        *_NOT_TELLABLE,
        unless_original=_CONCRETE,
    ),
    Rule(
        "vague.improvement",
        words(
            r"\b(?:areas?|opportunit(?:y|ies)) (?:of|for) improvements?\b|"
            r"\b(?:an? )?(?:sane|sensible|reasonable|appropriate|suitable|adequate) "
            r"(?:values?|limits?|levels?|thresholds?|time ?-?outs?|settings?|numbers?|sizes?)\b"
        ),
        *_NOT_TELLABLE,
        unless_original=re.compile(r"(?:[:=(]|\bto|\bof) *\d|\d \w+"),
    ),
    Rule(
        "vague.watching",
        words(
            r"\b(?:monitor|watch|track|observe)(?:s|ed|ing)? (?:[\w-]{1,30} ){0,6}?"
            r"(?:closely|carefully|going forward|more)\b(?! than)|"
            r"\b(?:closely|carefully) (?:monitor|watch|track)(?:s|ed|ing)?\b|"
            r"\bkeep(?:ing)? an? (?:close )?eye on\b"
        ),
        "Watching changes nothing and has no end.",
        "Write what is measured, the threshold, and who is paged when it is passed.",
        unless_original=_THRESHOLD,
    ),
    Rule(
        "vague.care",
        words(
            r"\b(?:be|being) (?:more|extra|very) (?:careful|vigilant|mindful|attentive|"
            r"aware|diligent|cautious)\b|\bdouble-?[ -]?check(?:s|ed|ing)?\b|"
            r"\b(?:make sure|ensure)(?: that)? (?:everyone|everybody|people|staff|"
            r"(?:the )?(?:[\w-]{1,30} )?(?:team|engineers?|developers?|operators?|responders?)|"
            r"we|all of us|nobody)\b|"
            r"\bremind(?:s|ed|ing)? (?:everyone|everybody|people|staff|(?:the )?"
            r"(?:[\w-]{1,30} )?(?:team|engineers?|developers?|operators?|responders?|on-?call))\b|"
            r"\bpay(?:ing)? (?:more|closer) attention\b"
        ),
        "It relies on care, which was there before, too.",
        "Write the control that makes the step safe when nobody thinks of it.",
    ),
    Rule(
        "vague.repair",
        words(
            r"\b(?:fix|address|resolve|solve|handle|tackle)(?:es|s|ed|ing)? "
            r"(?:the|this|these|all|any|such) (?:\w+ )?"
            r"(?:issues?|bugs?|root causes?|problems?|defects?)\b(?! where| in `)"
        ),
        "It does not say what changes.",
        "Write which behavior changes and how a test shows it.",
        unless_original=_CONCRETE,
    ),
    Rule(
        "vague.unbounded",
        words(
            r"\bongoing\b(?! (?:incident|outage|payment|retry|retries|recovery))|"
            r"(?:^\W*|\b(?:we|to|will|should|and) )(?P<hit>continue to)\b|"
            r"\bas needed\b|\b(?:where|when|if) possible\b|\bif necessary\b|"
            r"\bASAP\b|\bas soon as possible\b|(?<!as )(?<!too )\bsoon\b(?! after)|"
            r"\bTBD\b|\bTBC\b|\bto be (?:determined|confirmed|decided)\b|"
            r"\bgoing forward\b|\bin (?:the )?future\b"
        ),
        "It has no end that could be reached.",
        "Give the date, the owner, or the condition that ends it.",
    ),
    Rule(
        "vague.unbounded",
        words(r"\b(?:regularly|periodically|from time to time|frequently)\b"),
        "It has no interval that could be missed.",
        "Give the interval and who notices when one is left out.",
        unless_original=_INTERVAL,
    ),
)
