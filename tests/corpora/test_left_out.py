import polars as pl

from contravox.corpora.left_out import write_left_out


def test_a_list_lasts_as_long_as_there_is_something_to_tell(tmp_path):
    path = tmp_path / "skipped.tsv"
    table = pl.DataFrame({"path": ["a.wav", "b\r.wav"], "reason": ["silent", "cut\tshort"]})
    write_left_out(path, table)
    assert path.read_bytes() == b'path\treason\na.wav\tsilent\n"b\r.wav"\t"cut\tshort"\n'
    # Once all is mended there is no list any more.
    write_left_out(path, table.clear())
    write_left_out(path, table.clear())
    assert not path.exists()
