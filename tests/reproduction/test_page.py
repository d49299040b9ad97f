"""The page from a small file by hand, and ours from the file beside it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from reproduction.claims import Claims
from reproduction.page import DATA, PAGE, PICTURE, explanation, page, picture, write_page
from reproduction.results import (
    ClaimResult,
    ComparisonResult,
    Results,
    VariantResult,
    variant_name,
)

DOCS = Path(__file__).parents[2] / "docs"

MEASURED = ComparisonResult(
    "contrast",
    "plain",
    "contrast against none",
    1.0,
    folds=2,
    seeds=1,
    speakers=12,
    trials=100,
    rate=0.101,
    deviation=0.004,
    other_rate=0.126,
    difference=-0.025,
    interval=(-0.03, -0.02),
    relative=-0.2,
    relative_interval=(-0.24, -0.16),
    p_value=0.002,
    verdict="holds",
)
WAITING = ComparisonResult("contrast", "plain", "with half the labels", 0.5)
SHARES = {"classification": 0.55, "contrast": 0.45}
CLAIM = ClaimResult(
    name="contrast",
    title="Contrast & more",
    sentence="A contrast helps.",
    paper="Somebody 2020",
    sweep="sweep.yaml",
    parting="speakers",
    overrides=[],
    why='It gives {{ share("contrast", "contrast") }} in {{ steps("contrast") }} steps.',
    variants={
        "contrast": VariantResult(2, 1234.0, SHARES),
        "plain": VariantResult(1, 1234.0, {}),
    },
    comparisons=[MEASURED, WAITING],
)
RESULTS = Results("quick", 2, 1, 1, 0.02, {"first": (6, 12), "second": (6, 1200)}, [CLAIM])


def test_every_number_is_on_the_page():
    text = page(RESULTS)
    rows = [line for line in text.splitlines() if line.startswith("| contrast against none")]
    cells = ["contrast against none", "10.10 ± 0.40", "12.60", "−2.50 (−3.00 to −2.00)", "0.002"]
    assert rows == ["| " + " | ".join([*cells, "2", "holds"]) + " |"]
    assert "| [A contrast helps.](#contrast--more) | **holds** | −2.50 (−3.00 to −2.00) |" in text
    assert "Not run yet: with half the labels." in text
    assert "It gives 45.0 % in 1,234 steps." in text
    assert "Of 2 comparisons 1 are measured" in text
    assert "| second | 6 | 1,200 |" in text
    assert "all 12 speakers are tested" in text
    assert "±2 %" in text
    assert "1 epochs in place" in text


def test_another_file_is_another_page():
    lower = replace(MEASURED, difference=-0.05, verdict="too close to call")
    other = replace(RESULTS, claims=[replace(CLAIM, comparisons=[lower])])
    assert page(other) != page(RESULTS)
    assert picture(other) != picture(RESULTS)
    assert "−5.00 (−3.00 to −2.00)" in page(other)


def test_nothing_measured_is_a_page_too():
    bare = replace(CLAIM, variants={}, comparisons=[WAITING])
    text = page(replace(RESULTS, claims=[bare]))
    assert "**not run** | – |" in text
    assert "It gives" not in text


def test_a_mistake_in_an_explanation_is_one():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        explanation(replace(CLAIM, why="{{ shares }}"))


def test_explanations_of_ours_name_variants_and_objectives_that_are_compared():
    shares = dict.fromkeys(("classification", "contrast", "uniformity", "similarity"), 0.5)
    for claim in Claims.read().claims:
        variants = {variant_name(*each): VariantResult(3, 400, shares) for each in claim.variants}
        result = replace(CLAIM, why=claim.why, variants=variants)
        assert bool(explanation(result)) == bool(claim.why)


def test_three_files_are_written(tmp_path):
    write_page(RESULTS, tmp_path)
    assert (tmp_path / PAGE).read_text(encoding="utf-8") == page(RESULTS)
    assert (tmp_path / PICTURE).read_text(encoding="utf-8") == picture(RESULTS)
    assert Results.read(tmp_path / DATA) == RESULTS


def test_our_page_and_picture_are_what_our_file_gives():
    results = Results.read(DOCS / DATA)
    assert (DOCS / PAGE).read_text(encoding="utf-8") == page(results)
    assert (DOCS / PICTURE).read_text(encoding="utf-8") == picture(results)


def test_our_file_is_of_the_claims_as_they_are_now():
    """Sentences, sweeps and comparisons; run the command again where one was added."""
    results = Results.read(DOCS / DATA)
    claims = Claims.read()
    assert results.equivalence == claims.equivalence
    for kept, declared in zip(results.claims, claims.claims, strict=True):
        for key in ("name", "title", "sentence", "paper", "sweep", "parting", "why"):
            assert getattr(kept, key) == getattr(declared, key)
        assert [
            (each.better, each.than, each.says, each.labelled) for each in kept.comparisons
        ] == [(each.better, each.than, each.says, each.labelled) for each in declared.comparisons]


def test_our_page_has_no_wrapped_or_broken_row():
    for line in (DOCS / PAGE).read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            assert line.endswith("|"), line
            assert not re.search(r"None|nan|undefined", line), line
