import math

import pytest

DOUBTS = """const { doubtsOf } = await import("/page/evidence.js");
const answer = { warnings: given[2], margin: given[3] };
return doubtsOf({ answer, seconds: given[0], ratio: given[1], enrolled: given[4] });"""

LITTLE = "Only 3.8 s of speech were heard: more would make it surer."
WEAK = "The evidence is weak: less than ten to one."
ONE = "Only one recording enrols this speaker: three make fewer errors."


def doubts(modules, seconds, ratio, *, warnings=(), margin=None, enrolled=None):
    return modules.script(DOUBTS, seconds, ratio, list(warnings), margin, enrolled)


@pytest.mark.parametrize(
    ("odds", "expected"), [(5, [LITTLE, WEAK]), (50, [LITTLE]), (999, [LITTLE]), (1001, [])]
)
def test_who_is_sure_either_way_wants_no_more_speech(modules, odds, expected):
    for ratio in (math.log(odds), -math.log(odds)):
        assert doubts(modules, [4.1, 3.8], ratio) == expected
        assert doubts(modules, [4.1, 4.0], ratio) == [each for each in expected if each != LITTLE]


def test_what_is_not_calibrated_may_want_more_speech(modules):
    calibrated = "Neither model nor gallery is calibrated, so how sure it is cannot be said."
    assert doubts(modules, [3.8], None) == [LITTLE, calibrated]


def test_a_warning_of_little_speech_is_enough(modules):
    warning = {"recording": "test", "code": "little_speech", "message": "only 1.1 s of speech"}
    assert doubts(modules, [1.1], 3.0, warnings=[warning]) == ["Only 1.1 s of speech."]


def test_who_sounds_closer_and_one_enrolment_are_told_however_sure(modules):
    closer = "Somebody else who is enrolled sounds closer: see Identify."
    assert doubts(modules, [9.0], 9.0, margin=-0.1, enrolled=1) == [closer, ONE]
    assert doubts(modules, [9.0], 9.0, margin=0.1, enrolled=2) == []
