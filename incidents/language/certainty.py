"""Certainty without proof, hindsight, and words of doubt."""

# ruff: noqa: E501 (a pattern is read more easily unbroken)

from __future__ import annotations

import re

from incidents.language.words import CITES, Rule, words

_PROVE = (
    "It states a certainty with no artifact beside it.",
    "Link the artifact that shows it, or say what is not proven yet and mark it "
    "provisional.",
)

OVERCLAIM = (
    Rule(
        "overclaim.certain",
        words(
            r"\b(?:definitely|certainly|undoubtedly|obviously|unquestionably|"
            r"without (?:a )?doubt|beyond doubt)\b|"
            r"(?<!not )(?<!n't )(?<!to be )(?<!not yet )\bprove(?:s|d|n)\b"
            r"(?! (?:backup|path|route|secondary|record|on the known))"
        ),
        *_PROVE,
        unless_original=CITES,
    ),
    Rule(
        "overclaim.certain",
        words(
            r"(?<!not )(?<!n't )(?<!no )(?<!never )(?<!delivery )(?<!ordering )"
            r"(?<!consistency )\bguarantee(?:s|d|ing)?\b"
        ),
        *_PROVE,
        unless_original=CITES,
    ),
    Rule(
        "overclaim.absolute",
        words(
            # At the start of a sentence it is an instruction, not a claim.
            r"(?<=\S )(?<!not )(?<!n't )(?<!almost )(?<!nearly )(?<!must )(?<!shall )"
            r"(?<!should )(?<!may )(?<!can )(?<!could )\balways\b(?!-)|"
            r"(?<=\S )(?<!almost )(?<!must )(?<!shall )(?<!should )(?<!may )(?<!can )"
            r"(?<!could )(?<!\bis )(?<!\bare )\bnever\b(?!-)(?! (?:before|mind)\b)"
            r"(?! (?:released|replayed|retried|stored|logged|deleted|replaced|"
            r"overwritten|bypassed|skipped|leaves?|sends?|reached|received)\b)|"
            r"(?<![\d.])100 ?%(?! (?:of )?\(?\d)|\b100 percent\b"
        ),
        "A word without exceptions, with no artifact that shows there are none.",
        "Give the figure and what was counted, with its evidence.",
        unless=words(
            r"\b(?:traffic|rollout|roll-out|canary|sampl\w+|ramp|log level|CPU)\b"
        ),
        unless_original=CITES,
    ),
    Rule(
        "overclaim.root_cause",
        words(r"\bthe (?:real |true |actual |single |only )?root cause (?:is|was)\b"),
        "One root cause is named as certain; incidents have several conditions.",
        "Write which role it had in the impact path and link what shows it.",
        unless_original=CITES,
    ),
    Rule(
        "overclaim.resolved",
        words(
            r"\bfully (?:resolved|recovered|restored|fixed)\b|"
            r"\b(?:will not|won't|cannot|can't|never) (?:ever )?happen again\b|"
            r"\bno (?:customer |user |business |financial )?impact\b"
            r"(?! (?:statement|line|figure|assessment|yet|is (?:stated|recorded)|was "
            r"(?:stated|recorded)|recorded|stated|path))"
        ),
        *_PROVE,
        unless_original=CITES,
    ),
    Rule(
        "overclaim.hindsight",
        words(
            r"\bimmediately (?:reali[sz]ed|knew|understood|recogni[sz]ed|saw that)\b|"
            r"\b(?:we|they|everyone|everybody) (?:all )?(?:already )?knew "
            r"(?:that|it|this|all along|from the start)\b|"
            r"(?<!not )(?<!n't )\bas expected\b"
        ),
        "It smooths the story with what is known now.",
        "Write what was believed at that moment and what was tried because of it.",
        unless=words(
            r"\b(?:tests?|drill|runs?|ran|replay|control|pass(?:es|ed)?|scenario|"
            r"procedure|confirmed|verified|validated)\b"
        ),
    ),
)

HEDGE = (
    Rule(
        "hedge.doubt",
        words(
            r"\b(?:probably|possibly|presumably|perhaps|maybe|unlikely)\b|"
            r"(?<!un)\blikely\b(?! (?:domain|causes? column|row))|"
            r"\b(?:seems?|seemed|seemingly)\b|"
            r"\bappear(?:s|ed)?\b(?! (?:in|on|at|under|below|above|as|once|twice|here|"
            r"there|for|from|between|beside)\b)|"
            r"\bapparently\b|\bmight\b|"
            r"\b(?:believe[sd]?|suspect(?:s|ed)?|assum(?:e|es|ed|ing)|guess(?:es|ed)?)\b|"
            r"\bunclear\b|\bTBC\b|\bto be confirmed\b|\bapprox(?:\.|imately\b|(?=\W|$))"
        ),
        "A word of doubt.",
        "Keep it and mark the claim provisional with check, owner and deadline; or link "
        "what removed the doubt and leave the word out.",
    ),
    Rule(
        "hedge.doubt",
        # 'May' is a month or a name, and 'may' is a permission behind 'only … may'.
        re.compile(
            r"(?<!\d )(?<!\d\d )\bmay\b(?!\s+\d)(?!\s+(?:not\s+)?only\b)"
            r"|(?:^|[.!?]\s+)May(?=\s+(?:have|be)\b)"
        ),
        "A word of doubt.",
        "Keep it and mark the claim provisional with check, owner and deadline; or link "
        "what removed the doubt and leave the word out.",
        unless=words(
            r"\b(?:only|nobody|no one|roles?|approvers?|permission|policy)\b.*\bmay\b"
        ),
    ),
)
