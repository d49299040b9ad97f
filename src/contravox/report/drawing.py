"""How the report's pictures look: colours, type, panels, and a dark page as well as a light one."""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from contravox.extras import optional_packages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

# From the palette of Okabe & Ito, which readers with any colour vision tell apart and which can be
# seen on white and on black; beyond it the dashes change too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", ":", "-.")
NEUTRAL = "#8c8c8c"
INK = "#1a1a1a"
PAPER = "#ffffff"
SOFT = "#444444"
EDGE = "#767676"
GRID = "#e6e6e6"
DARK = {INK: "#e8e8e8", PAPER: "#17191c", SOFT: "#b8b8b8", EDGE: "#8a8a8a", GRID: "#33373c"}
"""What stands for a colour on a dark page; the systems keep theirs."""

STYLE: "dict[RcKeyType, Any]" = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": EDGE,
    "axes.facecolor": PAPER,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": PAPER,
    "grid.color": GRID,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.edgecolor": "none",
    "legend.facecolor": PAPER,
    "legend.framealpha": 0.9,
    "legend.fontsize": 9,
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
    # Letters stay letters, in the reader's fonts, so that names in any script can be read.
    "svg.fonttype": "none",
    # The same results give the same file.
    "svg.hashsalt": "contravox",
}


def line_style(index: int) -> tuple[str, str]:
    """Give the colour and the dashes that stand for a system throughout, by its place."""
    return COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]


class Drawing(io.StringIO):
    """Where the SVG file of a figure stands once it is drawn."""

    def svg(self) -> str:
        """The file, with the colours of a dark page for readers who have one."""
        rules = "".join(
            f'[style*="{property}: {light}"]{{{property}:{dark}!important}}'
            for light, dark in DARK.items()
            for property in ("fill", "stroke")
        )
        style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
        return self.getvalue().replace("</svg>", f"{style}</svg>")


@contextmanager
def drawing(width: float, height: float) -> "Iterator[tuple[Figure, Drawing]]":
    """Give a figure of so many inches, and what holds it once it is drawn.

    Raises MissingExtraError where matplotlib is not installed.
    """
    with optional_packages("the report"):
        import matplotlib
        from matplotlib.figure import Figure
    drawn = Drawing()
    # A figure of its own, not pyplot's, so that nothing is left behind in the process.
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The reader's fonts draw the letters, so it does not matter which ones are here.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, drawn
        figure.savefig(drawn, format="svg", metadata={"Date": None})


@contextmanager
def panels(
    count: int, height: float, *, ratios: Sequence[float] = (1,)
) -> "Iterator[tuple[Figure, list[list[Axes]], Drawing]]":
    """Give a figure of panels, two a row, each with its axes one above the other.

    height: of a row, in inches. ratios: how the axes of a panel share it.
    """
    rows, columns = math.ceil(count / 2), min(count, 2)
    with drawing(9.5, 0.4 + height * rows) as (figure, drawn):
        axes = figure.subplots(
            rows * len(ratios), columns, squeeze=False, height_ratios=[*ratios] * rows
        )
        grid = axes.reshape(rows, len(ratios), columns).swapaxes(1, 2).reshape(-1, len(ratios))
        for unused in grid[count:].ravel():
            unused.remove()
        yield figure, grid[:count].tolist(), drawn
