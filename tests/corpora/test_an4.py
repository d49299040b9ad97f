import trees


def test_an4_as_released(prepare, tmp_path):
    trees.an4(tmp_path)
    done = prepare("an4", tmp_path / "an4")
    assert done.table().select("utterance", "speaker", "session", "subset").rows() == [
        ("fash/an251-fash-b", "fash", "1", "train"),
        ("fash/an253-fash-b", "fash", "1", "train"),
        ("fcaw/an406-fcaw-b", "fcaw", "1", "test"),
        ("mkem/an190-mkem-b", "mkem", "1", "train"),
    ]
    assert done.counts["subset test"]["speakers in release"] == 10
    assert done.counts["corpus"]["trials"] == 6
