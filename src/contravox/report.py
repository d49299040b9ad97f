"""The report: one HTML file with the systems' table and pictures, which needs nothing beside it."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from contravox.metrics.plots import (
    draw_det_curves,
    draw_losses,
    draw_score_histograms,
    line_style,
)
from contravox.metrics.system_result import SystemResult
from contravox.metrics.table import COLUMNS, row_texts
from contravox.writing import write_text

SVG_DASHES = {"-": "none", "--": "6 3", ":": "2 3", "-.": "6 3 2 3"}


def write_report(
    path: Path, title: str, results: Sequence[SystemResult], notes: Mapping[str, str]
) -> None:
    """Write the report on ``results``, all of one trial list, to ``path``.

    Args:
        path: the HTML file to write, whole or not at all.
        title: its heading.
        results: at least one system; a system keeps its colour throughout.
        notes: what a reader should know first, such as the protocol, as name and text.

    Raises:
        MetricError: scores from which no error rate follows.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
        ValueError: no results.
    """
    if not results:
        raise ValueError("results must hold at least one system")
    template = Template(files("contravox").joinpath("report.html").read_text(encoding="utf-8"))
    names = ", ".join(result.name for result in results)
    page = template.substitute(
        title=escape(title),
        notes=_list_notes(notes),
        table=_tabulate(results),
        det=_embed(
            "det",
            draw_det_curves(results),
            f"Miss rate against false-alarm rate at all thresholds: {names}",
        ),
        scores=_embed(
            "scores",
            draw_score_histograms(results),
            f"Histograms of the scores of target and non-target trials: {names}",
        ),
        training=_describe_training(results),
    )
    write_text(path, page)


def _list_notes(notes: Mapping[str, str]) -> str:
    """Lay out notes as a description list."""
    lines = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in notes.items())
    return "\n".join(["<dl>", *lines, "</dl>"])


def _tabulate(results: Sequence[SystemResult]) -> str:
    """Lay out results as a table, each system beside a piece of its line in the pictures."""
    lines = ["<table>", "<thead><tr>"]
    lines += [f'<th scope="col">{escape(column)}</th>' for column in COLUMNS]
    lines += ["</tr></thead>", "<tbody>"]
    for index, result in enumerate(results):
        colour, dashes = line_style(index)
        key = (
            '<svg class="key" viewBox="0 0 24 10" aria-hidden="true"><path d="M0 5H24" '
            f'stroke="{colour}" stroke-width="4" stroke-dasharray="{SVG_DASHES[dashes]}"/></svg>'
        )
        name, *numbers = row_texts(result)
        cells = [f"<td>{key}{escape(name)}</td>", *(f"<td>{escape(text)}</td>" for text in numbers)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>"])


def _describe_training(results: Sequence[SystemResult]) -> str:
    """Lay out the losses of the systems whose training was logged; nothing where none was."""
    names = ", ".join(result.name for result in results if result.losses)
    if not names:
        return ""
    picture = _embed("losses", draw_losses(results), f"Losses over the steps of training: {names}")
    return (
        '<h2>Training</h2>\n<p class="soft">Losses of different objectives have different scales; '
        f"compare shapes, not heights.</p>\n{picture}"
    )


def _embed(name: str, svg: str, alternative: str) -> str:
    """Put a picture into the page itself, with a text for readers who do not see it."""
    data = base64.b64encode(svg.encode()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    return f'<figure class="{name}"><img src="{source}" alt="{escape(alternative)}"></figure>'
