"""Blame: counterfactuals, character, fault, labels, who and why, punishment."""

# ruff: noqa: E501 (a pattern is read more easily unbroken)

from __future__ import annotations

from incidents.language.words import NAME, TEST_TEXT, Rule, words

_COUNTERFACTUAL = (
    "It tells what did not happen instead of what did; after the fact the other way "
    "always looks open.",
    "Say what the person knew then, and which condition made this the sensible step.",
)
_JUDGES = (
    "It judges a person or calls it easy in hindsight, and hides the condition.",
    "Name the condition: what was visible, what the tool, runbook or check allowed.",
)
_FAULT = (
    "It looks for fault; a review that does so stops getting honest answers.",
    "Write “was made possible by” and the condition, with its evidence.",
)
_SUBJECT = (
    "A person or team stands where the condition belongs.",
    "Make the change or system the subject: “the deploy removed …; no check stopped it”.",
)

BLAME = (
    Rule(
        "blame.counterfactual",
        words(
            r"(?<![\w])(?:{PERSON}|{TEAM}|\b(?:he|she|they|we|you|someone|somebody|"
            r"nobody|no one)) (?P<hit>(?:clearly |really |probably )?"
            r"(?:should|could|would|ought to|needed to)(?:n't| not)? have)\b"
            r"(?! (?:a|an|the|no|access|been (?:charged|billed|paid|refunded))\b)"
        ),
        *_COUNTERFACTUAL,
        unless=TEST_TEXT,
    ),
    Rule(
        "blame.counterfactual",
        words(
            r"\b(?:should|ought to|needed to)(?:n't| not)? have (?:been )?{DONE}\b|"
            r"\b(?:could|would) (?:easily )?have been (?:avoided|prevented)\b|"
            r"\bshould(?:n't| not) have happened\b"
        ),
        *_COUNTERFACTUAL,
        unless=TEST_TEXT,
    ),
    Rule(
        "blame.counterfactual",
        words(
            r"\bif only (?:{PERSON}|{TEAM}|he|she|they|we|you|someone|somebody|the \w+) "
            r"(?:\w{1,30} ){0,3}?(?:had|were|would|could)\b|"
            r"(?:^|[,;:(] |\b(?:and|but) )(?P<hit>had (?:{PERSON}|{TEAM}|he|she|they|we|"
            r"you|someone|somebody) (?:not )?(?:{DONE}|\w+ed|been|done|run|seen))\b"
        ),
        *_COUNTERFACTUAL,
    ),
    Rule(
        "blame.omission",
        words(
            r"(?<!\w)(?:{PERSON}|{TEAM}|\b(?:he|she|we|you|someone|somebody)) "
            r"(?:\w{1,30}ly |again |also )?(?P<hit>(?:failed|neglected|forgot|omitted) to|"
            r"(?:didn't|did not) (?:even )?(?:bother|follow|check|notice|think|read|ask))\b"
        ),
        "It names what somebody left undone, not what made that likely.",
        "Say what the person saw and had to do at that moment, and which check was absent.",
        unless=TEST_TEXT,
    ),
    Rule(
        "blame.omission",
        words(
            r"\bthey (?P<hit>(?:failed|neglected|forgot) to {HUMAN}|neglected to|forgot to|"
            r"(?:didn't|did not) (?:even )?(?:bother|follow|check|notice))\b|"
            r"\b(?:nobody|no one|no-one) (?:even )?bothered\b"
        ),
        "It names what somebody left undone, not what made that likely.",
        "Say what the person saw and had to do at that moment, and which check was absent.",
    ),
    Rule(
        "blame.character",
        words(
            r"\bcareless(?:ly|ness)?\b|\bslopp(?:y|ily|iness)\b|"
            r"\blazy\b(?![ -](?:load|loading|loaded|eval|evaluation|init|initiali))|"
            r"\blaziness\b|\bnegligen(?:t|tly|ce)\b|\bincompeten(?:t|ce|tly)\b|"
            r"\breckless(?:ly|ness)?\b|\bclums(?:y|ily|iness)\b|\binexperienced\b|"
            r"\brookie\b|\bstupid(?:ly|ity)?\b|\bbasic mistakes?\b|"
            r"\b(?:silly|dumb|elementary) (?:mistake|error)s?\b|"
            r"\b(?:just|only|simply) (?:had|needed) to\b"
        ),
        *_JUDGES,
    ),
    Rule(
        "blame.hindsight",
        words(
            # 'Clearly' and 'simply' judge beside a person or a form of 'be', not behind
            # a verb: "record that clearly", "the retry simply repeats the request".
            r"(?<!non-)(?<!not )(?<!less )(?<!n't )\bobvious(?:ly)?\b|"
            r"(?:^\W*|[,;:] |\b(?:is|are|was|were|been|had|has|he|she|they|we|it|this) |"
            r"{PERSON} |{TEAM} )(?P<hit>(?:clearly|simply)\b)"
            r"(?! (?:\w+ing|shown|shows?|visible|written|marked|labell?ed|stated|"
            r"separated?|distinct|because|by|an?)\b)"
        ),
        *_JUDGES,
        unless=TEST_TEXT,
    ),
    Rule(
        "blame.fault",
        words(
            r"\b(?:the|by|through) fault of\b|\b\w+'s (?:own )?fault\b|"
            + NAME
            + r"+(?:'s)? (?:own )?fault\b|\b(?:his|her|their|our|your|my) (?:own )?fault\b"
            r"(?![ -](?:toleran|domain|inject|isolat|handl|budget|model|tree))|"
            r"\b(?:is|are|was|were|be|been) at fault\b(?![ -]toleran)"
        ),
        *_FAULT,
    ),
    Rule(
        "blame.fault",
        words(
            r"(?<!no )(?<!without )(?<!git )(?<!not )(?<!of )(?<!never )"
            r"\b(?:to )?blam(?:e|ed|es|ing)\b(?![ -]?(?:less|free|storming|focused|oriented|seeking|culture))"
            r"(?! (?:no one|nobody|anyone|anybody)\b)|"
            r"\bblame(?: of)? (?:{PERSON}|{TEAM})"
        ),
        *_FAULT,
        unless=words(
            r"\b(?:no|without|not|never|avoids?|rather than|instead of) (?:\w{1,30} ){0,2}blam"
        ),
    ),
    Rule(
        "blame.fault",
        words(
            r"\b(?:is |are |was |were )?responsible for (?:the|this|that|our) "
            r"(?:\w+ )?(?:outage|incident|failure|disaster|mess|mistake)\b|"
            r"\bculprits?\b|\bguilty\b"
        ),
        *_FAULT,
    ),
    Rule(
        "blame.label",
        words(
            r"\b(?:human|operator|user|pilot) errors?\b"
            r"(?![ -](?:rates?|budgets?|handling|messages?|pages?|screens?|codes?|logs?|"
            r"counts?|reports?|class))|"
            r"\bfat[- ]?finger(?:ed|ing|s)?\b"
        ),
        "A label that ends the analysis where it ought to begin.",
        "Describe the step, what it looked like at the time and which guard was absent.",
        unless=words(
            r"\b(?:DORA|ITS|regulat\w+|taxonomy|categor(?:y|ies)|sub-?type|4\.1)\b"
        ),
    ),
    Rule(
        "blame.who",
        words(
            r"(?:^\W*|[:;,] ?|\b(?:find out|know|determine|establish|identify|asked?|"
            r"tell us|see|exactly|question is) )(?P<hit>who (?:did|caused|approved|broke|"
            r"deleted|messed|screwed|let|was responsible|is responsible|is to blame))\b"
        ),
        "“Who” looks for a person; “what” and “how” find the condition.",
        "Ask what made the step possible and what it looked like at the time.",
        unless=words(
            r"\bwhat changed\b|\bwho approved(?: \w+)?,? (?:and )?(?:when|what)\b"
        ),
    ),
    Rule(
        "blame.who",
        words(
            r"\bwhy (?:did(?:n't| not)?|would(?:n't| not)?|was|were|wasn't|weren't) "
            r"(?:{PERSON}|{TEAM}|he|she|they|you|someone|somebody|nobody|no one)"
            r"(?![\w-])"
        ),
        "“Why did not somebody” asks for a defense, not for a condition.",
        "Ask what the person saw and which choices were open at that moment.",
    ),
    Rule(
        "blame.person_harm",
        words(
            r"(?<![\w-])(?P<hit>(?:{PERSON}|{TEAM}|\b(?:he|she|they|someone|somebody)) "
            r"{ADV}{HARM})\b"
        ),
        *_SUBJECT,
        unless=TEST_TEXT,
    ),
    Rule(
        "blame.person_harm",
        words(
            r"\b(?:the |our )?(?:vendor|provider|supplier|partner)s? {ADV}"
            r"(?:screwed up|messed up|dropped the ball|botched|let us down)\b|"
            r"\b{HARMED} by (?:{PERSON}|{TEAM}|him|her|them|someone|somebody)"
            r"{MACHINE_NEXT}"
        ),
        *_SUBJECT,
    ),
    Rule(
        "blame.punitive",
        words(
            r"\b(?:re-?train|reprimand|discipline|sack|punish|coach) "
            r"(?:{PERSON}|{TEAM}|him|her|them|those|everyone|people)(?![\w-])|"
            r"\b(?:warn|fire) (?:(?:" + NAME + r"+|@[\w.-]{1,60})|(?:him|her)\b)|"
            r"\b(?:disciplinary|formal warning|performance plan)\b"
        ),
        "Correcting a person leaves the condition in place.",
        "Change the system: a check that stops the step, a safer default, a clearer signal.",
    ),
)
