"""What a complete review takes: three outputs, people, duties, readiness, approvals.

Rules on a single entry, cause or action belong to the apps below; here stand only the
rules that look at the case as a whole.
"""

from review.checks import approvals, outputs, summary, work

__all__ = ["approvals", "outputs", "summary", "work"]
