"""Write verbs of people and access, by noun."""

from accounts.services.once import (
    BadKey,
    KeyReused,
    StillAtWork,
    claim_request,
    forget_answers,
    keep_answer,
)
from accounts.services.people import (
    add_person,
    change_person,
    change_preferences,
    join_person,
    part_person,
    save_team,
    stand_in,
)
from accounts.services.sign_in import end_other_sessions
from accounts.services.tokens import create_api_token, revoke_api_token

__all__ = [
    "BadKey",
    "KeyReused",
    "StillAtWork",
    "add_person",
    "change_person",
    "change_preferences",
    "claim_request",
    "create_api_token",
    "end_other_sessions",
    "forget_answers",
    "join_person",
    "keep_answer",
    "part_person",
    "revoke_api_token",
    "save_team",
    "stand_in",
]
