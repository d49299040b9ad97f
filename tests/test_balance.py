import sys

import pytest
import torch
from torchjd import aggregation

from contravox.balance import WEIGHTINGS, Balance, BalanceSettings, mgda_of_two
from contravox.errors import MissingExtraError, RecipeError, TrainingError

NEED_NOTHING_MORE = ["aligned_mtl", "imtl_g", "mean", "mgda", "pcgrad", "random", "sum"]


def losses_with_gradients(*gradients, dtype=torch.float64):
    """One loss per gradient, of shared tensors (here: one), linear in it."""
    shared = torch.ones(len(gradients[0]), dtype=dtype, requires_grad=True)
    losses = {
        f"loss{i}": (shared * torch.tensor(gradient, dtype=dtype)).sum()
        for i, gradient in enumerate(gradients)
    }
    return losses, [shared]


def balance(name, losses, **weights):
    return Balance(BalanceSettings(name=name), dict.fromkeys(losses, 1.0) | weights)


def shares(name, *gradients):
    losses, shared = losses_with_gradients(*gradients)
    given = balance(name, losses)(losses, shared)
    assert not any(weight.requires_grad for weight in given.values())
    return torch.stack(list(given.values()))


def random_gradients(count, seed, size=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, size, generator=generator, dtype=torch.float64).tolist()


def test_fixed_gives_the_weights_of_the_recipe():
    losses, shared = losses_with_gradients([1.0, 2.0], [3.0, 4.0])
    weights = balance("fixed", losses, loss1=0.25)(losses, shared)
    assert {name: weight.item() for name, weight in weights.items()} == {"loss0": 1, "loss1": 0.25}


@pytest.mark.parametrize("seed", range(20))
def test_mgda_of_two_is_the_shortest_combination(seed):
    first, second = random_gradients(2, seed)
    alphas = torch.linspace(0, 1, 10001, dtype=torch.float64)[:, None]
    combinations = alphas * torch.tensor(first) + (1 - alphas) * torch.tensor(second)
    best = alphas[combinations.norm(dim=1).argmin()].item()
    assert shares("mgda", first, second).tolist() == pytest.approx([best, 1 - best], abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_mgda_of_two_is_what_torchjd_finds(seed):
    gradients = torch.tensor(random_gradients(2, seed), dtype=torch.float64)
    gramian = gradients @ gradients.T
    found = aggregation.MGDAWeighting(epsilon=1e-6, max_iters=1000)(gramian)
    torch.testing.assert_close(mgda_of_two(gramian), found, atol=1e-4, rtol=0)


def test_mgda_by_hand():
    # Orthogonal gradients of lengths 1 and 2: α = 4/(1 + 4).
    assert shares("mgda", [1.0, 0.0], [0.0, 2.0]).tolist() == pytest.approx([0.8, 0.2])
    # The shorter of two gradients of one direction is the shortest of all.
    assert shares("mgda", [1.0, 0.0], [3.0, 0.0]).tolist() == [1, 0]
    # Opposed: 3/4 · 1 − 1/4 · 3 = 0.
    assert shares("mgda", [1.0, 0.0], [-3.0, 0.0]).tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1.0, 1e25])
def test_mgda_in_float32_at_any_size_of_gradient(scale):
    losses, shared = losses_with_gradients([scale, 0.0], [0.0, 2 * scale], dtype=torch.float32)
    given = balance("mgda", losses)(losses, shared)
    assert [weight.item() for weight in given.values()] == pytest.approx([0.8, 0.2])
    assert all(weight.dtype == torch.float32 for weight in given.values())


@pytest.mark.parametrize("gradient", [[1.0, 2.0, 0.3], [1e-20, 0.0, 3e-20]])
def test_mgda_halves_equal_gradients(gradient):
    assert shares("mgda", gradient, gradient).tolist() == [0.5, 0.5]


def test_an_objective_without_gradient_stands_aside():
    assert shares("mgda", [0.0, 0.0], [3.0, 4.0]).tolist() == [0, 1]
    assert shares("mgda", [3.0, 4.0], [0.0, 0.0]).tolist() == [1, 0]
    three = shares("mgda", [1.0, 0.0], [0.0, 0.0], [0.0, 2.0])
    assert three.tolist() == pytest.approx([0.8, 0, 0.2])


def test_without_any_gradient_the_fixed_weights_stay():
    losses, shared = losses_with_gradients([0.0, 0.0], [0.0, 0.0])
    weights = balance("mgda", losses, loss1=0.5)(losses, shared)
    assert [weight.item() for weight in weights.values()] == [1, 0.5]


@pytest.mark.parametrize("name", NEED_NOTHING_MORE)
@pytest.mark.parametrize(
    "gradients",
    [
        ([0.0, 0.0], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0], [-1.0, -2.0]),
        ([1.0, 2.0], [1.0, 2.0], [-1.0, -2.0]),
        ([1e-9, 0.0], [0.0, 1e9], [1.0, 1.0]),
    ],
    ids=["zero", "equal", "opposed", "dependent", "far apart"],
)
def test_degenerate_gradients_give_finite_weights(name, gradients):
    assert shares(name, *gradients).isfinite().all()


