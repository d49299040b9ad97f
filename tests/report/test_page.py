import base64
import dataclasses
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.errors import MissingExtraError
from contravox.evaluation.conditions import ConditionResult
from contravox.evaluation.result import DetBand, DetectionCost, ModelFacts, SystemResult
from contravox.manifest import Manifest
from contravox.report.drawing import line_style
from contravox.report.embedding_map import EmbeddingMap
from contravox.report.page import write_report
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials
from tones import tone

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["plain", '_angular $m$ & "<script>alert(1)</script>"', "no labels"]
NOTES = {"Trials": "200 trials <of> 10 speakers", "Evaluation": 'whole "utterances"'}


def simulate(name: str, seed: int) -> SystemResult:
    generator = np.random.default_rng(seed)
    targets = np.arange(200) % 2 == 0
    return SystemResult(
        name=name,
        scores=generator.normal(size=200) + 2 * targets,
        targets=targets,
        equal_error_rate=0.1234 + seed / 100,
        eer_threshold=1.0,
        detection_costs=[DetectionCost(0.01, 0.7 + seed / 10, (0.6, 0.95))],
        interval=(0.1 + seed / 100, 0.2),
        model=ModelFacts(
            labels_used=seed != 2,
            parameters=123_456 * (seed + 1),
            training_seconds=61.7,
            losses={"AAM-softmax": [(0, 9.0), (10, 3.5)], "SupCon": [(0, 4.0)]} if seed else {},
            threshold=1.5 if seed else None,
        ),
    )


def with_everything(result: SystemResult) -> SystemResult:
    return dataclasses.replace(
        result,
        det_band=DetBand(np.array([0.01, 0.5]), np.array([0.3, 0.1]), np.array([0.9, 0.6])),
        log_likelihood_ratios=2 * result.scores - 2,
        log_likelihood_ratio_cost=0.4321,
        minimum_log_likelihood_ratio_cost=0.4011,
        conditions=[
            ConditionResult("sex", "both <female>", 1200, 34_567, 0.0512, (0.04, 0.06)),
            ConditionResult("sex", "across", 0, 999),
        ],
    )


def maps_of(*names: str) -> list[tuple[str, EmbeddingMap]]:
    return [
        (name, EmbeddingMap(np.eye(3)[:, :2], ["anna", "_bea", "anna"], "PCA")) for name in names
    ]


