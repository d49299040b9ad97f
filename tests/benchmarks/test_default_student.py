"""A model that begins as part of another says, from the start, much of what that says."""

import copy

import pytest
import torch
from torch.nn import functional

from contravox.encoders.cam_plus_plus import CamPlusPlusSettings
from contravox.features import FeatureSettings
from contravox.model import Model, ModelSettings
from default_student import part_of

ENCODER = CamPlusPlusSettings(
    front_channels=4, channels=16, growth=8, bottleneck=16, layers=(4, 6, 4), embedding_size=12
)


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(0)
    model = Model(ModelSettings(features=FeatureSettings(bins=24), encoder=ENCODER))
    # Statistics of what it hears, as after training, and no two channels alike.
    with torch.no_grad():
        for name, values in model.encoder.named_parameters():
            if "norm" in name:
                values.uniform_(0.5, 1.5) if name.endswith("weight") else values.uniform_(-0.5, 0.5)
        for waveforms, lengths in speech(20, seed=9):
            model.train()(waveforms, lengths)
    return model.eval()


def speech(batches, seed):
    """Noises whose colour and loudness change: some of half the length."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(batches):
        noise = torch.randn(16, 8000, generator=generator)
        depth = torch.rand(16, 1, generator=generator)
        coloured = noise + 3 * depth * noise.roll(1, 1) + 2 * (1 - depth) * noise.roll(3, 1)
        envelope = torch.rand(16, 8, generator=generator).repeat_interleave(1000, dim=1)
        lengths = torch.full((16,), 8000)
        lengths[::4] = 4000
        found.append((coloured * envelope, lengths))
    return found


def distance(one, other, segments):
    """1 − cosine, the mean."""
    with torch.no_grad():
        pairs = [(one(*each).embedding, other(*each).embedding) for each in segments]
    cosines = [functional.cosine_similarity(*pair) for pair in pairs]
    return 1 - float(torch.cat(cosines).mean())


def test_with_all_layers_it_is_the_teacher(teacher):
    student = part_of(teacher, ENCODER, speech(40, seed=0))
    heard = speech(2, seed=1)
    with torch.no_grad():
        for waveforms, lengths in heard:
            theirs = teacher(waveforms, lengths).embedding
            ours = student(waveforms, lengths).embedding
            torch.testing.assert_close(ours, theirs, atol=0.02 * theirs.abs().max().item(), rtol=0)


def test_with_half_of_the_layers_it_is_near_on_what_it_never_heard(teacher):
    half = ENCODER.model_copy(update={"layers": (2, 3, 2)})
    heard = speech(4, seed=1)
    student = part_of(teacher, half, speech(40, seed=0))
    torch.manual_seed(3)
    anew = Model(ModelSettings(features=FeatureSettings(bins=24), encoder=half)).eval()
    near = distance(teacher, student, heard)
    assert near < 0.05 < 0.5 < distance(teacher, anew, heard)
    # With more of the layers, nearer.
    more = ENCODER.model_copy(update={"layers": (3, 5, 3)})
    assert distance(teacher, part_of(teacher, more, speech(40, seed=0)), heard) < near


def test_on_what_it_is_fitted_on_its_mean_embedding_is_the_teachers(teacher):
    fitted = speech(20, seed=0)
    student = part_of(teacher, ENCODER.model_copy(update={"layers": (1, 2, 1)}), fitted)
    with torch.no_grad():
        theirs, ours = (
            torch.cat([model(*each).embedding for each in fitted]).mean(dim=0)
            for model in (teacher, student)
        )
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_channels_that_nothing_reads_are_left_out(teacher):
    """Of the first block's 24, of which the student has 16, the first 8."""
    deaf = copy.deepcopy(teacher)
    with torch.no_grad():
        for layer in deaf.encoder.blocks[1].layers:
            layer.bottleneck.linear.weight[:, :8] = 0
        deaf.encoder.transitions[1].linear.weight[:, :8] = 0
    student = part_of(deaf, ENCODER.model_copy(update={"layers": (2, 6, 4)}), speech(10, seed=0))
    passed = student.encoder.blocks[1].layers[0].bottleneck.norm
    theirs = deaf.encoder.blocks[1].layers[0].bottleneck.norm
    assert torch.equal(passed.weight, theirs.weight[8:])
