import sys

import pytest
import torch
from pydantic import ValidationError
from torchjd import aggregation

from contravox.errors import MissingExtraError, RecipeError, TrainingError
from contravox.objectives.balance import Balance, BalanceSettings
from contravox.objectives.gradient_gate import GradientGate
from contravox.objectives.gradient_weights import WEIGHTINGS, CagradWeighting, mgda_of_two, weigh
from processes import run_processes

NEEDED_OPTIONS = {"cagrad": {"c": 0.5}, "fairgrad": {"alpha": 1.0}}
SUM_TO_ONE = ["mean", "mgda", "random"]


def losses_with_gradients(*gradients, dtype=torch.float64):
    """One loss per gradient, of shared tensors (here: one), linear in it."""
    shared = torch.ones(len(gradients[0]), dtype=dtype, requires_grad=True)
    losses = {
        f"loss{i}": (shared * torch.tensor(gradient, dtype=dtype)).sum()
        for i, gradient in enumerate(gradients)
    }
    return losses, [shared]


def balance(name, losses, *, normalise="none", own_parameters="full", **weights):
    settings = BalanceSettings(
        name=name,
        options=NEEDED_OPTIONS.get(name, {}),
        normalise=normalise,
        own_parameters=own_parameters,
    )
    return Balance(settings, dict.fromkeys(losses, 1.0) | weights)


def numbers(by_name):
    return [each.item() for each in by_name.values()]


def balance_or_skip(name, losses):
    """Skip where the libraries of a weighting are not installed."""
    try:
        return balance(name, losses)
    except RecipeError as error:
        pytest.skip(str(error))


def shares(name, *gradients):
    losses, shared = losses_with_gradients(*gradients)
    given = balance_or_skip(name, losses)(losses, shared).weights
    assert not any(weight.requires_grad for weight in given.values())
    return torch.stack(list(given.values()))


def random_gradients(count, seed, size=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, size, generator=generator, dtype=torch.float64).tolist()


def random_lengths(count, seed):
    """Lengths of gradients over six orders of magnitude."""
    generator = torch.Generator().manual_seed(seed)
    return 10 ** (6 * torch.rand(count, 1, generator=generator, dtype=torch.float64) - 3)


def test_fixed_gives_the_weights_of_the_recipe():
    losses, shared = losses_with_gradients([1.0, 2.0], [3.0, 4.0])
    balanced = balance("fixed", losses, loss1=0.25)(losses, shared)
    assert {name: weight.item() for name, weight in balanced.weights.items()} == {
        "loss0": 1,
        "loss1": 0.25,
    }
    assert balanced.loss.item() == (1 + 2) + 0.25 * (3 + 4)


def test_weights_go_by_name_and_not_by_order():
    losses, shared = losses_with_gradients([1.0, 2.0], [3.0, 4.0])
    weights = {"loss1": 0.25, "loss0": 1.0}
    balanced = Balance(BalanceSettings(), weights)(losses, shared)
    assert {name: weight.item() for name, weight in balanced.weights.items()} == weights
    assert balanced.loss.item() == (1 + 2) + 0.25 * (3 + 4)


@pytest.mark.parametrize("seed", range(20))
def test_mgda_of_two_is_the_shortest_combination(seed):
    first, second = random_gradients(2, seed)
    alphas = torch.linspace(0, 1, 10001, dtype=torch.float64)[:, None]
    combinations = alphas * torch.tensor(first) + (1 - alphas) * torch.tensor(second)
    best = alphas[combinations.norm(dim=1).argmin()].item()
    assert shares("mgda", first, second).tolist() == pytest.approx([best, 1 - best], abs=1e-4)


