import pytest

from contravox.training.schedule import MarginSchedule, ScheduleSettings


def shares(settings, steps):
    return [settings.share(step, steps_per_epoch=5, total_steps=20) for step in steps]


def test_warm_up_is_linear_and_reaches_the_peak():
    settings = ScheduleSettings(name="constant", warmup_steps=4)
    assert shares(settings, range(6)) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_cosine_starts_at_the_peak_and_ends_at_the_final_share():
    settings = ScheduleSettings(name="cosine", final=0.1)
    start, middle, end = shares(settings, [0, 10, 20])
    assert start == 1.0
    assert middle == pytest.approx(0.55)
    assert end == pytest.approx(0.1)


def test_exponential_falls_by_the_same_factor_each_step():
    settings = ScheduleSettings(name="exponential", final=0.25, warmup_steps=4)
    start, middle, end = shares(settings, [4, 12, 20])
    assert (start, middle, end) == pytest.approx((1.0, 0.5, 0.25))
    with pytest.raises(ValueError, match="exponential never reaches final 0"):
        ScheduleSettings(name="exponential")


def test_step_halves_every_two_epochs():
    settings = ScheduleSettings(name="step", factor=0.5, every=2)
    assert shares(settings, [0, 9, 10, 19, 20]) == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_a_stable_rate_falls_in_the_last_epochs():
    settings = ScheduleSettings(
        name="warmup_stable_decay", warmup_steps=2, decay_epochs=2, final=0.2
    )
    assert shares(settings, [0, 1, 2, 9, 10]) == [0.5, 1.0, 1.0, 1.0, 1.0]
    assert shares(settings, [11, 15, 19, 20]) == pytest.approx([0.92, 0.6, 0.28, 0.2])
    # Up to its decay it is the same in a run of any length.
    longer = [settings.share(step, steps_per_epoch=5, total_steps=100) for step in range(10)]
    assert shares(settings, range(10)) == longer


def test_margins_grow_linearly_between_start_and_end():
    schedule = MarginSchedule(start=2, end=6)
    assert [schedule.share(epoch) for epoch in (0, 2, 3, 5, 6, 9)] == [0, 0, 0.25, 0.75, 1, 1]
