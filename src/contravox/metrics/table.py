"""The table of systems, as texts for the report and drawn for the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from contravox.metrics.system_result import SystemResult

COLUMNS = (
    "System",
    "Labels",
    "EER (%)",
    "95 % interval (%)",
    "minDCF (0.01)",
    "Parameters",
    "Training (s)",
)


def row_texts(result: SystemResult) -> tuple[str, ...]:
    """Write a system's results as one text for each of ``COLUMNS``."""
    low, high = result.interval
    return (
        result.name,
        "yes" if result.labels_used else "no",
        f"{100 * result.equal_error_rate:.2f}",
        f"{100 * low:.2f} – {100 * high:.2f}",
        f"{result.minimum_detection_cost:.3f}",
        f"{result.parameters:,}",
        f"{result.training_seconds:,.0f}",
    )


def render_table(results: Sequence[SystemResult]) -> Table:
    """Lay out the systems' results for the terminal, names to the left."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(COLUMNS[0], overflow="fold")
    for column in COLUMNS[1:]:
        # In a narrow terminal the names wrap, and no digit is lost.
        table.add_column(column.replace(" (", "\n("), justify="right", no_wrap=True)
    for result in results:
        table.add_row(*map(Text, row_texts(result)))
    return table