def test_mgda_of_two_is_what_torchjd_finds():
    clipped = 0
    for seed in range(300):
        gradients = random_lengths(2, seed) * torch.tensor(random_gradients(2, seed)).double()
        gramian = gradients @ gradients.T
        found = aggregation.MGDAWeighting(epsilon=1e-9, max_iters=1000)(gramian)
        torch.testing.assert_close(mgda_of_two(gramian), found, atol=1e-9, rtol=1e-6)
        clipped += bool((found == 1).any())
    assert 30 < clipped < 270


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
    given = balance("mgda", losses)(losses, shared).weights
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


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_zero_gradient_changes_nothing_for_the_others(name):
    first, second, third = random_gradients(3, seed=3)
    torch.manual_seed(0)
    expected = shares(name, first, second, third)
    torch.manual_seed(0)
    given = shares(name, first, [0.0] * 4, second, third)
    torch.testing.assert_close(given[[0, 2, 3]], expected)
    assert given[1] == 0


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_without_any_gradient_the_fixed_weights_stay(name):
    losses, shared = losses_with_gradients([0.0, 0.0], [0.0, 0.0], [0.0, 0.0])
    balance_or_skip(name, losses)
    weights = balance(name, losses, loss1=0.5)(losses, shared).weights
    assert [weight.item() for weight in weights.values()] == [1, 0.5, 1]


def test_exactly_opposed_gradients_leave_what_is_shared_where_it_is():
    shared = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    of_one_objective = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    losses = {"one": 3 * shared.sum(), "other": -(shared * of_one_objective).sum()}
    balanced = balance("mgda", losses, own_parameters="weighted")(losses, [shared])
    assert numbers(balanced.weights) == pytest.approx([0.25, 0.75])
    balanced.loss.backward()
    torch.testing.assert_close(shared.grad, torch.zeros(2, 3, dtype=torch.float64))
    torch.testing.assert_close(of_one_objective.grad, torch.full_like(of_one_objective, -0.75))


