"""The report's pictures, each as the text of an SVG file.

All raise MissingExtraError where matplotlib is not installed.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from contravox.evaluation.result import SystemResult
from contravox.metrics.det_curve import det_curve
from contravox.report.drawing import (
    COLOURS,
    DASHES,
    INK,
    NEUTRAL,
    PAPER,
    drawing,
    line_style,
    panels,
)
from contravox.report.embedding_map import EmbeddingMap

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

RATE_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MARKERS = ("o", "^")
"""Of a speaker in an embedding map; with the colours, twelve speakers can be told apart."""


def draw_det_curves(results: Sequence[SystemResult]) -> str:
    """Draw miss against false-alarm rate on normal-deviate axes, with each equal error rate.

    A band around a curve is the 95 % interval of the miss rate.
    """
    rates = [result.equal_error_rate for result in results]
    limits = [max(0.0005, min(rates) / 10), min(0.95, max(0.5, 1.6 * max(rates)))]
    ticks = [rate for rate in RATE_TICKS if limits[0] <= rate <= limits[1]]
    with drawing(7.2, 6.9 + 0.1 * len(results)) as (figure, drawn):
        axes = figure.add_subplot()
        axes.plot(_probit(limits), _probit(limits), color=NEUTRAL, linewidth=1)
        lines = []
        for index, result in enumerate(results):
            colour, dashes = line_style(index)
            curve = det_curve(result.scores, result.targets)
            band = result.det_band
            if band is not None:
                x, low, high = map(_probit, (band.false_alarm, band.low, band.high))
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            lines += axes.plot(
                _probit(curve.false_alarm), _probit(curve.miss), color=colour, linestyle=dashes
            )
            equal = _probit([result.equal_error_rate])
            axes.plot(equal, equal, "o", color=colour, markeredgecolor=PAPER, markersize=9)
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
    return drawn.svg()


def draw_score_histograms(results: Sequence[SystemResult]) -> str:
    """Draw how target and non-target trials score, a panel for each system, with its thresholds."""
    with panels(len(results), 2.7) as (figure, grid, drawn):
        legend: dict[str, Artist] = {}
        for index, (result, (axes,)) in enumerate(zip(results, grid, strict=True)):
            axes.set_title(result.name, parse_math=False)
            colour, _ = line_style(index)
            bins = np.histogram_bin_edges(result.scores, bins=60)
            _draw_histograms(axes, result.scores, result.targets, bins, colour, density=True)
            axes.axvline(
                result.eer_threshold, color=INK, linestyle=":", label="threshold at the EER"
            )
            if result.model.threshold is not None:
                axes.axvline(result.model.threshold, color=INK, label="threshold in use")
            axes.set_xlabel("Score (no unit)")
            axes.set_ylabel("Density (per unit of score)")
            axes.set_ylim(bottom=0)
            handles, labels = axes.get_legend_handles_labels()
            legend = dict(zip(labels, handles, strict=True)) | legend
        figure.legend(legend.values(), legend.keys(), loc="outside upper left", ncols=4)
    return drawn.svg()


def draw_calibration(results: Sequence[SystemResult]) -> str:
    """Draw the log-likelihood ratios observed against those given, and how many there are.

    A panel for each calibrated system. What is observed is what the pool-adjacent-violators
    algorithm makes of the trials: the best calibration that keeps the order (Brümmer & du Preez,
    Computer Speech and Language 20, 2006).
    """
    places = [
        place for place, result in enumerate(results) if result.log_likelihood_ratios is not None
    ]
    with panels(len(places), 4.2, ratios=(3, 1)) as (figure, grid, drawn):
        legend: dict[str, Artist] = {}
        for place, (axes, counts) in zip(places, grid, strict=True):
            result, (colour, _) = results[place], line_style(place)
            ratios = np.asarray(result.log_likelihood_ratios, dtype=np.float64)
            curve = det_curve(ratios, result.targets)
            miss, false_alarm = curve.miss[curve.hull], curve.false_alarm[curve.hull]
            # At the ends only one kind of trial is left, and the ratio is infinite.
            with np.errstate(divide="ignore"):
                observed = np.log(np.diff(miss)) - np.log(-np.diff(false_alarm))
            edges = np.minimum(curve.thresholds[curve.hull], ratios.max())
            low, high = np.quantile(ratios, [0.001, 0.999])
            limits = min(float(low), -1.0), max(float(high), 1.0)
            axes.set_title(result.name, parse_math=False)
            axes.plot(limits, limits, color=NEUTRAL, linewidth=1, label="perfect calibration")
            axes.stairs(
                # Beyond the axes, but finite.
                np.clip(observed, 3 * limits[0], 3 * limits[1]),
                edges,
                baseline=None,
                color=colour,
                linewidth=1.6,
                label="observed, in the system's colour",
            )
            axes.set_xlim(*limits)
            axes.set_ylim(*limits)
            axes.tick_params(labelbottom=False)
            axes.set_ylabel("Observed")
            bins = np.linspace(*limits, 41)
            _draw_histograms(counts, ratios, result.targets, bins, colour, density=False)
            counts.set_yscale("symlog", linthresh=1)
            counts.set_xlim(*limits)
            counts.set_ylim(bottom=0)
            counts.set_xlabel("Log-likelihood ratio given (natural logarithm)")
            counts.set_ylabel("Trials")
            for part in (axes, counts):
                handles, labels = part.get_legend_handles_labels()
                legend = dict(zip(labels, handles, strict=True)) | legend
        figure.legend(legend.values(), legend.keys(), loc="outside upper left", ncols=4)
    return drawn.svg()


def draw_embedding_maps(maps: Sequence[tuple[str, EmbeddingMap]]) -> str:
    """Draw the utterances where each system's map puts them, coloured by speaker.

    The speakers with most utterances have the same colour and marker in every panel; the others are
    grey. The positions have no unit.
    """
    counts = Counter(speaker for _, mapped in maps for speaker in mapped.speakers if speaker)
    most = [speaker for speaker, _ in counts.most_common(len(COLOURS) * len(MARKERS))]
    places: dict[str | None, int] = {speaker: place for place, speaker in enumerate(most)}
    with panels(len(maps), 4.2) as (figure, grid, drawn):
        for (name, mapped), (axes,) in zip(maps, grid, strict=True):
            axes.set_title(f"{name}: {mapped.method}", parse_math=False)
            place_of = np.array([places.get(speaker, -1) for speaker in mapped.speakers])
            points = axes.plot(
                *mapped.positions[place_of == -1].T, "o", color=NEUTRAL, markersize=1.8
            )
            for place in range(len(most)):
                points += axes.plot(
                    *mapped.positions[place_of == place].T,
                    MARKERS[place // len(COLOURS)],
                    color=COLOURS[place % len(COLOURS)],
                    markersize=3.5,
                )
            axes.set_aspect("equal", adjustable="datalim")
            axes.set_axis_off()
        legend = figure.legend(
            points,
            ["others", *most],
            loc="outside lower left",
            ncols=5,
            markerscale=2,
            title="Speaker",
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    return drawn.svg()


def draw_losses(results: Sequence[SystemResult]) -> str:
    """Draw how each objective's loss fell in training, a panel for each system with a log."""
    places = [place for place, result in enumerate(results) if result.model.losses]
    with panels(len(places), 2.7) as (_, grid, drawn):
        for place, (axes,) in zip(places, grid, strict=True):
            result, (colour, _) = results[place], line_style(place)
            axes.set_title(result.name, parse_math=False)
            for index, (objective, points) in enumerate(result.model.losses.items()):
                steps, values = zip(*points, strict=True)
                dashes = DASHES[index % len(DASHES)]
                axes.plot(steps, values, dashes, color=colour, label=objective)
            axes.set_xlabel("Training step")
            axes.set_ylabel("Loss (no unit)")
            if len(result.model.losses) > 1:
                axes.legend()
    return drawn.svg()


def _draw_histograms(
    axes: "Axes",
    values: NDArray,
    targets: NDArray[np.bool_],
    bins: NDArray[np.float64],
    colour: str,
    *,
    density: bool,
) -> None:
    """Draw how often target and non-target trials have a value in each bin."""
    for trials, fill, label in (
        (~targets, NEUTRAL, "non-target trials"),
        (targets, colour, "target trials, in the system's colour"),
    ):
        counts, _ = np.histogram(values[trials], bins, density=density)
        axes.stairs(counts, bins, fill=True, color=fill, alpha=0.45)
        axes.stairs(counts, bins, color=fill, label=label)


def _probit(rates: ArrayLike) -> NDArray[np.float64]:
    """Give the normal deviates of rates, with 0 and 1 far outside the axes but finite."""
    return ndtri(np.clip(np.asarray(rates, dtype=np.float64), 1e-9, 1 - 1e-9))
