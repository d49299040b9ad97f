from xml.etree import ElementTree

import pytest

from contravox.report.drawing import COLOURS, DARK, DASHES, drawing, line_style, panels


def test_lines_differ_beyond_the_palette() -> None:
    styles = len(COLOURS) * len(DASHES)
    assert len({line_style(index) for index in range(styles)}) == styles


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", ["#ffffff", DARK["#ffffff"]])
def test_every_line_can_be_seen_on_a_light_and_a_dark_page(paper: str) -> None:
    assert min(contrast(colour, paper) for colour in COLOURS) > 2


def test_a_dark_page_has_every_neutral_colour_of_a_picture_changed() -> None:
    with drawing(3, 2) as (figure, drawn):
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], label="line")
        axes.set_title("Title")
        axes.legend()
    svg = drawn.svg()
    ElementTree.fromstring(svg)
    plain, style = svg.split("<style>@media (prefers-color-scheme: dark)")
    for light, dark in DARK.items():
        if light in plain:
            assert f'[style*="fill: {light}"]{{fill:{dark}!important}}' in style
            assert f'[style*="stroke: {light}"]{{stroke:{dark}!important}}' in style
    assert sum(light in plain for light in DARK) == len(DARK)
    # Nothing is left in the black that matplotlib takes where it is not told.
    assert "#000000" not in plain
    assert "text" in plain
    assert all("fill: #" in line for line in plain.splitlines() if "<text" in line)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_panel_has_its_axes_one_above_the_other(count: int) -> None:
    with panels(count, 3, ratios=(3, 1)) as (figure, grid, _):
        figure.draw_without_rendering()
        assert [len(axes) for axes in grid] == [2] * count
        for upper, lower in grid:
            assert upper.get_position().x0 == pytest.approx(lower.get_position().x0, abs=0.01)
            assert upper.get_position().y0 > lower.get_position().y1
        assert len(figure.axes) == 2 * count
        if count > 1:
            assert grid[1][0].get_position().x0 > grid[0][0].get_position().x1
            assert grid[1][0].get_position().y0 == pytest.approx(grid[0][0].get_position().y0)
        if count > 2:
            assert grid[2][0].get_position().y1 < grid[0][1].get_position().y0