def test_of_two_equal_gradients_and_a_third_mgda_shares_among_the_two():
    # Of lengths 1, 1 and 2, the third orthogonal: 4/5 for the two together.
    weights = shares("mgda", [1.0, 0.0], [1.0, 0.0], [0.0, 2.0])
    assert (weights[0] + weights[1]).item() == pytest.approx(0.8, abs=0.01)
    assert weights[2].item() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize(
    "gradients",
    [
        ([0.0, 0.0], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0], [3.0, 6.0]),
        ([1.0, 2.0], [-1.0, -2.0]),
        ([1.0, 2.0], [-3.0, -6.0]),
        ([1.0, 2.0], [-1.0, -2.0 + 1e-9]),
        ([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, 2.0], [2.0, -1.0]),
        ([1.0, 2.0], [1.0, 2.0], [-1.0, -2.0]),
        ([1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]),
        ([1e-12, 0.0], [0.0, 1e12], [1.0, 1.0]),
        ([1e-12, 2e-12], [-2e-12, 1e-12], [1e-12, 1e-12]),
        ([1e12, 2e12], [-2e12, 1e12], [1e12, 1e12]),
    ],
    ids=[
        "zero",
        "equal",
        "collinear",
        "opposed",
        "opposed of other lengths",
        "almost opposed",
        "three equal",
        "two equal",
        "two equal, one opposed",
        "add up to zero",
        "far apart",
        "small",
        "large",
    ],
)
def test_degenerate_gradients_give_finite_weights(name, gradients):
    weights = shares(name, *gradients)
    assert weights.isfinite().all()
    if name in SUM_TO_ONE:
        assert weights.sum().item() == pytest.approx(1)
        assert (weights >= 0).all()


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_every_weighting_gives_the_direction_of_torchjd_s_aggregator(name, count):
    gradients = torch.tensor(random_gradients(count, seed=count, size=8), dtype=torch.float64)
    # FairGrad depends on the size of the gradients, and sees the largest as one.
    gradients /= gradients.norm(dim=1).max()
    torch.manual_seed(0)
    given = shares(name, *gradients.tolist()) @ gradients
    aggregator = getattr(aggregation, WEIGHTINGS[name].removesuffix("Weighting"))
    try:
        aggregate = aggregator(**NEEDED_OPTIONS.get(name, {}))
    except ImportError as error:
        pytest.skip(str(error))
    torch.manual_seed(0)
    expected = aggregate(gradients)
    torch.testing.assert_close(given, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", ["aligned_mtl", "imtl_g", "mean", "mgda", "sum"])
@pytest.mark.parametrize("size", [1.0, 1e-15])
def test_other_weightings_are_torchjd_s(name, size):
    gradients = torch.tensor(random_gradients(3, seed=3), dtype=torch.float64)
    gramian = gradients @ gradients.T
    # Those that depend on the size of the gradients see the largest as one.
    expected = getattr(aggregation, WEIGHTINGS[name])()(gramian / gramian.diagonal().max())
    torch.testing.assert_close(shares(name, *(size * gradients).tolist()), expected)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("c", [0.0, 0.4, 0.9])
def test_cagrad_finds_the_best_of_a_grid(c, seed):
    gradients = torch.tensor(random_gradients(3, seed), dtype=torch.float64)
    gramian = gradients @ gradients.T
    weights = CagradWeighting(c=c)(gramian)
    mean = gradients.mean(dim=0)
    # The step stays within c‖g_0‖ of the mean gradient, and no other there is better for the
    # objective that it serves worst.
    distance = (weights @ gradients - mean).norm()
    assert distance.item() == pytest.approx(c * mean.norm().item(), rel=1e-6, abs=1e-12)
    generator = torch.Generator().manual_seed(seed)
    others = torch.randn(20_000, 4, generator=generator, dtype=torch.float64)
    others = mean + c * mean.norm() * others / others.norm(dim=1, keepdim=True)
    worst = (gradients @ (weights @ gradients)).min()
    assert worst >= (others @ gradients.T).min(dim=1).values.max() - 1e-6


def test_cagrad_refuses_a_negative_radius():
    with pytest.raises(RecipeError, match=r"balance\.options: not those of cagrad: c must be"):
        Balance(BalanceSettings(name="cagrad", options={"c": -1}), {})


@pytest.mark.parametrize("size", [1.0, 1e-8])
def test_fairgrad_does_not_see_the_size_of_gradients(size):
    gradients = (size * torch.tensor(random_gradients(3, seed=3), dtype=torch.float64)).tolist()
    losses, shared = losses_with_gradients(*gradients)
    given = balance_or_skip("fairgrad", losses)(losses, shared).weights
    weights = torch.stack(list(given.values()))
    # Ban et al. 2024 (arXiv 2402.15638): G·w = 1/w for α = 1, the largest gradient of length 1.
    matrix = torch.tensor(gradients, dtype=torch.float64)
    gramian = matrix @ matrix.T
    products = gramian / gramian.diagonal().max() @ weights
    torch.testing.assert_close(products * weights, torch.ones_like(weights), rtol=1e-3, atol=0)


def test_options_reach_the_weighting():
    losses, shared = losses_with_gradients(*random_gradients(3, seed=3))
    settings = BalanceSettings(name="mgda", options={"max_iters": 1})
    given = Balance(settings, dict.fromkeys(losses, 1.0))(losses, shared).weights
    gradients = torch.tensor(random_gradients(3, seed=3), dtype=torch.float64)
    gramian = gradients @ gradients.T
    expected = aggregation.MGDAWeighting(max_iters=1)(gramian)
    torch.testing.assert_close(torch.stack(list(given.values())), expected)
    assert not torch.allclose(expected, aggregation.MGDAWeighting()(gramian), atol=1e-2)


def test_a_fixed_weight_multiplies_the_loss_beforehand():
    # The loss counted double has gradient (0, 2): MGDA gives it 1/5 of the doubled loss.
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, 1.0])
    weights = balance("mgda", losses, loss1=2.0)(losses, shared).weights
    assert [weight.item() for weight in weights.values()] == pytest.approx([0.8, 0.4])


