import polars as pl
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


@pytest.fixture
def write(tmp_path):
    """Write a list of lines, and a manifest of utterances by speaker with their digests."""

    def write_list(lines, utterances=None):
        path = tmp_path / "trials.tsv"
        path.write_text("".join(f"{line}\n" for line in lines))
        if utterances:
            rows = [(name, who, f"{sound}.wav") for name, (who, sound) in utterances.items()]
            table = pl.DataFrame(rows, ["utterance", "speaker", "path"], orient="row")
            table = table.with_columns(duration=1.0, digest="path")
            table.write_csv(tmp_path / "manifest.tsv", separator="\t")
        return path

    return write_list


SPEECH = {
    "a": ("s", 1),
    "b": ("s", 2),
    "c": ("t", 3),
    "d": ("t", 3),
    "e": (None, 4),
    "f": (None, 2),
}
"""Speaker and recording: c and d are one, and so are b and f, of which nobody knows who speaks."""
TRUE = ["a b 1", "a c 0", "b c 0", "c d 1", "e a 0", "a a 1", "e e 1", "d a 0", "f b 1"]


@pytest.mark.parametrize("block", [1, 2, 4, 50])
@pytest.mark.parametrize("known", [SPEECH, None], ids=["by digest", "by name"])
@pytest.mark.parametrize("enrolled", [False, True])
def test_trials_of_a_recording_with_itself_are_told_as_of_the_whole(
    write, tmp_path, monkeypatch, recwarn, block, known, enrolled
):
    path = write(TRUE, known)
    if enrolled:
        (tmp_path / "enrolments.tsv").write_text(
            "enrolment\tutterance\n" + "".join(f"{n}\t{n}\n" for n in "abdef") + "c\tc\nb\ta\n"
        )
    whole = TrialSet.read_known(path)
    [expected] = [str(warning.message) for warning in recwarn]
    recwarn.clear()
    monkeypatch.setattr(trials, "BLOCK", block)
    long = LongList.read(path)
    assert [str(warning.message) for warning in recwarn] == [expected]
    assert long.self_trials == whole.self_trials
    assert sum(long.self_trials) == (4 if known else 2)


@pytest.mark.parametrize("row", range(len(TRUE)))
@pytest.mark.filterwarnings("ignore::contravox.errors.TrialsWarning")
def test_whatever_trial_contradicts_the_manifest_is_named_with_its_block(write, monkeypatch, row):
    """As of the whole; but a pair of whom nobody knows the speakers may be anything."""
    one, other, target = TRUE[row].split()
    lines = [*TRUE[:row], f"{one} {other} {1 - int(target)}", *TRUE[row + 1 :]]
    path = write(lines, SPEECH)
    try:
        TrialSet.read_known(path)
    except TrialsError as error:
        refused = str(error)
    else:
        refused = None
    monkeypatch.setattr(trials, "BLOCK", 4)
    first = 4 * (row // 4) + 1
    last = min(first + 3, len(lines))
    if refused is None:
        assert (one, other) == ("e", "a")
        LongList.read(path)
        return
    with pytest.raises(TrialsError) as caught:
        LongList.read(path)
    assert str(caught.value) == refused.replace(
        f"{path}: ", f"{path}, trials {first} to {last}: "
    ).replace(f"1 of {len(lines)}", f"1 of {last - first + 1}")


def test_who_is_unknown_is_of_one_person_and_two_only_within_a_block(write, monkeypatch):
    path = write(["a b 1", "c d 0", "e f 1", "b a 0"])
    with pytest.raises(TrialsError, match=r"tsv, trials 1 to 4: 2 of 4 trials cannot be true"):
        LongList.read(path)
    monkeypatch.setattr(trials, "BLOCK", 3)
    assert LongList.read(path).trials == 4
    write(["a b 1", "c d 0", "e f 1", "g g 0"])
    with pytest.raises(TrialsError, match=r"trials 4 to 4: 1 of 1 trials .* such as 'g' and 'g'"):
        LongList.read(path)


def test_an_enrolment_of_two_people_is_refused(write, tmp_path):
    path = write(["m b 1"], SPEECH)
    (tmp_path / "enrolments.tsv").write_text("enrolment\tutterance\nm\ta\nm\tc\n")
    with pytest.raises(TrialsError, match=r"enrolment 'm' is of several speakers, s, t: "):
        LongList.read(path)
