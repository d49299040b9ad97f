"""The page of results, written from their file alone."""

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contravox.files.writing import write_text
from reproduction.forest import Row, draw_forest
from reproduction.results import ClaimResult, ComparisonResult, Results, VariantResult, variant_name

DATA, PAGE, PICTURE = "results.json", "results.md", "results.svg"
TEMPLATE = "page.md.jinja"


def write_page(results: Results, folder: Path) -> None:
    """Write the results, their picture and their page. Raises OutputError."""
    results.write(folder / DATA)
    write_text(folder / PICTURE, picture(results))
    write_text(folder / PAGE, page(results))


def page(results: Results) -> str:
    """The page as Markdown."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Markdown, not HTML.
        autoescape=False,
    )
    environment.filters |= {"signed": signed, "interval": interval, "anchor": anchor}
    lines = [each for claim in results.claims for each in claim.comparisons]
    return environment.get_template(TEMPLATE).render(
        results=results,
        picture=PICTURE,
        data=DATA,
        explanation=explanation,
        rate=rate,
        decided=sum(each.verdict != "not run" for each in lines),
        waiting=sum(each.verdict == "not run" for each in lines),
    )


def picture(results: Results) -> str:
    """Every difference that was measured, relative to the error rate of the other variant."""
    rows = []
    for claim in results.claims:
        measured = [_row(each) for each in claim.comparisons if each.relative is not None]
        if measured:
            rows += [Row(claim.title), *measured]
    title = "Relative differences in equal error rate, and their 95 % intervals"
    return draw_forest(rows, results.equivalence, title)


def _row(comparison: ComparisonResult) -> Row:
    ends = comparison.relative_interval or (0.0, 0.0)
    return Row(comparison.says, comparison.relative, ends, comparison.verdict)


def explanation(claim: ClaimResult) -> str:
    """What a claim says of why, with what was measured; empty where that is not finished."""

    def of(variant: str, labelled: float = 1.0) -> VariantResult:
        return claim.variants[variant_name(variant, labelled)]

    def share(variant: str, objective: str) -> str:
        return f"{of(variant).shares[objective]:.1%}".replace("%", " %")

    def steps(variant: str) -> str:
        return f"{of(variant).steps:,.0f}"

    template = Environment(undefined=StrictUndefined, autoescape=False).from_string(claim.why)
    try:
        return template.render(share=share, steps=steps)
    except KeyError:
        return ""


def anchor(title: str) -> str:
    """Where a link to a heading leads."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def rate(value: float, deviation: float | None) -> str:
    """An equal error rate ± the deviation of its runs, in per cent."""
    spread = "" if deviation is None else f" ± {100 * deviation:.2f}"
    return f"{100 * value:.2f}{spread}"


def signed(value: float) -> str:
    """A difference of rates in points, or of relative ones in per cent."""
    return f"{100 * value:+.2f}".replace("-", "−")


def interval(ends: Sequence[float]) -> str:
    """An interval of differences."""
    return f"{signed(ends[0])} to {signed(ends[1])}"