def test_gradients_of_several_shared_tensors_add_and_unused_ones_are_zero():
    first = torch.ones(2, dtype=torch.float64, requires_grad=True)
    second = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    losses = {"one": first.sum(), "both": first[0] + 2 * second[0, 0]}
    weights = balance("mgda", losses)(losses, [first, second]).weights
    # g = (1, 1, 0), h = (1, 0, 2): α = (h·h − g·h)/(g·g + h·h − 2 g·h) = (5 − 1)/(2 + 5 − 2)
    assert [weight.item() for weight in weights.values()] == pytest.approx([0.8, 0.2])


def test_the_weighted_sum_is_what_is_differentiated():
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, 2.0])
    weighed = balance("mgda", losses, own_parameters="weighted", loss1=0.5)
    balanced = weighed(losses, shared)
    # The second counts half: two orthogonal gradients of length one.
    assert numbers(balanced.gates) == [1, 1]
    assert balanced.loss.item() == pytest.approx(0.5 * 1 + 0.5 * 0.5 * 2)
    assert shared[0].grad is None
    balanced.loss.backward()
    assert shared[0].grad.tolist() == pytest.approx([0.5, 0.5])


def test_gradients_too_small_for_float16_are_weighed():
    segments = 2**14
    chunks = [
        torch.ones(size, 2, dtype=torch.float16, requires_grad=True) for size in (1, segments - 1)
    ]
    embeddings = torch.cat(chunks)
    losses = {
        "one": 2**-12 * embeddings[:, 0].float().mean(),
        "two": 2**-11 * embeddings[:, 1].float().mean(),
    }
    gradients = torch.autograd.grad(losses["two"], chunks, retain_graph=True)
    assert not any(map(torch.any, gradients)), "a mean's gradient should not fit into float16"
    weights = balance("mgda", losses)(losses, chunks).weights
    assert [weight.item() for weight in weights.values()] == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_named(bad):
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, bad])
    with pytest.raises(TrainingError, match="loss1 is not finite"):
        balance("mgda", losses)(losses, shared)


def objectives_of(embeddings):
    """Three losses, each a mean over the segments, with gradients of several directions."""
    targets = torch.linspace(-1, 1, embeddings.shape[1], dtype=embeddings.dtype)
    return {
        "square": (embeddings - targets).square().sum(1).mean(),
        "exponential": (3 * embeddings).exp().sum(1).mean(),
        "cosine": 1 - torch.nn.functional.cosine_similarity(embeddings, targets[None]).mean(),
    }


KINDS = {
    "mgda": {},
    "aligned_mtl": {},
    "random": {},
    "mgda by norm": {"normalise": "norm"},
    "mgda by loss": {"normalise": "loss"},
    "mgda by loss+norm": {"normalise": "loss+norm"},
    "mgda by initial loss": {"normalise": "initial_loss"},
}


def weights_of_a_share(rank, count, batch):
    # Each process draws its own, as for its own dropout.
    torch.manual_seed(rank)
    embeddings = batch.chunk(count)[rank].clone().requires_grad_()
    losses = objectives_of(embeddings)
    return {
        name: torch.stack(
            list(balance(name.split()[0], losses, **kind)(losses, [embeddings]).weights.values())
        )
        for name, kind in KINDS.items()
    }


def error_of_a_share(rank, count):
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, float("nan") if rank else 1.0])
    try:
        balance("mgda", losses)(losses, shared)
    except TrainingError as error:
        return str(error)


def test_processes_weigh_as_one_with_the_whole_batch(tmp_path):
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    whole = weights_of_a_share(0, 1, batch)
    shares = run_processes(weights_of_a_share, 2, tmp_path, batch)
    for name in set(KINDS) - {"random"}:
        assert len(whole[name].unique()) == 3
        for weights in shares:
            torch.testing.assert_close(weights[name], whole[name], rtol=1e-6, atol=1e-9)
    assert torch.equal(shares[0]["random"], shares[1]["random"])


