"""Reads of the root cause analysis: rows with evidence, the graph, wording."""

from rca.selectors.graph import Arrow, Graph, Node, graph, graph_svg
from rca.selectors.rows import (
    abandoned_hypotheses,
    analysis,
    answers,
    causes,
    every_cause,
    failure_modes,
    register_answers,
    standing_causes,
    withdrawn_modes,
)
from rca.selectors.wording import Wording, marked, wording, wording_in, wording_of

__all__ = [
    "Arrow",
    "Graph",
    "Node",
    "Wording",
    "abandoned_hypotheses",
    "analysis",
    "answers",
    "causes",
    "every_cause",
    "failure_modes",
    "graph",
    "graph_svg",
    "marked",
    "register_answers",
    "standing_causes",
    "withdrawn_modes",
    "wording",
    "wording_in",
    "wording_of",
]
