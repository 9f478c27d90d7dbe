"""The words of generated cases: providers, flows, symptoms, steps."""

from __future__ import annotations

from random import Random

PROVIDERS = (
    *("Northgate", "Baltic Acquiring", "Meridian Pay", "Kestrel Gateway", "Orchard"),
    *("Solent Cards", "Harbor Clearing", "Tern Identity", "Lumen Tax Data"),
    *("Fjord Payouts", "Cobalt Wallets", "Juniper Rails"),
)
FAULTS = (
    ("gateway", "{provider} refuses card connections from one region"),
    ("gateway", "{provider} answers authorizations after 30 seconds"),
    ("processor", "{provider} declines every third card of one issuer"),
    ("processor", "Settlement files of {provider} arrive incomplete"),
    ("ingestion", "Webhook deliveries of {provider} queue up"),
    ("ingestion", "Events of {provider} are recorded twice"),
    ("payout", "Payout batches through {provider} stay pending"),
    ("payout", "Payouts through {provider} are returned without a reason"),
    ("ledger", "Ledger and {provider} disagree on captured payments"),
    ("data", "Refund references of {provider} point to other orders"),
    ("security", "Unknown callbacks in the name of {provider}"),
    ("other", "Checkout is slow where {provider} is asked first"),
)
SIGNALS = (
    "Authorization rate at {percent} % on the {provider} route",
    "{count} connections refused in one minute",
    "Queue of undelivered events at {count}",
    "Median answer of {provider} at {seconds} s",
    "{count} payments without a final state",
    "Balance of account 21{two} differs by {amount} EUR",
    "Support counts {count} contacts on the same symptom",
    "Decline code 9{two} on {percent} % of attempts",
)
STEPS = (
    "Moved {percent} % of the traffic to the second path",
    "Held the payout batch of {hour}:00",
    "Raised the time-out of {provider} to {seconds} s",
    "Replayed {count} events with their original keys",
    "Compared {count} postings with the provider's report",
    "Drained worker pool {two} and watched the queue",
    "Called the duty desk of {provider}",
    "Switched retries off for the affected issuer",
)
NOTES = (
    "{provider} opened ticket {count}",
    "Second shift took over at {hour}:00",
    "Export {two} of the payment log is attached",
    "Region {two} shows the same pattern",
)
UPDATES = (
    "Status page: card payments through {provider} are slow, next update in 20 minutes",
    "Told support which message to give: payments are retried, none is charged twice",
    "Told merchants that payouts of today arrive by {hour}:00",
)
CONDITIONS = (
    "The connection pool held {two} connections, half of what the new traffic took.",
    "The retry rule repeated requests faster than {provider} answers them.",
    "The certificate set of the proxy held one entry.",
    "The consumer read events in one partition of {two}.",
)


def fill(template: str, rng: Random, provider: str) -> str:
    """One sentence with its numbers."""
    return template.format(
        provider=provider,
        percent=rng.randrange(3, 98),
        count=rng.randrange(12, 9000),
        seconds=rng.randrange(2, 40),
        two=rng.randrange(10, 99),
        hour=f"{rng.randrange(8, 22):02}",
        amount=f"{rng.randrange(100, 90000)}.{rng.randrange(100):02}",
    )