class Page(HTMLParser):
    """Gathers what the page holds, as a browser would see it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        # What is put into the page itself could hold any letters.
        self.text = re.sub(r"base64,[\w+/=]*", "", text)
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.references: list[str] = []
        self.recordings: list[str] = []
        self.strokes: list[str | None] = []
        self.texts: dict[str, list[str]] = {}
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attributes)
        if tag == "img":
            self.images.append(values)
        if tag == "audio":
            self.recordings.append(values["src"] or "")
        if tag == "path":
            self.strokes.append(values["stroke"])
        self.references += [values[key] or "" for key in ("src", "href") if key in values]
        if tag in ("title", "h1", "h2", "th", "td", "dt", "dd", "style"):
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


def read_page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def picture(page: Page, index: int) -> str:
    source = page.images[index]["src"] or ""
    kind, data = source.split(",", 1)
    assert kind == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def test_table_holds_every_number_under_its_heading(page: Page) -> None:
    headings = ["System", "Labels", "EER (%)", "minDCF (0.01)", "Parameters", "Training (s)"]
    assert page.texts["th"] == [*headings, *NAMES]
    rows = np.array(page.texts["td"]).reshape(3, 5)
    # The interval follows its number.
    assert rows[1].tolist() == ["yes", "13.3411.00 – 20.00", "0.8000.600 – 0.950", "246,912", "62"]
    assert rows[:, 0].tolist() == ["yes", "yes", "no"]


def test_title_and_notes_are_shown_as_they_are(page: Page) -> None:
    assert page.texts["title"] == page.texts["h1"] == ["Three <systems>"]
    assert dict(zip(page.texts["dt"], page.texts["dd"], strict=True)) == NOTES


def test_names_cannot_become_part_of_the_page(page: Page) -> None:
    assert "script" not in page.tags
    assert NAMES[1] in page.texts["th"]


def test_page_loads_nothing(page: Page, heard: tuple[Page, TrialSet]) -> None:
    assert "http" not in page.text + heard[0].text
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
        assert drawn == [True, True, bool(result.model.losses)]


def test_pictures_name_the_systems_and_the_units(page: Page) -> None:
    texts = [set(ElementTree.fromstring(picture(page, place)).itertext()) for place in range(3)]
    assert {"plain: 12.34 %", f"{NAMES[1]}: 13.34 %"} < texts[0]
    assert "False-alarm rate (% of non-target trials)" in texts[0]
    assert "Miss rate (% of target trials)" in texts[0]
    assert {*NAMES, "Score (no unit)", "Density (per unit of score)"} < texts[1]
    assert {"threshold at the EER", "threshold in use"} < texts[1]
    assert {*NAMES[1:], "Training step", "Loss (no unit)", "AAM-softmax"} < texts[2]
    assert NAMES[0] not in texts[2]


def test_same_results_give_the_same_file(results: list[SystemResult], tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_report(tmp_path / name, "Same", results[:1], {})
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_perfect_system_can_be_drawn(results: list[SystemResult], tmp_path: Path) -> None:
    perfect = dataclasses.replace(
        results[0], scores=results[0].targets.astype(float), equal_error_rate=0.0
    )
    write_report(tmp_path / "report.html", "Perfect", [perfect], {})
    page = read_page(tmp_path / "report.html")
    assert page.texts["td"][1].startswith("0.00")
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


def test_only_what_was_measured_has_a_section(tmp_path: Path, results: list[SystemResult]) -> None:
    write_report(tmp_path / "little.html", "Little", results[:1], {})
    write_report(
        tmp_path / "all.html",
        "All",
        [*results[:1], with_everything(results[1])],
        NOTES,
        maps=maps_of(NAMES[1]),
    )
    little, everything = (
        read_page(tmp_path / name).texts["h2"] for name in ("little.html", "all.html")
    )
    assert little == ["Results", "Detection error trade-off", "Scores"]
    assert everything == [
        "Protocol",
        "Results",
        "Detection error trade-off",
        "Scores",
        "Calibration",
        "Conditions",
        "Embeddings",
        "Training",
    ]


def test_conditions_have_their_counts_and_a_column_for_each_system(
    tmp_path: Path, results: list[SystemResult]
) -> None:
    other = dataclasses.replace(
        results[1],
        conditions=[ConditionResult("sex", "across", 0, 999), ConditionResult("x", "y", 1, 2, 0.5)],
    )
    write_report(tmp_path / "all.html", "All", [with_everything(results[0]), other], {})
    page = read_page(tmp_path / "all.html")
    start = page.texts["th"].index("Condition")
    assert page.texts["th"][start:] == [
        *["Condition", "Targets", "Non-targets", *NAMES[:2]],
        *["sex", "both <female>", "across", "x", "y"],
    ]
    assert page.texts["td"][-12:] == [
        *["1,200", "34,567", "5.124.00 – 6.00", "–"],
        *["0", "999", "–", "–"],
        *["1", "2", "–", "50.00"],
    ]


def test_a_calibrated_system_is_drawn_and_its_costs_are_named(
    tmp_path: Path, results: list[SystemResult]
) -> None:
    both = [results[0], with_everything(results[1])]
    write_report(tmp_path / "all.html", "All", both, {}, maps=maps_of(NAMES[1]))
    page = read_page(tmp_path / "all.html")
    row = page.texts["th"].index("Cllr") - 1
    assert page.texts["td"][row : row + 2] == ["–", "–"]
    assert {"0.432", "0.401"} < set(page.texts["td"])
    texts = set(ElementTree.fromstring(picture(page, 2)).itertext())
    assert {NAMES[1], "perfect calibration", "Observed", "Trials"} < texts
    assert NAMES[0] not in texts
    speakers = set(ElementTree.fromstring(picture(page, 3)).itertext())
    assert {f"{NAMES[1]}: PCA", "anna", "_bea"} < speakers


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, TrialSet]:
    """A report on four trials, of which one is accepted and one rejected wrongly."""
    folder = tmp_path_factory.mktemp("heard")
    rows = []
    for place, utterance in enumerate(("a/1", "a/2", "b/<1>", "b/2")):
        path = folder / f"{place}.wav"
        soundfile.write(path, tone(1.0, 100 + 50 * place), 16_000)
        rows.append([utterance, utterance[0], None, str(path), 0.0, 1.0, 16_000])
    columns = ["utterance", "speaker", "session", "path", "start", "duration", "sample_rate"]
    manifest = Manifest(pl.DataFrame(rows, schema=columns, orient="row"))
    trials = pl.DataFrame(
        [
            ("a/1", "a/2", True),
            ("b/<1>", "b/2", True),
            ("a/1", "b/<1>", False),
            ("a/2", "b/2", False),
        ],
        schema=["enrolment", "test", "target"],
        orient="row",
    )
    trial_set = TrialSet.of(Trials(trials), manifest, Protocol("list"))
    result = dataclasses.replace(
        simulate("system", 1),
        scores=np.array([0.9, 0.1234, 0.8765, 0.2]),
        targets=trials["target"].to_numpy(),
        model=ModelFacts(threshold=0.5),
    )
    write_report(folder / "report.html", "Heard", [result], {}, trial_set)
    return read_page(folder / "report.html"), trial_set


def test_both_sides_of_wrong_decisions_can_be_heard(heard: tuple[Page, TrialSet]) -> None:
    page, _ = heard
    shown = [" ".join(text.split()) for text in page.texts["td"][-6:]]
    assert shown == [
        *["0.876", "a/1speaker a · 1.0 s", "b/<1>speaker b · 1.0 s"],
        *["0.123", "b/<1>speaker b · 1.0 s", "b/2speaker b · 1.0 s"],
    ]
    assert len(page.recordings) == 4
    assert page.recordings[1] == page.recordings[2] != page.recordings[0]
    assert all(recording.startswith("data:audio/mpeg;base64,") for recording in page.recordings)
    assert "Worst errors" in page.texts["h2"]


def test_scores_and_thresholds_about_zero_have_no_sign(
    heard: tuple[Page, TrialSet], tmp_path: Path
) -> None:
    _, trial_set = heard
    scores = np.array([0.9, -0.0003, -0.0001, -0.2])
    few = dataclasses.replace(
        simulate("x", 1),
        scores=scores,
        targets=trial_set.trials.targets,
        model=ModelFacts(threshold=-0.0002),
    )
    write_report(tmp_path / "x.html", "Zero", [few], {}, trial_set)
    shown = read_page(tmp_path / "x.html").texts["td"]
    assert shown.count("0.000") >= 2
    assert "-0.000" not in (tmp_path / "x.html").read_text()


def test_several_systems_share_the_room_for_players(
    heard: tuple[Page, TrialSet], tmp_path: Path
) -> None:
    _, trial_set = heard
    few = dataclasses.replace(simulate("x", 1), scores=np.array([0, 0, 1, 1.0]))
    few = dataclasses.replace(
        few, targets=trial_set.trials.targets, model=ModelFacts(threshold=0.5)
    )
    for systems, errors in ((1, 4), (5, 5 * 2)):
        write_report(tmp_path / "x.html", "Wrong", [few] * systems, {}, trial_set)
        assert len(read_page(tmp_path / "x.html").recordings) == 2 * errors


def test_a_result_of_other_trials_is_refused(heard: tuple[Page, TrialSet], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="each of 4 trials"):
        write_report(tmp_path / "x.html", "Other", [simulate("x", 1)], {}, heard[1])
