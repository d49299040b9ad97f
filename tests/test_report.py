import base64
import dataclasses
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from contravox.errors import MissingExtraError
from contravox.metrics.plots import COLOURS, line_style
from contravox.metrics.system_result import SystemResult
from contravox.metrics.table import COLUMNS, row_texts
from contravox.report import write_report

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["plain", '_angular $m$ & "<script>alert(1)</script>"', "no labels"]
NOTES = {"Trials": "200 trials <of> 10 speakers", "Evaluation": 'whole "utterances"'}


def simulate(name: str, seed: int) -> SystemResult:
    generator = np.random.default_rng(seed)
    targets = np.arange(200) % 2 == 0
    return SystemResult(
        name=name,
        labels_used=seed != 2,
        scores=generator.normal(size=200) + 2 * targets,
        targets=targets,
        equal_error_rate=0.1234 + seed / 100,
        eer_threshold=1.0,
        interval=(0.1 + seed / 100, 0.2),
        minimum_detection_cost=0.7 + seed / 10,
        parameters=123_456 * (seed + 1),
        training_seconds=61.7,
        losses={"AAM-softmax": [(0, 9.0), (10, 3.5)], "SupCon": [(0, 4.0)]} if seed else {},
        threshold=1.5 if seed else None,
    )


class Page(HTMLParser):
    """Gathers what the page holds, as a browser would see it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.references: list[str] = []
        self.strokes: list[str | None] = []
        self.texts: dict[str, list[str]] = {}
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attributes)
        if tag == "img":
            self.images.append(values)
        if tag == "path":
            self.strokes.append(values["stroke"])
        self.references += [values[key] or "" for key in ("src", "href") if key in values]
        if tag in ("title", "h1", "th", "td", "dt", "dd", "style"):
            self.open = tag
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.open:
            self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open][-1] += data


@pytest.fixture(scope="module")
def results() -> list[SystemResult]:
    return [simulate(name, seed) for seed, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def page(results: list[SystemResult], tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("report") / "made" / "report.html"
    write_report(path, "Three <systems>", results, NOTES)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return Page(path.read_text(encoding="utf-8"))


def picture(page: Page, index: int) -> str:
    source = page.images[index]["src"] or ""
    kind, data = source.split(",", 1)
    assert kind == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def test_table_holds_every_number_under_its_heading(
    page: Page, results: list[SystemResult]
) -> None:
    assert page.texts["th"] == list(COLUMNS)
    assert page.texts["td"] == [text for result in results for text in row_texts(result)]
    second = dict(zip(COLUMNS, page.texts["td"][len(COLUMNS) :], strict=False))
    assert second["EER (%)"] == "13.34"
    assert second["95 % interval (%)"] == "11.00 – 20.00"
    assert second["Parameters"] == "246,912"


def test_title_and_notes_are_shown_as_they_are(page: Page) -> None:
    assert page.texts["title"] == page.texts["h1"] == ["Three <systems>"]
    assert dict(zip(page.texts["dt"], page.texts["dd"], strict=True)) == NOTES


def test_names_cannot_become_part_of_the_page(page: Page) -> None:
    assert "script" not in page.tags
    assert NAMES[1] in page.texts["td"]


def test_page_loads_nothing(page: Page) -> None:
    assert len(page.references) == 3
    assert all(reference.startswith("data:") for reference in page.references)
    assert "link" not in page.tags
    assert "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]


def test_each_picture_has_a_text_that_names_the_systems(page: Page) -> None:
    starts = ["Miss rate against false-alarm rate", "Histograms of the scores", "Losses"]
    for image, start in zip(page.images, starts, strict=True):
        text = image["alt"] or ""
        assert text.startswith(start)
        # The first system has no log of its losses.
        assert [name in text for name in NAMES] == [start != "Losses", True, True]


def test_pictures_are_whole_and_load_nothing(page: Page) -> None:
    for index in range(3):
        drawing = ElementTree.fromstring(picture(page, index))
        assert drawing.tag == f"{SVG}svg"
        for element in drawing.iter():
            link = element.get("{http://www.w3.org/1999/xlink}href", "#")
            assert link.startswith("#")


def test_a_system_keeps_its_colour_throughout(page: Page, results: list[SystemResult]) -> None:
    assert page.strokes == [line_style(index)[0] for index in range(3)]
    for index, result in enumerate(results):
        colour, _ = line_style(index)
        drawn = [colour.lower() in picture(page, place).lower() for place in range(3)]
        assert drawn == [True, True, bool(result.losses)]


def test_pictures_name_the_systems_and_the_units(page: Page) -> None:
    texts = [set(ElementTree.fromstring(picture(page, place)).itertext()) for place in range(3)]
    assert {"plain: 12.34 %", f"{NAMES[1]}: 13.34 %"} < texts[0]
    assert "False-alarm rate (% of non-target trials)" in texts[0]
    assert "Miss rate (% of target trials)" in texts[0]
    assert {*NAMES, "Score (no unit)", "Density (per unit of score)"} < texts[1]
    assert {"threshold at the EER", "threshold in use"} < texts[1]
    assert {*NAMES[1:], "Training step", "Loss (no unit)", "AAM-softmax"} < texts[2]
    assert NAMES[0] not in texts[2]


def test_lines_differ_beyond_the_palette() -> None:
    assert len({line_style(index) for index in range(3 * len(COLOURS))}) == 3 * len(COLOURS)


def test_same_results_give_the_same_file(results: list[SystemResult], tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_report(tmp_path / name, "Same", results[:1], {})
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_perfect_system_can_be_drawn(results: list[SystemResult], tmp_path: Path) -> None:
    perfect = dataclasses.replace(
        results[0], scores=results[0].targets.astype(float), equal_error_rate=0.0
    )
    write_report(tmp_path / "report.html", "Perfect", [perfect], {})
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "0.00" in page.texts["td"]
    assert "nan" not in picture(page, 0).lower()


def test_without_matplotlib_the_extra_is_named(
    results: list[SystemResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"contravox\[report\]"):
        write_report(tmp_path / "report.html", "None", results, {})
    assert not list(tmp_path.iterdir())


def test_a_report_on_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one system"):
        write_report(tmp_path / "report.html", "Empty", [], {})


def test_without_a_log_of_losses_there_is_no_section_on_training(tmp_path, results) -> None:
    write_report(tmp_path / "report.html", "No log", results[:1], {})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Scores</h2>" in page
    assert "<h2>Training</h2>" not in page