def test_a_gradient_that_is_not_finite_in_one_process_stops_all(tmp_path):
    for error in run_processes(error_of_a_share, 2, tmp_path):
        assert error == "the gradient of the objective loss1 is not finite"


def test_uncertainty_starts_from_the_fixed_weights_and_adds_its_penalty():
    losses, shared = losses_with_gradients([1.0, 2.0], [0.5, 0.0])
    given = balance("uncertainty", losses, loss1=3.0)
    balanced = given(losses, shared)
    assert [weight.item() for weight in balanced.weights.values()] == [1, 3]
    assert not any(weight.requires_grad for weight in balanced.weights.values())
    # log(1 + c²) with c² = 1/2 for a weight of 1.
    penalty = torch.tensor(1.5).log().item()
    assert balanced.loss.item() == pytest.approx(3 + penalty + 3 * (0.5 + penalty))
    balanced.loss.backward()
    assert shared[0].grad.tolist() == [1 + 3 * 0.5, 2]
    # Of exp(v)·L + log(1 + exp(−v)/2) at v = 0: L − 1/3.
    assert given.uncertainty.log_weights.grad.tolist() == pytest.approx([3 - 1 / 3, 3 * (1 / 6)])


def test_learned_weights_are_reported_and_saved():
    losses, shared = losses_with_gradients([1.0, 2.0], [0.5, 0.0])
    first = balance("uncertainty", losses, loss1=3.0)
    with torch.no_grad():
        first.uncertainty.log_weights.copy_(torch.tensor([0.25, 2.0]).log())
    second = balance("uncertainty", losses, loss1=3.0)
    second.load_state_dict(first.state_dict())
    weights = second(losses, shared).weights
    assert [weight.item() for weight in weights.values()] == pytest.approx([0.25, 6])


def with_losses(gradients, losses):
    """Losses of these values and gradients."""
    linear, shared = losses_with_gradients(*gradients)
    return {
        name: loss - loss.detach() + value
        for (name, loss), value in zip(linear.items(), losses, strict=True)
    }, shared


@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        # Orthogonal gradients of lengths 1 and 2, losses 4 and 1.
        ("none", [4 / 5, 1 / 5]),
        # Both of length 1: α = 1/2, 1/2, which divided by 1 and 2 are as 2 to 1.
        ("norm", [2 / 3, 1 / 3]),
        # Of lengths 1/4 and 2: α = 64/65, 1/65, divided by 4 and 1.
        ("loss", [16 / 17, 1 / 17]),
        ("initial_loss", [16 / 17, 1 / 17]),
        # Of lengths 1/4 and 1: α = 16/17, 1/17, divided by 4·1 and 1·2.
        ("loss+norm", [8 / 9, 1 / 9]),
    ],
)
def test_normalised_mgda_by_hand(normalise, expected):
    losses, shared = with_losses([[1.0, 0.0], [0.0, 2.0]], [4.0, 1.0])
    balanced = balance("mgda", losses, normalise=normalise)(losses, shared)
    assert numbers(balanced.weights) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["mgda", "upgrad", "sum"])
