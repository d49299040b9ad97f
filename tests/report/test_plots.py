import dataclasses
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.special import ndtri

from contravox.evaluation.result import DetBand, SystemResult
from contravox.report.drawing import COLOURS, NEUTRAL
from contravox.report.embedding_map import EmbeddingMap
from contravox.report.plots import draw_calibration, draw_det_curves, draw_embedding_maps

SVG = "{http://www.w3.org/2000/svg}"


def vertices_of(path: ElementTree.Element) -> np.ndarray:
    """Vertices (n, 2) of a path, in points; SVG counts downwards."""
    return np.array(re.findall(r"[-\d.]+", path.get("d", "")), dtype=float).reshape(-1, 2)


def paths(svg: str, style: str) -> list[np.ndarray]:
    """Vertices of the paths with a style, the longest last; what is long is no legend."""
    drawing = ElementTree.fromstring(svg)
    found = [
        vertices_of(path) for path in drawing.iter(f"{SVG}path") if style in path.get("style", "")
    ]
    return sorted(found, key=lambda vertices: float(np.ptp(vertices)))


def det_curve_vertices(result: SystemResult) -> np.ndarray:
    return paths(draw_det_curves([result]), f"stroke: {COLOURS[0].lower()}")[-1]


def simulate(scores: np.ndarray, targets: np.ndarray, rate: float) -> SystemResult:
    return SystemResult(
        name="system",
        scores=scores,
        targets=targets,
        equal_error_rate=rate,
        eer_threshold=0.0,
        detection_costs=[],
    )


def test_normal_scores_give_a_straight_det_curve() -> None:
    # 20,000 equally likely values of two unit normals, 2 apart.
    probabilities = (np.arange(20_000) + 0.5) / 20_000
    normal = ndtri(probabilities)
    scores = np.concatenate([normal + 2, normal])
    targets = np.arange(40_000) < 20_000
    vertices = det_curve_vertices(simulate(scores, targets, 0.1587))
    slope, offset = np.polyfit(*vertices.T, deg=1)
    assert slope == pytest.approx(1, abs=0.01)  # SVG counts downwards.
    assert np.abs(slope * vertices[:, 0] + offset - vertices[:, 1]).max() < 2


def test_a_curve_of_few_trials_runs_on_to_the_edges() -> None:
    # One operating point is inside the axes; from there one rate is 0 or 1 both ways.
    scores, targets = np.array([3.0, 1, 2, 0]), np.array([True, True, False, False])
    vertices = det_curve_vertices(simulate(scores, targets, 0.5))
    assert np.ptp(vertices, axis=0).min() > 200


def test_a_band_runs_between_its_ends_on_the_axes_of_the_curve() -> None:
    rates = np.array([0.02, 0.1, 0.4])
    targets = np.arange(20) < 10
    result = simulate(np.where(targets, 1.0, 0.0), targets, 0.2)
    banded = dataclasses.replace(result, det_band=DetBand(rates, rates, np.array([0.3, 0.4, 0.5])))
    svg = draw_det_curves([banded])
    (diagonal,) = paths(svg, f"stroke: {NEUTRAL}")
    slope, offset = np.polyfit(*diagonal.T, deg=1)
    drawing = ElementTree.fromstring(svg)
    (band,) = (group for group in drawing.iter(f"{SVG}g") if "FillBetween" in group.get("id", ""))
    (path,), (use,) = band.iter(f"{SVG}path"), band.iter(f"{SVG}use")
    vertices = vertices_of(path) + [float(use.get(place, "0")) for place in ("x", "y")]
    # The lower end was put on the line where both rates are equal.
    below = np.abs(slope * vertices[:, 0] + offset - vertices[:, 1]) < 0.5
    assert len(np.unique(vertices[below, 0])) == 3
    above = np.unique(vertices[~below], axis=0)
    assert len(above) == 3
    # As far from one another as the normal deviates say.
    points_per_deviate = np.diff(np.unique(vertices[:, 0])) / np.diff(ndtri(rates))
    np.testing.assert_allclose(points_per_deviate, points_per_deviate[0], rtol=1e-3)
    heights = -np.diff(above[:, 1]) / points_per_deviate[0]
    np.testing.assert_allclose(heights, np.diff(ndtri([0.3, 0.4, 0.5])), rtol=1e-3)


def calibration_line(ratios: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The line observed and that of perfect calibration, both as (n, 2) ratios."""
    result = simulate(ratios, targets, 0.1)
    svg = draw_calibration([dataclasses.replace(result, log_likelihood_ratios=ratios)])
    perfect = paths(svg, f"stroke: {NEUTRAL}; stroke-linecap: square")[-1]
    observed = paths(svg, "stroke-width: 1.6")[-1]
    low, high = np.quantile(ratios, [0.001, 0.999])
    scale = (high - low) / (perfect[1] - perfect[0])
    return low + (observed - perfect[0]) * scale, low + (perfect - perfect[0]) * scale


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_true_ratios_lie_on_the_line_and_others_do_not(factor: float) -> None:
    # Scores of unit normals at ±1 are worth a log-likelihood ratio of twice the score.
    targets = np.arange(200_000) < 100_000
    scores = np.random.default_rng(0).normal(np.where(targets, 1.0, -1.0))
    observed, _ = calibration_line(factor * 2 * scores, targets)
    middle = observed[np.abs(observed[:, 0]) < 3 * factor]
    assert len(middle) > 50
    assert np.abs(middle[:, 1] - middle[:, 0] / factor).max() < 0.35


def test_observed_ratios_by_hand() -> None:
    # Two of three targets and one of two non-targets at 1; the others at -1: log(2/3 / 1/2).
    targets = np.array([True, True, True, False, False])
    observed, _ = calibration_line(np.array([1.0, 1, -1, 1, -1]), targets)
    # The end of the first of two steps, and the start of the other.
    steps = np.unique(observed[:, 1].round(2))
    assert steps.tolist() == pytest.approx([np.log(2 / 3), np.log(4 / 3)], abs=0.01)


def test_a_speaker_has_one_colour_in_every_map_and_rare_ones_are_grey() -> None:
    many = [f"s{place:02}" for place in range(14) for _ in range(20 - place)]
    positions = np.random.default_rng(0).standard_normal((len(many), 2))
    maps = [
        EmbeddingMap(positions, many, "t-SNE"),
        EmbeddingMap(positions[:40], [*many[:20], *[None] * 20], "PCA"),
    ]
    svg = draw_embedding_maps([("system", each) for each in maps])
    drawing = ElementTree.fromstring(svg)
    texts = set(drawing.itertext())
    assert {"system: t-SNE", "system: PCA", "others", "s00", "s11"} < texts
    assert not {"s12", "s13"} & texts
    points = [mark.get("style", "") for mark in drawing.iter(f"{SVG}use")]
    # 20 of s00 and 14 of s06 in the first map, 20 in the second, and one each in the legend.
    assert sum(f"fill: {COLOURS[0].lower()}" in style for style in points) == 20 + 14 + 20 + 2
    # Those of s12, s13 and of nobody, however many nobody spoke.
    assert sum(f"fill: {NEUTRAL}" in style for style in points) == 8 + 7 + 20 + 1
