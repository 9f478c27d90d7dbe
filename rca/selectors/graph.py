"""The graph of causes: what leads to what, as text and as SVG made on the server.
Classes carry the colors, so both themes read the same drawing."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from postmortem.lib.findings import Case
from rca.models import Cause
from rca.selectors.rows import standing_causes

WIDTH, GAP_X, GAP_Y, LINE, PAD, HEAD = 272, 76, 20, 18, 12, 22
LETTERS, LINES = 38, 5


@dataclass(frozen=True)
class Node:
    """One cause and where its box stands, in px."""

    cause: Cause
    lines: tuple[str, ...]
    x: int
    y: int
    height: int

    @property
    def provisional(self) -> bool:
        return self.cause.state != Cause.State.CONFIRMED or self.cause.is_provisional


@dataclass(frozen=True)
class Arrow:
    """`source` leads to `target`."""

    source: Node
    target: Node


@dataclass(frozen=True)
class Graph:
    """The drawing and the sentences that say the same."""

    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int
    sentences: tuple[str, ...]


def graph(case: Case) -> Graph:
    """The causes that stand, laid out from the deepest (left) to the nearest to the
    impact (right): a cause stands one column left of the nearest one it leads to."""
    return lay_out(standing_causes(case))


def lay_out(causes: list[Cause]) -> Graph:
    """Boxes, arrows and sentences for causes that carry `next_causes`."""
    standing = {cause.pk for cause in causes}
    leads = {
        cause.pk: [item.pk for item in cause.next_causes if item.pk in standing]
        for cause in causes
    }
    depth = _depths(leads)
    last = max(depth.values(), default=0)
    tops: dict[int, int] = {}
    nodes: dict[int, Node] = {}
    for cause in causes:
        lines = _lines(cause.statement)
        column = last - depth[cause.pk]
        height = HEAD + LINE * len(lines) + 2 * PAD
        y = tops.get(column, 0)
        nodes[cause.pk] = Node(cause, lines, column * (WIDTH + GAP_X), y, height)
        tops[column] = y + height + GAP_Y
    arrows = tuple(
        Arrow(nodes[source], nodes[target])
        for source, targets in leads.items()
        for target in targets
    )
    return Graph(
        nodes=tuple(nodes.values()),
        arrows=arrows,
        width=(last + 1) * WIDTH + last * GAP_X if causes else 0,
        height=max(tops.values(), default=GAP_Y) - GAP_Y,
        sentences=tuple(_sentence(cause, leads, nodes) for cause in causes),
    )


def _depths(leads: dict[int, list[int]]) -> dict[int, int]:
    """Steps from each cause to the last one it leads to. A circle (only an import could
    bring one) is cut where it closes."""
    found: dict[int, int] = {}
    for start in leads:
        path: list[int] = []
        todo = [(start, False)]
        while todo:
            here, done = todo.pop()
            if done:
                path.pop()
                found[here] = max(
                    (found[nxt] + 1 for nxt in leads[here] if nxt in found), default=0
                )
            elif here not in found and here not in path:
                path.append(here)
                todo.append((here, True))
                todo.extend((nxt, False) for nxt in leads[here])
    return found


def _lines(text: str) -> tuple[str, ...]:
    lines = wrap(" ".join(text.split()), LETTERS) or [""]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"{lines[LINES - 1][: LETTERS - 1]}…"]
    return tuple(lines)


def _sentence(cause: Cause, leads: dict[int, list[int]], nodes: dict[int, Node]) -> str:
    targets = ", ".join(nodes[pk].cause.ref for pk in leads[cause.pk])
    what = f"{cause.ref}, {cause.get_label_display().lower()}"
    state = cause.get_state_display().lower()
    return f"{what} ({state}): " + (
        f"leads to {targets}." if targets else "leads to no other cause."
    )


def graph_svg(drawn: Graph) -> SafeString:
    """The drawing; its boxes are links to the cards. The sentences go beside it."""
    if not drawn.nodes:
        return SafeString("")
    return format_html(
        '<svg class="pm-graph" viewBox="-4 -4 {width} {height}" width="{width}" '
        'height="{height}" role="group" aria-labelledby="cause-graph-title" '
        'aria-describedby="cause-graph-text">'
        '<title id="cause-graph-title">Graph of causes: {causes} causes, {arrows} '
        "arrows</title>"
        "<defs>{tips}</defs>"
        "{paths}{boxes}</svg>",
        width=drawn.width + 8,
        height=drawn.height + 8,
        tips=format_html_join("", "{}", ((_tip(kind),) for kind in _TIPS)),
        causes=len(drawn.nodes),
        arrows=len(drawn.arrows),
        paths=format_html_join("", "{}", ((_path(item),) for item in drawn.arrows)),
        boxes=format_html_join("", "{}", ((_box(item),) for item in drawn.nodes)),
    )


_TIPS = ("confirmed", "provisional")


def _tip(kind: str) -> SafeString:
    return format_html(
        '<marker id="cause-arrow-{kind}" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        '<path class="pm-graph-tip is-{kind}" d="M0 0 8 4 0 8z"></path></marker>',
        kind=kind,
    )


def _path(arrow: Arrow) -> SafeString:
    x1, y1 = arrow.source.x + WIDTH, arrow.source.y + arrow.source.height // 2
    x2, y2 = arrow.target.x - 2, arrow.target.y + arrow.target.height // 2
    middle = (x1 + x2) // 2
    return format_html(
        '<path class="pm-graph-path is-{}" marker-end="url(#cause-arrow-{})" '
        'd="M{} {}C{} {} {} {} {} {}"></path>',
        *[_TIPS[arrow.source.provisional]] * 2,
        *(x1, y1, middle, y1, middle, y2, x2, y2),
    )


def _box(node: Node) -> SafeString:
    state = "provisional" if node.provisional else "confirmed"
    return format_html(
        '<a href="{url}"><g class="pm-graph-node is-{state} is-{label}">'
        '<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8"></rect>'
        '<text class="pm-graph-label" x="{left}" y="{top}">{ref} · {words} · {state}'
        "</text>{lines}</g></a>",
        url=node.cause.get_absolute_url(),
        ref=node.cause.ref,
        state=state,
        label=node.cause.label,
        words=node.cause.get_label_display(),
        x=node.x,
        y=node.y,
        width=WIDTH,
        height=node.height,
        left=node.x + PAD,
        top=node.y + PAD + 10,
        lines=format_html_join(
            "",
            '<text x="{}" y="{}">{}</text>',
            (
                (node.x + PAD, node.y + PAD + HEAD + LINE * index + 10, line)
                for index, line in enumerate(node.lines)
            ),
        ),
    )
