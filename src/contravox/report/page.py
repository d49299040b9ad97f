"""The page of the report: what its template shows."""

import base64
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from contravox.evaluation.conditions import ConditionResult
from contravox.evaluation.result import SystemResult
from contravox.extras import optional_packages
from contravox.files.writing import write_text
from contravox.report.drawing import line_style
from contravox.report.embedding_map import EmbeddingMap
from contravox.report.listening import Side, sides
from contravox.report.plots import (
    draw_calibration,
    draw_det_curves,
    draw_embedding_maps,
    draw_losses,
    draw_score_histograms,
)
from contravox.report.table import Cell, columns, percent
from contravox.report.worst_trials import worst_trials
from contravox.trials.trial_set import TrialSet

SVG_DASHES = {"-": "none", "--": "6 3", ":": "2 3", "-.": "6 3 2 3"}
ERRORS = 8
"""How many false accepts, and false rejects, can be listened to; several systems share them."""


class Picture(NamedTuple):
    """source: a data URL; alternative: a text for readers who do not see it."""

    source: str
    alternative: str


class WrongTrial(NamedTuple):
    """A trial decided wrongly: its score, and both sides to listen to."""

    score: str
    enrolment: Side
    test: Side


def write_report(
    path: Path,
    title: str,
    results: Sequence[SystemResult],
    notes: Mapping[str, str],
    trial_set: TrialSet | None = None,
    *,
    maps: Sequence[tuple[str, EmbeddingMap]] = (),
) -> None:
    """Write the report on ``results``, all of one trial list, to ``path``.

    A section is there for what was measured: the band of a DET curve, calibration, conditions and
    losses are those that a result holds.

    path: the HTML file to write, whole or not at all; title: its heading. results: at least one
    system; a system keeps its colour throughout. notes: what a reader should know first, such as
    the protocol, as name and text. trial_set: the trials, to listen to those decided worst; without
    it there are no players. maps: of the systems' embeddings, by name.

    Raises MetricError for scores from which no error rate follows, MissingExtraError without
    matplotlib or Jinja, OutputError; ValueError for no results, or one without a score for each
    trial.
    """
    if not results:
        raise ValueError("results must hold at least one system")
    if trial_set and any(len(result.scores) != len(trial_set.trials) for result in results):
        raise ValueError(f"a result must have a score for each of {len(trial_set.trials)} trials")
    with optional_packages("the report"):
        from jinja2 import Environment, StrictUndefined
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files("contravox.report").joinpath("page.html").read_text(encoding="utf-8")
    page = environment.from_string(template).render(
        title=title,
        notes=notes,
        keys=[_key(index) for index in range(len(results))],
        names=[result.name for result in results],
        columns=columns(results),
        conditions=_tabulate_conditions(results),
        errors=_worst_errors(results, trial_set) if trial_set else [],
        **_draw(results, maps),
    )
    write_text(path, page)


def _key(index: int) -> dict[str, str]:
    """How a system's line looks in the pictures."""
    colour, dashes = line_style(index)
    return {"colour": colour, "dashes": SVG_DASHES[dashes]}


def _draw(
    results: Sequence[SystemResult], maps: Sequence[tuple[str, EmbeddingMap]]
) -> dict[str, Picture | None]:
    """Draw the pictures; None for one that would show nothing."""

    def picture(draw: Callable[[], str], text: str, names: Sequence[str]) -> Picture | None:
        if not names:
            return None
        data = base64.b64encode(draw().encode()).decode()
        return Picture(f"data:image/svg+xml;base64,{data}", f"{text}: {', '.join(names)}")

    everyone = [result.name for result in results]
    return {
        "det": picture(
            lambda: draw_det_curves(results),
            "Miss rate against false-alarm rate at all thresholds",
            everyone,
        ),
        "scores": picture(
            lambda: draw_score_histograms(results),
            "Histograms of the scores of target and non-target trials",
            everyone,
        ),
        "calibration": picture(
            lambda: draw_calibration(results),
            "Log-likelihood ratios observed against those given",
            [each.name for each in results if each.log_likelihood_ratios is not None],
        ),
        "embeddings": picture(
            lambda: draw_embedding_maps(maps),
            "Utterances in the plane, coloured by speaker",
            [name for name, _ in maps],
        ),
        "losses": picture(
            lambda: draw_losses(results),
            "Losses over the steps of training",
            [each.name for each in results if each.model.losses],
        ),
    }


def _tabulate_conditions(results: Sequence[SystemResult]) -> dict[str, list[dict[str, Any]]]:
    """Lay out the conditions by what the trials were grouped by, with a cell for each system."""
    measured = [
        {(each.column, each.condition): each for each in result.conditions} for result in results
    ]
    found: dict[tuple[str, str], ConditionResult] = {}
    for conditions in measured:
        found = found | conditions
    tables: dict[str, list[dict[str, Any]]] = {}
    for key, first in found.items():
        present = [conditions.get(key) for conditions in measured]
        cells = [
            percent(each.equal_error_rate, each.interval) if each else Cell() for each in present
        ]
        row = {"name": first.condition, "counts": (first.targets, first.nontargets), "cells": cells}
        tables.setdefault(first.column, []).append(row)
    return tables


def _worst_errors(results: Sequence[SystemResult], trial_set: TrialSet) -> list[dict[str, Any]]:
    """Lay out each system's worst false accepts and false rejects."""
    count = max(1, ERRORS // len(results))
    systems = []
    for result in results:
        worst = worst_trials(result.scores, result.targets, result.decision_threshold, count)
        accepts, rejects = (
            [
                WrongTrial(f"{result.scores[row]:z.3f}", *pair)
                for row, pair in zip(rows, sides(trial_set, rows), strict=True)
            ]
            for rows in worst
        )
        systems.append(
            {
                "name": result.name,
                "threshold": f"{result.decision_threshold:z.3f}",
                "chosen": result.model.threshold is not None,
                "kinds": {"False accepts": accepts, "False rejects": rejects},
            }
        )
    return systems
