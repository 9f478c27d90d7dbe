"""The patterns, as data. Each has an id, the words, why they are shown and a way to put
it instead; `unless` names the neighbours with which the words are meant otherwise.

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
_CITES = re.compile(r"\b(?:EV|TL|KU)-\d+\b")
# Expected against actual, as tests write it.
_TEST_TEXT = words(
    r"\b(?:expected|actual|actually got|assert(?:s|ed|ion)?|pass condition|test case|"
    r"acceptance criteri(?:on|a))\b"
)

# --- blame (reference 5.2) ------------------------------------------------------------

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
        unless=_TEST_TEXT,
    ),
    Rule(
        "blame.counterfactual",
        words(
            r"\b(?:should|ought to|needed to)(?:n't| not)? have (?:been )?{DONE}\b|"
            r"\b(?:could|would) (?:easily )?have been (?:avoided|prevented)\b|"
            r"\bshould(?:n't| not) have happened\b"
        ),
        *_COUNTERFACTUAL,
        unless=_TEST_TEXT,
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
        unless=_TEST_TEXT,
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
            r"(?<!non-)(?<!not )(?<!less )(?<!n't )\bobvious(?:ly)?\b|"
            r"(?<!not )(?<!n't )\bclearly\b(?! (?:\w+ed|shown|shows?|visible|written|"
            r"separate|distinct)\b)|"
            r"(?<!not )\bsimply\b(?! (?:\w+ing|because|by|an?|the)\b)"
        ),
        *_JUDGES,
        unless=_TEST_TEXT,
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
            r"\b(?:to )?blam(?:e|ed|es|ing)\b(?![ -]?(?:less|free|storming))"
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
        unless=words(r"\bwho approved,? (?:and )?when\b|\bwho approved what\b"),
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
        unless=_TEST_TEXT,
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

# --- vague actions (reference 5.1) ----------------------------------------------------

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

# --- certainty and hindsight (reference 5.3) ------------------------------------------

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
        unless_original=_CITES,
    ),
    Rule(
        "overclaim.certain",
        words(
            r"(?<!not )(?<!n't )(?<!no )(?<!never )(?<!delivery )(?<!ordering )"
            r"(?<!consistency )\bguarantee(?:s|d|ing)?\b"
        ),
        *_PROVE,
        unless_original=_CITES,
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
        unless_original=_CITES,
    ),
    Rule(
        "overclaim.root_cause",
        words(r"\bthe (?:real |true |actual |single |only )?root cause (?:is|was)\b"),
        "One root cause is named as certain; incidents have several conditions.",
        "Write which role it had in the impact path and link what shows it.",
        unless_original=_CITES,
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
        unless_original=_CITES,
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
            r"procedure)\b"
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
