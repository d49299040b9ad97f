import pytest

from contravox.errors import TrialsError
from contravox.trials import trials
from contravox.trials.long_list import LongList
from contravox.trials.trial_set import TrialSet

LIST = "".join(f"a{number} b{number % 3} {number % 2}\n" for number in range(11))


@pytest.mark.parametrize("block", [1, 4, 11, 50])
def test_a_list_in_blocks_is_what_the_whole_is(tmp_path, monkeypatch, block):
    monkeypatch.setattr(trials, "BLOCK", block)
    path = tmp_path / "trials.tsv"
    path.write_text(LIST)
    told = []
    long = LongList.read(tmp_path, progress=lambda *step: told.append(step))
    whole = TrialSet.read_known(path)
    assert (long.trials, long.targets, long.name) == (11, 5, str(path))
    assert long.manifest.table.equals(whole.manifest.table)
    blocks = list(long.blocks())
    assert [len(each) for each in blocks[:-1]] == [block] * (len(blocks) - 1)
    assert [row for each in blocks for row in each.table.rows()] == whole.trials.table.rows()
    assert told[-1] == (11, 11)
    assert len(told) == len(blocks)


def test_what_lies_beside_is_of_it(tmp_path):
    path = tmp_path / "trials.tsv"
    path.write_text(LIST)
    (tmp_path / "enrolments.tsv").write_text(
        "enrolment\tutterance\n" + "".join(f"a{n}\tc{n % 4}\n" for n in range(11))
    )
    long = LongList.read(path)
    assert long.manifest.table["utterance"].to_list() == ["b0", "b1", "b2", "c0", "c1", "c2", "c3"]
    (tmp_path / "manifest.tsv").write_text(
        "utterance\tspeaker\tsession\tpath\tstart\tduration\tsample_rate\n"
        + "".join(f"{name}\ts\t\t{name}.wav\t0\t1\t16000\n" for name in ("b0", "b1", "d0"))
    )
    with pytest.raises(TrialsError, match=r"5 of 7 utterances are not in the manifest, .*'b2'"):
        LongList.read(path)
    (tmp_path / "enrolments.tsv").write_text("enrolment\tutterance\na0\tc0\n")
    with pytest.raises(TrialsError, match="no utterance is known of enrolment"):
        LongList.read(path)
    with pytest.raises(TrialsError, match="no such trial list"):
        LongList.read(tmp_path / "other")