@pytest.mark.parametrize("name", ["aligned_mtl", "imtl_g", "mean", "mgda", "sum"])
@pytest.mark.parametrize("size", [1.0, 1e-15])
def test_other_weightings_are_torchjd_s(name, size):
    gradients = torch.tensor(random_gradients(3, seed=3), dtype=torch.float64)
    gramian = gradients @ gradients.T
    # Those that depend on the size of the gradients see the largest as one.
    expected = getattr(aggregation, WEIGHTINGS[name])()(gramian / gramian.diagonal().max())
    torch.testing.assert_close(shares(name, *(size * gradients).tolist()), expected)


@pytest.mark.parametrize("size", [1.0, 1e-8])
def test_fairgrad_does_not_see_the_size_of_gradients(size):
    gradients = (size * torch.tensor(random_gradients(3, seed=3), dtype=torch.float64)).tolist()
    losses, shared = losses_with_gradients(*gradients)
    settings = BalanceSettings(name="fairgrad", options={"alpha": 1.0})
    given = Balance(settings, dict.fromkeys(losses, 1.0))(losses, shared)
    weights = torch.stack(list(given.values()))
    # Ban et al. 2024 (arXiv 2402.15638): G·w = 1/w for α = 1, the largest gradient of length 1.
    matrix = torch.tensor(gradients, dtype=torch.float64)
    gramian = matrix @ matrix.T
    products = gramian / gramian.diagonal().max() @ weights
    torch.testing.assert_close(products * weights, torch.ones_like(weights), rtol=1e-3, atol=0)


def test_options_reach_the_weighting():
    losses, shared = losses_with_gradients(*random_gradients(3, seed=3))
    settings = BalanceSettings(name="mgda", options={"max_iters": 1})
    given = Balance(settings, dict.fromkeys(losses, 1.0))(losses, shared)
    gradients = torch.tensor(random_gradients(3, seed=3), dtype=torch.float64)
    gramian = gradients @ gradients.T
    expected = aggregation.MGDAWeighting(max_iters=1)(gramian)
    torch.testing.assert_close(torch.stack(list(given.values())), expected)
    assert not torch.allclose(expected, aggregation.MGDAWeighting()(gramian), atol=1e-2)


def test_a_fixed_weight_multiplies_the_loss_beforehand():
    # The loss counted double has gradient (0, 2): MGDA gives it 1/5 of the doubled loss.
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, 1.0])
    weights = balance("mgda", losses, loss1=2.0)(losses, shared)
    assert [weight.item() for weight in weights.values()] == pytest.approx([0.8, 0.4])


def test_gradients_of_several_shared_tensors_add_and_unused_ones_are_zero():
    first = torch.ones(2, dtype=torch.float64, requires_grad=True)
    second = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    losses = {"one": first.sum(), "both": first[0] + 2 * second[0, 0]}
    weights = balance("mgda", losses)(losses, [first, second])
    # g = (1, 1, 0), h = (1, 0, 2): α = (h·h − g·h)/(g·g + h·h − 2 g·h) = (5 − 1)/(2 + 5 − 2)
    assert [weight.item() for weight in weights.values()] == pytest.approx([0.8, 0.2])


def test_the_weighted_sum_can_still_be_differentiated():
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, 2.0])
    weights = balance("mgda", losses)(losses, shared)
    assert shared[0].grad is None
    sum(weights[name] * loss for name, loss in losses.items()).backward()
    assert shared[0].grad.tolist() == pytest.approx([0.8, 0.4])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_named(bad):
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, bad])
    with pytest.raises(TrainingError, match="loss1 is not finite"):
        balance("mgda", losses)(losses, shared)


def test_losses_must_be_those_of_the_weights():
    losses, shared = losses_with_gradients([1.0], [2.0])
    with pytest.raises(ValueError, match="loss0"):
        Balance(BalanceSettings(), {"loss0": 1.0})(losses, shared)


def test_settings_name_the_near_miss():
    with pytest.raises(RecipeError, match="did you mean mgda"):
        BalanceSettings(name="mdga")
    with pytest.raises(RecipeError, match=r"upgrad: choose one of them"):
        BalanceSettings(name="zzzz")
    with pytest.raises(RecipeError, match=r"balance\.options"):
        BalanceSettings(options={"c": 0.5})


def test_wrong_options_are_a_recipe_error():
    for options in ({"epsilom": 1.0}, {"epsilon": -1.0}):
        with pytest.raises(RecipeError, match=r"balance\.options: .* mgda: .*epsilo"):
            Balance(BalanceSettings(name="mgda", options=options), {})


def test_a_weighting_that_torchjd_lacks_or_cannot_run(monkeypatch):
    class NeedsMore:
        def __init__(self):
            raise ImportError("requires quadprog")

    monkeypatch.setattr(aggregation, "UPGradWeighting", NeedsMore)
    with pytest.raises(RecipeError, match=r"upgrad needs more than torchjd .*quadprog.*; mgda"):
        Balance(BalanceSettings(name="upgrad"), {})
    monkeypatch.delattr(aggregation, "UPGradWeighting")
    with pytest.raises(RecipeError, match=r"has no upgrad: choose one of .*mgda"):
        Balance(BalanceSettings(name="upgrad"), {})


def test_without_torchjd_fixed_weights_work_and_others_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchjd", None)
    losses, shared = losses_with_gradients([1.0], [2.0])
    assert balance("fixed", losses)(losses, shared)["loss0"].item() == 1
    with pytest.raises(MissingExtraError, match=r"contravox\[train\]"):
        balance("mgda", losses)
