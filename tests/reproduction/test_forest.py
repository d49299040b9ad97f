import xml.etree.ElementTree as ElementTree

from reproduction.forest import Row, draw_forest

ROWS = [
    Row("A & B"),
    Row("better", -0.15, (-0.2, -0.1), "holds"),
    Row("worse", 0.25, (0.1, 0.4), "does not hold here"),
    Row("who knows", 0.0, (-0.1, 0.1), "too close to call"),
]


def drawn(rows=ROWS):
    root = ElementTree.fromstring(draw_forest(rows, 0.02, "Differences"))
    return [(each.tag.rpartition("}")[2], dict(each.attrib), each.text) for each in root]


def test_lengths_are_to_scale():
    shapes = drawn()
    intervals = [
        (float(a["x1"]), float(a["x2"]))
        for tag, a, _ in shapes
        if tag == "line" and a["class"] not in ("axis", "grid")
    ]
    points = [float(a["cx"]) for tag, a, _ in shapes if tag == "circle"]
    [zero] = [float(a["x1"]) for tag, a, _ in shapes if tag == "line" and a["class"] == "axis"]
    [band] = [a for tag, a, _ in shapes if tag == "rect"]
    point = float(band["width"]) / 4
    expected = [[-20, -15, -10], [10, 25, 40], [-10, 0, 10]]
    for (low, high), middle, row in zip(intervals, points, expected, strict=True):
        for place, value in zip((low, middle, high), row, strict=True):
            assert abs((place - zero) / point - value) < 0.05
    assert abs(float(band["x"]) + 2 * point - zero) < 0.1


def test_verdicts_have_their_colours_and_text_is_escaped():
    shapes = drawn()
    assert [a["class"] for tag, a, _ in shapes if tag == "circle"] == ["holds", "fails", "close"]
    texts = [text for tag, _, text in shapes if tag == "text"]
    assert {"A & B", "better", "worse", "who knows", "−20 %", "0", "+40 %"} <= set(texts)


def test_nothing_leaves_the_picture():
    for tag, attributes, _ in drawn():
        for name in ("x", "x1", "x2", "cx"):
            if name in attributes:
                assert 0 <= float(attributes[name]) <= 820, tag


def test_nothing_measured_is_a_picture_too():
    assert drawn([])


def test_labels_of_wide_pictures_leave_room_for_one_another():
    texts = [text for tag, _, text in drawn([*ROWS, Row("far", -0.5, (-0.55, -0.4), "holds")])]
    ticks = [text for text in texts if text and (text.endswith(" %") or text == "0")]
    assert ticks == ["−60 %", "−40 %", "−20 %", "0", "+20 %", "+40 %"]
