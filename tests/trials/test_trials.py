import polars as pl

from contravox.trials.trials import Trials


def test_written_and_read_again_with_spaces_in_names(tmp_path):
    rows = [("a b", "c", True), ("d", "é f", False)]
    trials = Trials(pl.DataFrame(rows, schema=["enrolment", "test", "target"], orient="row"))
    trials.write(tmp_path / "t.tsv")
    assert Trials.read(tmp_path / "t.tsv").table.rows() == rows
    assert trials.utterances == ["a b", "c", "d", "é f"]