@pytest.mark.parametrize("normalise", ["norm", "loss", "loss+norm", "initial_loss"])
def test_a_fixed_weight_cancels_where_gradients_are_normalised(name, normalise):
    losses, shared = with_losses(random_gradients(2, seed=3), [4.0, 1.0])
    plain, weighted = (
        balance(name, losses, normalise=normalise, loss1=weight)(losses, shared)
        for weight in (1.0, 5.0)
    )
    assert numbers(weighted.shares) == pytest.approx(numbers(plain.shares), rel=1e-4)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("normalise", ["norm", "loss", "loss+norm", "initial_loss"])
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_normalised_weights_are_those_of_divided_gradients(name, normalise, count):
    gradients = torch.tensor(random_gradients(count, seed=count, size=8), dtype=torch.float64)
    losses, shared = with_losses(gradients.tolist(), [1.0 + 2 * i for i in range(count)])
    divisors = torch.ones(count, dtype=torch.float64)
    if "norm" in normalise:
        divisors = divisors * gradients.norm(dim=1)
    if "loss" in normalise:
        divisors = divisors * torch.stack(list(losses.values())).detach()
    torch.manual_seed(0)
    found = shares(name, *(gradients / divisors[:, None]).tolist())
    torch.manual_seed(0)
    weights = balance(name, losses, normalise=normalise)(losses, shared).weights
    weights = torch.stack(list(weights.values()))
    assert weights.sum().item() == pytest.approx(found.sum().item(), rel=1e-5)
    direction, expected = weights @ gradients, (found / divisors) @ gradients
    torch.testing.assert_close(
        direction / direction.norm(), expected / expected.norm(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("seed", range(5))
def test_of_two_gradients_by_their_norms_mgda_gives_each_half(seed):
    gradients = (random_lengths(2, seed) * torch.tensor(random_gradients(2, seed))).tolist()
    losses, shared = losses_with_gradients(*gradients)
    balanced = balance("mgda", losses, normalise="norm")(losses, shared)
    assert numbers(balanced.shares) == pytest.approx([0.5, 0.5])


def test_imtl_g_does_not_see_norms():
    losses, shared = losses_with_gradients(*random_gradients(3, seed=3))
    plain, normalised = (
        numbers(balance("imtl_g", losses, normalise=normalise)(losses, shared).weights)
        for normalise in ("none", "norm")
    )
    assert normalised == pytest.approx(plain)


def test_weights_of_both_signs_that_cancel_are_no_step():
    gradients = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    divisors = torch.tensor([1.0, 2.0], dtype=torch.float64)
    found = torch.tensor([1.0, -2.0], dtype=torch.float64)
    given = weigh(lambda gramian: found, gradients @ gradients.T, divisors)
    assert given.tolist() == [0, 0]


def test_the_first_loss_stays_the_divisor_and_is_saved():
    first = with_losses([[1.0, 0.0], [0.0, 2.0]], [4.0, 0.0])
    later = with_losses([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0])
    last = with_losses([[1.0, 0.0], [0.0, 2.0]], [9.0, 9.0])
    weighed = balance("mgda", first[0], normalise="initial_loss")
    weighed(*first)
    # Only the second step tells the second loss.
    assert numbers(weighed(*later).weights) == pytest.approx([16 / 17, 1 / 17])
    resumed = balance("mgda", first[0], normalise="initial_loss")
    resumed.load_state_dict(weighed.state_dict())
    for each in (weighed, resumed):
        assert numbers(each(*last).weights) == pytest.approx([16 / 17, 1 / 17])


@pytest.mark.parametrize("normalise", ["loss", "loss+norm", "initial_loss"])
def test_nothing_is_divided_by_a_negative_loss(normalise):
    losses, shared = with_losses([[1.0, 0.0], [0.0, 2.0]], [4.0, -1.0])
    with pytest.raises(RecipeError, match=r"balance\.normalise: .*objectives\.loss1 is -1: choose"):
        balance("mgda", losses, normalise=normalise)(losses, shared)


@pytest.mark.parametrize("name", ["fixed", "uncertainty"])
def test_only_gradients_are_normalised(name):
    for key, value in (("normalise", "norm"), ("own_parameters", "weighted")):
        with pytest.raises(RecipeError, match=rf"balance\.{key}: {name} weighs no gradients"):
            BalanceSettings(name=name, **{key: value})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Lengths 1 and 2, the second weighed 3.
        ("fixed", [1 / 7, 6 / 7]),
        ("uncertainty", [1 / 7, 6 / 7]),
        # α = 36/37, 1/37 of lengths 1 and 6.
        ("mgda", [36 / 42, 6 / 42]),
        ("upgrad", [1 / 7, 6 / 7]),
    ],
)
def test_shares_are_of_the_gradients_as_weighed(name, expected):
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, 2.0])
    balanced = balance(name, losses, loss1=3.0)(losses, shared)
    assert numbers(balanced.shares) == pytest.approx(expected)
    assert not any(share.requires_grad for share in balanced.shares.values())


