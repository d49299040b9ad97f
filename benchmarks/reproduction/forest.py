"""A picture of differences with their intervals, as SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from reproduction.verdict import Verdict

WIDTH, TEXT, EDGE = 820, 430, 20
"""Of the picture, of its column of words, and of what is left free at its right."""
ROW, TOP = 18, 34
"""Height of a row, and of what is above the first."""
CLASSES: dict[Verdict, str] = {
    "holds": "holds",
    "does not hold here": "fails",
    "too close to call": "close",
}
STYLE = """text { font: 12px sans-serif; fill: #1a1a1a }
.title { font-weight: bold }
.axis, .grid { stroke: #8c8c8c; fill: none }
.grid { stroke-dasharray: 2 3 }
.margin { fill: #8c8c8c; opacity: 0.18 }
.holds { stroke: #009e73; fill: #009e73 }
.fails { stroke: #d55e00; fill: #d55e00 }
.close { stroke: #767676; fill: #767676 }
line { stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { text { fill: #e8e8e8 } }"""


@dataclass(frozen=True)
class Row:
    """A relative difference, its interval and what is made of it; a title alone has none."""

    text: str
    difference: float | None = None
    interval: tuple[float, float] = (0.0, 0.0)
    verdict: Verdict = "not run"


def draw_forest(rows: Sequence[Row], equivalence: float, title: str) -> str:
    """Draw a row for each difference, with the equivalence margin behind them all."""
    ends = [end for row in rows if row.difference is not None for end in row.interval]
    # Labels of more ticks would run into one another.
    step = 0.1 if max([0, *ends]) - min([0, *ends]) <= 0.6 else 0.2
    low, high = (_outward(end, step) for end in (min([0, *ends]), max([0, *ends])))
    high = max(high, low + step)
    scale = (WIDTH - TEXT - EDGE) / (high - low)

    def x(value: float) -> str:
        return f"{TEXT + (value - low) * scale:.1f}"

    height = TOP + ROW * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'width="{WIDTH}" height="{height}">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="margin" x="{x(-equivalence)}" y="{TOP - 6}" '
        f'width="{2 * equivalence * scale:.1f}" height="{ROW * len(rows) + 6}"/>',
    ]
    for tick in range(round(low / step), round(high / step) + 1):
        place, kind = x(tick * step), "axis" if tick == 0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{place}" y1="{TOP - 6}" x2="{place}" y2="{height - 10}"/>'
        )
        parts.append(
            f'<text x="{place}" y="{TOP - 14}" text-anchor="middle">{_percent(tick * step)}</text>'
        )
    for number, row in enumerate(rows):
        parts += _row(row, TOP + ROW * number + 8, x)
    return "\n".join([*parts, "</svg>", ""])


def _row(row: Row, y: int, x: Callable[[float], str]) -> list[str]:
    text = escape(row.text)
    if row.difference is None:
        return [f'<text class="title" x="4" y="{y + 4}">{text}</text>']
    low, high = row.interval
    kind = CLASSES[row.verdict]
    return [
        f'<text x="16" y="{y + 4}">{text}</text>',
        f'<line class="{kind}" x1="{x(low)}" y1="{y}" x2="{x(high)}" y2="{y}"/>',
        f'<circle class="{kind}" cx="{x(row.difference)}" cy="{y}" r="3.5"/>',
    ]


def _percent(value: float) -> str:
    return f"{100 * value:+.0f} %".replace("-", "−") if value else "0"


def _outward(end: float, step: float) -> float:
    """The next multiple of a step, away from zero."""
    return math.copysign(math.ceil(abs(end) / step - 1e-9) * step, end)
