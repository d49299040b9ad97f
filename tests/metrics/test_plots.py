import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from contravox.metrics.plots import COLOURS, draw_det_curves
from contravox.metrics.system_result import SystemResult

SVG = "{http://www.w3.org/2000/svg}"


def det_curve_vertices(result: SystemResult) -> np.ndarray:
    """Vertices (n, 2) in points of the curve drawn; it is longer than its line in the legend."""
    drawing = ElementTree.fromstring(draw_det_curves([result]))
    paths = [
        np.array(re.findall(r"[-\d.]+", path.get("d", "")), dtype=float).reshape(-1, 2)
        for path in drawing.iter(f"{SVG}path")
        if f"stroke: {COLOURS[0].lower()}" in path.get("style", "")
    ]
    return max(paths, key=lambda vertices: float(np.ptp(vertices)))


def simulate(scores: np.ndarray, targets: np.ndarray, rate: float) -> SystemResult:
    return SystemResult(
        name="system",
        labels_used=True,
        scores=scores,
        targets=targets,
        equal_error_rate=rate,
        eer_threshold=0.0,
        interval=(0.0, 1.0),
        minimum_detection_cost=1.0,
        parameters=1,
        training_seconds=1.0,
    )


def test_normal_scores_give_a_straight_det_curve() -> None:
    # 20,000 equally likely values of two unit normals, 2 apart.
    probabilities = (np.arange(20_000) + 0.5) / 20_000
    normal = torch.special.ndtri(torch.from_numpy(probabilities)).numpy()
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