def test_shares_without_a_gradient_an_objective_or_a_measurement():
    losses, shared = losses_with_gradients([1.0, 0.0], [0.0, 0.0])
    assert numbers(balance("fixed", losses)(losses, shared).shares) == [1, 0]
    assert balance("fixed", losses)(losses, shared, measure=False).shares == {}
    assert numbers(balance("mgda", losses)(losses, shared, measure=False).shares) == [1, 0]
    nothing, shared = losses_with_gradients([0.0, 0.0], [0.0, 0.0])
    assert numbers(balance("fixed", nothing)(nothing, shared).shares) == [0, 0]
    alone, shared = losses_with_gradients([1.0, 0.0])
    assert balance("fixed", alone)(alone, shared).shares == {}
    overflown, shared = losses_with_gradients([1.0, 0.0], [0.0, float("inf")])
    assert balance("fixed", overflown)(overflown, shared).shares == {}


@pytest.mark.parametrize("own_parameters", ["full", "weighted"])
def test_own_parameters_take_their_loss_s_gradient_and_shared_ones_the_weighted(own_parameters):
    encoder = torch.ones(2, dtype=torch.float64, requires_grad=True)
    own = torch.ones(2, dtype=torch.float64, requires_grad=True)
    shared, gates = 2 * encoder, {"one": GradientGate(), "other": GradientGate()}
    seen = {name: gate(shared) for name, gate in gates.items()}
    losses = {"one": own[0] * seen["one"][0], "other": 2 * own[1] * seen["other"][1]}
    balanced = balance("mgda", losses, own_parameters=own_parameters)(losses, [shared])
    # Orthogonal gradients of lengths 1 and 2.
    assert numbers(balanced.weights) == pytest.approx([0.8, 0.2])
    for name, gate in gates.items():
        gate.weight = balanced.gates[name]
    balanced.loss.backward()
    assert encoder.grad.tolist() == pytest.approx([2 * 0.8, 2 * 0.2 * 2])
    weights = [1, 1] if own_parameters == "full" else [0.8, 0.2]
    assert own.grad.tolist() == pytest.approx([weights[0] * 2, weights[1] * 4])


@pytest.mark.parametrize("name", ["fixed", "mgda"])
def test_only_uncertainty_has_something_to_learn(name):
    assert not balance(name, {"one": None, "two": None}).state_dict()


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
    with pytest.raises(RecipeError, match=r"balance\.options: uncertainty weighs no .*none"):
        BalanceSettings(name="uncertainty", options={"c": 0.5})


def test_wrong_options_are_a_recipe_error():
    for options in ({"epsilom": 1.0}, {"epsilon": -1.0}):
        with pytest.raises(RecipeError, match=r"balance\.options: .* mgda: .*epsilo"):
            Balance(BalanceSettings(name="mgda", options=options), {})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("aligned_mtl", {"scale_mode": "x"}),
        ("upgrad", {"pref_vector": 0.5}),
        ("dualproj", {"projector": "x"}),
        ("mgda", {"max_iters": 0.5}),
        ("fairgrad", {"alpha": "x"}),
    ],
)
def test_options_that_torchjd_stumbles_over_in_use_are_a_recipe_error(name, options):
    before = torch.get_rng_state()
    with pytest.raises(RecipeError, match=rf"balance\.options: not those of {name}: "):
        Balance(BalanceSettings(name=name, options=options), {})
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("value", [10**12, -(10**12), 1e300, float("nan"), "x" * 101])
def test_options_have_limits(value):
    with pytest.raises(ValidationError):
        BalanceSettings(name="mgda", options={"max_iters": value})


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
    assert balance("fixed", losses)(losses, shared).weights["loss0"].item() == 1
    with pytest.raises(MissingExtraError, match=r"contravox\[train\]"):
        balance("mgda", losses)
