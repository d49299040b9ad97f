from dataclasses import replace

import pytest

from contravox.errors import OutputError
from reproduction.results import ClaimResult, ComparisonResult, Results, VariantResult, variant_name

COMPARISONS = [
    ComparisonResult(
        "contrast",
        "plain",
        "contrast against none",
        1.0,
        *(2, 1, 12, 100, 0.1, 0.01, 0.125, None),
        *(-0.025, (-0.03, -0.02), -0.2, (-0.24, -0.16), 0.002, "holds"),
    ),
    ComparisonResult("contrast", "plain", "with half the labels", 0.5),
]
VARIANTS = {
    "plain": VariantResult(1, 7.0, {}),
    "contrast": VariantResult(2, 7.0, {"contrast": 0.4}),
}
CLAIM = ClaimResult(
    *("contrast", "Contrast", "A contrast helps.", "Somebody 2020", "sweep.yaml", "speakers"),
    *([], "", VARIANTS, COMPARISONS),
)


def test_a_file_holds_them_all(tmp_path):
    results = Results("quick", 2, 1, None, 0.02, {"first": (6, 12)}, [CLAIM])
    results.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == results


def test_a_share_of_the_labels_is_in_the_name():
    assert [variant_name("plain", share) for share in (1, 0.5)] == [
        "plain",
        "plain, 50% of the labels",
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"grid": "quick"}', "{" * 5000])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(OutputError, match=r"results\.json: holds no results of claims"):
        Results.read(path)


def test_of_each_comparison_the_results_of_more_runs_are_kept():
    half = replace(COMPARISONS[1], folds=1, seeds=1, verdict="holds")
    fewer = replace(COMPARISONS[0], folds=1, verdict="too close to call")
    now = _results(replace(CLAIM, comparisons=[fewer, half], variants={"plain": VARIANTS["plain"]}))
    kept = now.kept(_results(CLAIM))
    assert kept == _results(replace(CLAIM, comparisons=[COMPARISONS[0], half]))
    # Another sweep, or other settings for all, is another claim.
    other = replace(CLAIM, comparisons=[fewer, half], overrides=["sampler.speakers=16"])
    assert _results(other).kept(_results(CLAIM)) == _results(other)


@pytest.mark.parametrize(
    "changes", [{"grid": "full"}, {"folds": 3}, {"epochs": 2}, {"corpora": {"first": (6, 13)}}]
)
def test_results_of_another_grid_or_of_other_speech_are_not_kept(changes):
    with pytest.raises(OutputError, match=f"--keep: {next(iter(changes))} was .*leave out --keep"):
        _results(CLAIM).kept(replace(_results(CLAIM), **changes))


def _results(claim):
    return Results("quick", 2, 1, None, 0.02, {"first": (6, 12)}, [claim])
