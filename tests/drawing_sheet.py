"""A sheet of paper that grows downwards: texts and boxes in, one self-contained SVG out.

No font, image or script from elsewhere. Every piece of text is given the width that was computed
for it (`textLength`), so that the picture keeps its shape in whatever font the reader has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from slack_text import SYMBOL, Run, width

WIDTH, MARGIN = 680, 20
TEXT, SMALL = 15.0, 13.0
INK, GREY, FAINT, BLUE = "#1d1c1d", "#616061", "#dddddd", "#1264a3"
GREEN, RED, _CODE = "#007a5a", "#e01e5a", "#c01343"
_SANS = "Lato, Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
MONO = "Menlo, Consolas, DejaVu Sans Mono, monospace"


@dataclass
class Sheet:
    """Shapes are put down from the top; `y` is how far it is filled."""

    people: Mapping[str, str]
    y: float = MARGIN
    shapes: list[str] = field(default_factory=list)

    def put(self, name: str, text: str | None = None, /, **given: object) -> None:
        written = "".join(
            f" {key.replace('_', '-')}={quoteattr(_number(value))}"
            for key, value in given.items()
            if value is not None
        )
        self.shapes.append(
            f"<{name}{written}/>" if text is None else f"<{name}{written}>{escape(text)}</{name}>"
        )

    def box(self, x: float, y: float, size: tuple[float, float], **look: object) -> None:
        self.put("rect", x=x, y=y, width=size[0], height=size[1], **look)

    def runs(self, runs: Iterable[Run], x: float, size: float, color: str = INK) -> float:
        """On the line whose foot is `y`; answers where it ends."""
        for run in runs:
            x = self._run(run, x, size, color)
        return x

    def _run(self, run: Run, x: float, size: float, color: str) -> float:
        wide = width(run, size)
        if run.code:
            shape = {"rx": 3, "fill": "#f8f8f8", "stroke": FAINT}
            self.box(x, self.y - size, (wide + 6, size * 1.35), **shape)
            self._words(run, x + 3, size, _CODE)
            return x + wide + 6
        if run.mention:
            self.box(x - 1, self.y - size, (wide + 2, size * 1.3), rx=3, fill="#e8f5fa")
        self._words(run, x, size, BLUE if run.mention or run.link else color)
        return x + wide

    def _words(self, run: Run, x: float, size: float, color: str) -> None:
        """Symbols apart: they come from another font, and with that font's width."""
        for text in _apart(run.text):
            piece = Run(text, run.bold, run.italic, run.strike, run.code)
            wide = width(piece, size)
            if text.strip():
                self.put(
                    "text",
                    text,
                    x=x,
                    y=self.y,
                    font_size=size * 0.88 if run.code else size,
                    fill=color,
                    font_weight="bold" if run.bold and not run.code else None,
                    font_style="italic" if run.italic else None,
                    font_family=MONO if run.code else None,
                    text_decoration="line-through" if run.strike else None,
                    textLength=None if SYMBOL.match(text) else wide,
                    lengthAdjust=None if SYMBOL.match(text) else "spacingAndGlyphs",
                )
            x += width(piece, size)

    def finished(self, title: str) -> str:
        height = round(self.y + MARGIN * 0.7)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
            f' viewBox="0 0 {WIDTH} {height}" font-family="{_SANS}" xml:space="preserve"'
            f' role="img"><title>{escape(title)}</title>\n'
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"'
            f' fill="#ffffff" stroke="{FAINT}"/>\n' + "\n".join(self.shapes) + "\n</svg>\n"
        )


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _apart(text: str) -> list[str]:
    pieces, end = [], 0
    for found in SYMBOL.finditer(text):
        pieces += [text[end : found.start()], found[0]]
        end = found.end()
    return [piece for piece in [*pieces, text[end:]] if piece]
