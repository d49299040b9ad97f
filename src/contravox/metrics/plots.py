"""The report's pictures, each as the text of an SVG file.

All raise MissingExtraError where matplotlib is not installed.
"""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from contravox.errors import MissingExtraError
from contravox.metrics.error_rates import det_curve
from contravox.metrics.system_result import SystemResult

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

# The palette of Okabe & Ito, which readers with any colour vision tell apart; beyond it the dashes
# change too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":", "-.")
NONTARGET_COLOUR = "#8c8c8c"
RATE_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
STYLE: "dict[RcKeyType, Any]" = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#767676",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e6e6e6",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.edgecolor": "none",
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


def draw_det_curves(results: Sequence[SystemResult]) -> str:
    """Draw miss against false-alarm rate on normal-deviate axes, with each equal error rate."""
    rates = [result.equal_error_rate for result in results]
    limits = [max(0.0005, min(rates) / 10), min(0.95, max(0.5, 1.6 * max(rates)))]
    ticks = [rate for rate in RATE_TICKS if limits[0] <= rate <= limits[1]]
    with _drawing(7.2, 6.9 + 0.1 * len(results)) as (figure, svg):
        axes = figure.add_subplot()
        axes.plot(_probit(limits), _probit(limits), color="#b8b8b8", linewidth=1)
        lines = []
        for index, result in enumerate(results):
            colour, dashes = line_style(index)
            curve = det_curve(result.scores, result.targets)
            lines += axes.plot(
                _probit(curve.false_alarm), _probit(curve.miss), color=colour, linestyle=dashes
            )
            equal = _probit([result.equal_error_rate])
            axes.plot(equal, equal, "o", color=colour, markeredgecolor="white", markersize=9)
        names = [f"{result.name}: {100 * result.equal_error_rate:.2f} %" for result in results]
        # Outside, where no curve can pass behind it.
        legend = figure.legend(
            lines, names, loc="outside lower center", ncols=2, title="Equal error rate (●)"
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
        axes.set_aspect("equal")
        axes.set_xticks(_probit(ticks), [f"{100 * rate:g}" for rate in ticks])
        axes.set_yticks(_probit(ticks), [f"{100 * rate:g}" for rate in ticks])
        axes.set_xlim(*_probit(limits))
        axes.set_ylim(*_probit(limits))
        axes.set_xlabel("False-alarm rate (% of non-target trials)")
        axes.set_ylabel("Miss rate (% of target trials)")
    return svg.getvalue()


def draw_score_histograms(results: Sequence[SystemResult]) -> str:
    """Draw how target and non-target trials score, a panel for each system, with its thresholds."""
    with _drawing(*_panel_size(results)) as (figure, svg):
        legend: dict[str, Artist] = {}
        for index, (result, axes) in enumerate(_panels(figure, results)):
            colour, _ = line_style(index)
            bins = np.histogram_bin_edges(result.scores, bins=60)
            for trials, fill, label in (
                (~result.targets, NONTARGET_COLOUR, "non-target trials"),
                (result.targets, colour, "target trials, in the system's colour"),
            ):
                density, _ = np.histogram(result.scores[trials], bins, density=True)
                axes.stairs(density, bins, fill=True, color=fill, alpha=0.45)
                axes.stairs(density, bins, color=fill, label=label)
            axes.axvline(
                result.eer_threshold, color="black", linestyle=":", label="threshold at the EER"
            )
            if result.threshold is not None:
                axes.axvline(result.threshold, color="black", label="threshold in use")
            axes.set_xlabel("Score (no unit)")
            axes.set_ylabel("Density (per unit of score)")
            axes.set_ylim(bottom=0)
            handles, labels = axes.get_legend_handles_labels()
            legend = dict(zip(labels, handles, strict=True)) | legend
        figure.legend(legend.values(), legend.keys(), loc="outside upper left", ncols=4)
    return svg.getvalue()


def draw_losses(results: Sequence[SystemResult]) -> str:
    """Draw how each objective's loss fell in training, a panel for each system with a log."""
    trained = [place for place, result in enumerate(results) if result.losses]
    shown = [results[place] for place in trained]
    with _drawing(*_panel_size(shown)) as (figure, svg):
        for index, (result, axes) in zip(trained, _panels(figure, shown), strict=True):
            colour, _ = line_style(index)
            for place, (objective, points) in enumerate(result.losses.items()):
                steps, values = zip(*points, strict=True)
                dashes = DASHES[place % len(DASHES)]
                axes.plot(steps, values, dashes, color=colour, label=objective)
            axes.set_xlabel("Training step")
            axes.set_ylabel("Loss (no unit)")
            if len(result.losses) > 1:
                axes.legend()
    return svg.getvalue()


@contextmanager
def _drawing(width: float, height: float) -> "Iterator[tuple[Figure, io.StringIO]]":
    """Give a figure of so many inches, and where its SVG stands once it is drawn."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "the report needs matplotlib: pip install 'contravox[report]'"
        ) from error
    svg = io.StringIO()
    # A figure of its own, not pyplot's, so that nothing is left behind in the process.
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The reader's fonts draw the letters, so it does not matter which ones are here.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, svg
        figure.savefig(svg, format="svg", metadata={"Date": None})


def _panel_size(results: Sequence[SystemResult]) -> tuple[float, float]:
    """Give the width and height in inches of two panels a row."""
    return 9.5, 0.4 + 2.7 * math.ceil(len(results) / 2)


def _panels(
    figure: "Figure", results: Sequence[SystemResult]
) -> "Iterator[tuple[SystemResult, Axes]]":
    """Give each system a panel under its name, two a row."""
    for index, result in enumerate(results):
        axes = figure.add_subplot(math.ceil(len(results) / 2), 2, index + 1)
        axes.set_title(result.name, parse_math=False)
        yield result, axes


def _probit(rates: ArrayLike) -> NDArray[np.float64]:
    """Give the normal deviates of rates, with 0 and 1 far outside the axes but finite."""
    clipped = np.clip(np.asarray(rates, dtype=np.float64), 1e-9, 1 - 1e-9)
    return torch.special.ndtri(torch.from_numpy(clipped)).numpy()
