import math

import pytest

DRAWN = """const { %s } = await import("/page/scale.js");
const svg = %s(...given);
document.body.append(svg);
const of = (kind) => svg.querySelector("." + kind);
return {
  label: svg.getAttribute("aria-label"),
  marker: parseFloat(of("marker").getAttribute("x")),
  threshold: of("threshold") && parseFloat(of("threshold").getAttribute("x1")),
  same: of("same") && parseFloat(of("same").getAttribute("x")),
  value: of("value").textContent,
};"""


def drawn(modules, kind, *given):
    return modules.script(DRAWN % (kind, kind), *given)


def test_a_cosine_and_its_threshold_stand_where_they_belong(modules):
    found = drawn(modules, "scoreScale", 0.7, 0.4)
    # From -0.2 to 1.
    assert found["marker"] == pytest.approx(75)
    assert found["threshold"] == found["same"] == pytest.approx(50)
    assert found["label"].startswith("Score 0.70, threshold 0.40,")


@pytest.mark.parametrize(
    ("score", "threshold"), [(-0.9, 0.5), (7.5, 3.0), (-40.0, 3.0), (0.2, -0.95), (3.0, 3.0)]
)
def test_whatever_the_score_it_stands_on_its_side_of_the_threshold(modules, score, threshold):
    found = drawn(modules, "scoreScale", score, threshold)
    assert 0 < found["marker"] < 100
    assert 0 < found["threshold"] < 100
    assert (found["marker"] >= found["threshold"]) == (score >= threshold)


def test_without_a_threshold_there_are_no_sides(modules):
    found = drawn(modules, "scoreScale", 0.7, None)
    assert found["threshold"] is found["same"] is None


@pytest.mark.parametrize(
    ("ratio", "told", "place"),
    [
        (math.log(100), "100:1", 50 + 50 * 2 / 3.4),
        (-math.log(100), "1:100", 50 - 50 * 2 / 3.4),
        (0, "1:1", 50),
        (math.log(3.25), "3.3:1", 50 + 50 * math.log10(3.25) / 3.4),
        (60, "1,000,000+:1", 99.5),
        (-2000, "1:1,000,000+", 0.5),
    ],
)
def test_a_ratio_is_told_as_odds(modules, ratio, told, place):
    found = drawn(modules, "ratioScale", ratio, 0)
    assert found["value"] == told
    assert found["marker"] == pytest.approx(place)
    assert found["threshold"] == pytest.approx(50)
