import numpy as np
import pytest
import torch

from contravox.augmentation.effects import Effects
from contravox.data import pending_batch
from contravox.data.batch import Batch
from contravox.data.pending_batch import PendingBatch

SAMPLES = 3001


def sound(seed, samples=SAMPLES, level=0.1):
    return level * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def batch_of(waveforms):
    rows = torch.arange(len(waveforms))
    lengths = torch.full((len(waveforms),), SAMPLES)
    return Batch(torch.from_numpy(np.stack(waveforms)), lengths, rows, rows, rows)


EFFECTS = [
    None,
    Effects(gain=3.0),
    Effects(response=sound(1, 1), gain=-3.0),
    Effects(response=sound(2, SAMPLES, level=1.0)),
    Effects(noise=sound(3, level=7.0), snr=5.0, gain=30.0),
    Effects(noise=np.zeros(SAMPLES, np.float32), snr=5.0),
    Effects(response=sound(4, 700), noise=sound(5), snr=-3.0, gain=1.0),
    Effects(response=sound(6, 40), noise=sound(7), snr=20.0),
]


@pytest.mark.parametrize("rows_at_a_time", [3, 256])
def test_mixing_in_bulk_is_treating_one_by_one(rows_at_a_time, monkeypatch):
    monkeypatch.setattr(pending_batch, "ROWS", rows_at_a_time)
    waveforms = [sound(10 + row) for row in range(len(EFFECTS))]
    waveforms[-1] = np.zeros(SAMPLES, np.float32)
    waiting = PendingBatch.of(batch_of(waveforms), EFFECTS)
    mixed = waiting.mixed_on(torch.device("cpu"))
    assert isinstance(mixed, Batch)
    expected = [
        (drawn or Effects()).apply(each) for each, drawn in zip(waveforms, EFFECTS, strict=True)
    ]
    np.testing.assert_allclose(mixed.waveforms.numpy(), np.stack(expected), atol=1e-5)
    assert mixed.waveforms.dtype == torch.float32
    assert mixed.labels.tolist() == list(range(len(EFFECTS)))
    # Rows without a response or noise carry none, and what was sent can be sent again.
    assert waiting.responses.shape == (4, SAMPLES)
    assert waiting.noises.shape == (4, SAMPLES)
    np.testing.assert_array_equal(waiting.batch.waveforms.numpy(), np.stack(waveforms))


def test_segments_as_recorded_stay_as_they_were():
    recorded = torch.from_numpy(np.stack([sound(0), sound(1)]))
    batch = batch_of([sound(2), sound(3)])._replace(recorded=recorded)
    effects = [None, Effects(noise=sound(4), snr=0.0)]
    mixed = PendingBatch.of(batch, effects).mixed_on(torch.device("cpu"))
    assert not torch.equal(mixed.waveforms[1], batch.waveforms[1])
    torch.testing.assert_close(mixed.recorded, recorded, rtol=0, atol=0)


def test_a_batch_without_rooms_and_noises():
    waiting = PendingBatch.of(batch_of([sound(0), sound(1)]), [None, Effects(gain=-20.0)])
    mixed = waiting.mixed_on(torch.device("cpu")).waveforms.numpy()
    np.testing.assert_allclose(mixed, [sound(0), 0.1 * sound(1)], atol=1e-7)
