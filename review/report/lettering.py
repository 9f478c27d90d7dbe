"""Lines of text for the PDF engine, measured once and drawn as they were measured. The
engine forgets each line after it has measured it, which spares memory in long books,
sets it again to draw it and works out every letter anew. What it writes is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from struct import Struct
from typing import Any
from weakref import WeakKeyDictionary

from weasyprint import svg as drawing
from weasyprint.css.properties import INITIAL_VALUES
from weasyprint.draw import text as engine
from weasyprint.matrix import Matrix
from weasyprint.svg.text import Style, TextBox
from weasyprint.text import line_break
from weasyprint.text.ffi import FROM_UNITS, ffi, pango

_draw_by_the_engine = engine.draw_first_line
_GLYPH = Struct("=IiiiI")  # PangoGlyphInfo: glyph, width, x and y offset, attributes
_SPECIAL = 0x0FFFFFFF  # PANGO_GLYPH_EMPTY; what a font lacks has higher numbers still


@contextmanager
def our_lettering() -> Iterator[None]:
    """The engine sets lines our way while this lasts, and its own way after."""
    before = line_break.Layout, engine.draw_first_line, drawing.TAGS["text"]
    line_break.Layout = Line
    engine.draw_first_line = draw_line
    drawing.TAGS["text"] = draw_label
    try:
        yield
    finally:
        line_break.Layout, engine.draw_first_line, drawing.TAGS["text"] = before


class Line(line_break.Layout):  # type: ignore[misc]
    """A line of text that stays as it was measured until it is drawn."""

    def deactivate(self) -> None:
        pass

    def reactivate(self, style: Any) -> None:
        pass


def draw_line(
    stream: Any, box: Any, overflow: str, ellipsis: str, matrix: Matrix
) -> Any:
    """Write the line of a text box. One that needs more than letters side by side
    (pictures, letters that are raised or that no font has) is left to the engine."""
    if not box.text.strip():
        return []
    shown: list[list[Any]] = []  # font, size, what to show
    font = size = last = None
    run = box.pango_layout.get_first_line()[0].runs[0]
    while run != ffi.NULL:
        item, run = run.data, run.next
        pango_font = item.item.analysis.font
        if pango_font != last:
            last = pango_font
            font, size = stream.add_font(pango_font)
            shown.append([font, size, ""])
        letters = _letters(font, size, item, box.pango_layout.text)
        if letters is None or overflow != "clip" or ellipsis != "none":
            return _draw_by_the_engine(stream, box, overflow, ellipsis, matrix)
        shown[-1][2] += letters
    stream.set_text_matrix(*matrix.values)
    for font, size, letters in shown:
        stream.set_font_size(font.hash, size)
        stream.show_text(letters)
    return []


# By font of a document: what to show for a letter, by its size, number and places.
_known: WeakKeyDictionary[Any, dict[tuple[Any, ...], str]] = WeakKeyDictionary()


def _letters(font: Any, size: Any, item: Any, text: str) -> str | None:
    """What to show for letters of one font, in the notation of a PDF."""
    if font.bitmap or font.png or font.svg or font.colr:
        return None
    known = _known.setdefault(font, {})
    glyphs = item.glyphs
    room = ffi.buffer(glyphs.glyphs, glyphs.num_glyphs * _GLYPH.size)
    parts = ["<"]
    for index, (glyph, width, dx, dy, _) in enumerate(_GLYPH.iter_unpack(room)):
        key = size, glyph, width, dx
        if key not in known:
            if glyph >= _SPECIAL or dy:
                return None
            known[key] = _letter(font, size, item, text, index)
        elif dy:
            return None
        parts.append(known[key])
    joined = "".join(parts)
    return joined[:-1] if joined[-1] == "<" else joined + ">"


def _letter(font: Any, size: Any, item: Any, text: str, index: int) -> str:
    """What to show for a letter, which is noted with its width for the end of the
    document, where its font is packed."""
    info = item.glyphs.glyphs[index]
    glyph = info.glyph
    if glyph not in font.to_unicode:
        clusters, count = item.glyphs.log_clusters, item.glyphs.num_glyphs
        right_to_left = item.item.analysis.level % 2
        after = index - 1 if right_to_left else index + 1
        end = clusters[after] if 0 <= after < count else item.item.length
        start = item.item.offset
        letters = text.encode()[start + clusters[index] : start + end]
        font.to_unicode[glyph] = letters.decode()
    if glyph not in font.widths:
        ink, logical = ffi.new("PangoRectangle *"), ffi.new("PangoRectangle *")
        pango.pango_font_get_glyph_extents(item.item.analysis.font, glyph, ink, logical)
        font.widths[glyph] = round(logical.width * 1000 * FROM_UNITS / size)
    offset = info.geometry.x_offset / size
    kerning = (
        font.widths[glyph] + offset - info.geometry.width * 1000 * FROM_UNITS / size
    )
    before = f">{-offset}<" if offset else ""
    after_it = f">{int(kerning)}<" if kerning else ""
    return f"{before}{glyph:04x}{after_it}"


def draw_label(svg: Any, node: Any, font_size: float) -> None:
    """Draw a text of a picture as a whole. The engine draws it letter by letter and
    lays out each of them three times; one that is set from its middle or its end is a
    picture within the picture to it."""
    style = Style(INITIAL_VALUES)
    style.font_config = svg.font_config
    style["font_family"] = [
        name.strip("\"' ") for name in node.get("font-family").split(",")
    ]
    style["font_weight"] = int(node.get("font-weight", 400))
    style["font_size"] = font_size
    layout, _, _, room, _, baseline = line_break.split_first_line(
        node.text, style, svg.context, inf, 0
    )
    before = {"start": 0, "middle": room / 2, "end": room}
    x = float(node.get("x")) - before[node.get("text-anchor", "start")]
    line = TextBox(layout, style)
    line.baseline = baseline
    svg.stream.push_state()
    fill, stroke = svg.set_graphical_state(node, font_size)
    svg.stream.begin_text()
    svg.fill_stroke(fill, stroke, text=True)
    draw_line(
        svg.stream, line, "clip", "none", Matrix(d=-1, e=x, f=float(node.get("y")))
    )
    svg.stream.end_text()
    svg.stream.pop_state()
