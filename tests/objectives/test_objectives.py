import copy

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from contravox.encoders.encoder import FeatureMap
from contravox.errors import RecipeError
from contravox.objectives import AnyObjectiveSettings, Objectives, Site
from contravox.objectives.functional import class_attention, supcon_loss

CHANNELS = (4, 6)
ATTENTIVE = {"name": "supcon", "attention": {"sigma": 0.2}}


def build(**recipe):
    settings = TypeAdapter(dict[str, AnyObjectiveSettings]).validate_python(recipe)
    torch.manual_seed(0)
    return Objectives(settings, Site(5, CHANNELS, classes=3, target_size=4))


@pytest.fixture
def segments(vectors, segments_of):
    embeddings, targets = vectors(6, 5).float().requires_grad_(), vectors(6, 4).float()
    return segments_of(embeddings, [0, 1, 2, 2, 1, 0], targets=targets)


@pytest.fixture
def maps(vectors):
    return [FeatureMap(vectors(6, c, 7).float(), torch.full((6,), 7)) for c in CHANNELS]


def test_every_objective_of_a_recipe_gives_a_scalar_that_reaches_the_encoder(segments, maps):
    names = ["aam_softmax", "am_softmax", "softmax", "adacos", "supcon", "nt_xent", "n_pairs"]
    names += ["triplet", "multiscale", "uniformity", "angular_contrastive", "angular_prototypical"]
    names += ["prototypical", "ge2e", "distillation", "sphereface2"]
    for feature in maps:
        feature.values.requires_grad_()
    objectives = build(**{f"my_{name}": {"name": name} for name in names})
    losses = objectives(segments._replace(map_vectors=objectives.map_vectors(maps)))
    assert losses.keys() == objectives.weights.keys() == {f"my_{name}" for name in names}
    reached = [segments.embeddings, *(feature.values for feature in maps)]
    for name, loss in losses.items():
        assert loss.shape == (), name
        gradients = torch.autograd.grad(loss, reached, retain_graph=True, materialize_grads=True)
        assert any(gradient.abs().max() > 0 for gradient in gradients), name


@pytest.mark.parametrize("order", [("classifier", "contrast"), ("contrast", "classifier")])
def test_attention_looks_at_the_classifier_wherever_it_stands(order, segments):
    recipe = {"classifier": {"name": "am_softmax"}, "contrast": ATTENTIVE}
    objectives = build(**{name: recipe[name] for name in order})
    prototypes = objectives.by_name["classifier"].prototypes
    attention = class_attention(segments.embeddings, segments.labels, prototypes, sigma=0.2)
    expected = supcon_loss(segments.embeddings, segments.labels, attention=attention)
    torch.testing.assert_close(objectives(segments)["contrast"], expected)


def test_prototypes_are_registered_once_and_a_copy_looks_at_its_own(segments):
    objectives = build(classifier={"name": "aam_softmax"}, contrast=ATTENTIVE)
    names = [name for name, _ in objectives.named_parameters(remove_duplicate=False)]
    assert names == ["by_name.classifier.prototypes"]
    copied = copy.deepcopy(objectives)
    before = objectives(segments)["contrast"]
    with torch.no_grad():
        copied.by_name["classifier"].prototypes.neg_()
    assert objectives(segments)["contrast"] == before
    assert copied(segments)["contrast"] != before


@pytest.mark.parametrize(
    "objective", [ATTENTIVE, {"name": "multiscale", "contrast": ATTENTIVE}], ids=["flat", "nested"]
)
def test_attention_without_a_classifier(objective):
    message = r"objectives\.contrastive\.attention needs a classifier .*add an aam_softmax"
    with pytest.raises(RecipeError, match=message):
        build(contrastive=objective)


def test_errors_name_the_objective(segments):
    with pytest.raises(RecipeError, match=r"objectives\.scales\.maps: \[5\]"):
        build(scales={"name": "multiscale", "maps": [5]})
    with pytest.raises(RecipeError, match=r"objectives\.spread: needs the same number of segments"):
        build(spread={"name": "uniformity"})(
            segments._replace(labels=torch.tensor([0, 0, 0, 1, 1, 2]))
        )


def test_margin_share_moves_every_margin_there_is(segments, maps):
    def with_margins(share):
        return build(
            angular={
                "name": "aam_softmax",
                "margin": share * 0.4,
                "hard_negatives": 1,
                "hard_negative_margin": share * 0.08,
            },
            cosine={"name": "am_softmax", "margin": share * 0.2},
            binary={"name": "sphereface2", "margin": share * 0.2},
            contrast={"name": "supcon", "margin": share * 0.1},
            pairs={"name": "nt_xent", "margin": share * 0.3},
            plain={"name": "softmax"},
            adaptive={"name": "adacos"},
            triplets={"name": "triplet", "margin": 0.4},
            scales={"name": "multiscale", "contrast": {"name": "supcon", "margin": share * 0.5}},
        ).eval()

    def losses_of(objectives):
        return objectives(segments._replace(map_vectors=objectives.map_vectors(maps)))

    objectives, before = with_margins(1), losses_of(with_margins(1))
    for share in (0.5, 0.25):  # of the recipe's margins, not of the last ones
        objectives.set_margin_share(share)
        after = losses_of(objectives)
        torch.testing.assert_close(after, losses_of(with_margins(share)))
        moved = {name for name in before if before[name] != after[name]}
        assert moved == {"angular", "cosine", "binary", "contrast", "pairs", "scales"}


def test_only_what_is_trained_by_distance_alone_is_compared_by_it():
    assert build(one={"name": "prototypical"}).comparison == "Euclidean distance"
    both = {"one": {"name": "prototypical"}, "two": {"name": "angular_prototypical"}}
    assert build(**both).comparison == "cosine"
    assert build(one={"name": "softmax"}).comparison == "cosine"


@pytest.mark.parametrize("name", ["softmax", "adacos", "sphereface2"])
def test_attention_looks_at_any_classifier(name, segments):
    objectives = build(contrast=ATTENTIVE, classifier={"name": name})
    prototypes = objectives.by_name["classifier"].prototypes
    attention = class_attention(segments.embeddings, segments.labels, prototypes, sigma=0.2)
    expected = supcon_loss(segments.embeddings, segments.labels, attention=attention)
    torch.testing.assert_close(objectives(segments)["contrast"], expected)


def test_attention_with_sub_centres(segments):
    objectives = build(contrast=ATTENTIVE, classifier={"name": "aam_softmax", "sub_centres": 2})
    prototypes = objectives.by_name["classifier"].prototypes
    assert prototypes.shape == (3, 2, 5)
    attention = class_attention(segments.embeddings, segments.labels, prototypes, sigma=0.2)
    expected = supcon_loss(segments.embeddings, segments.labels, attention=attention)
    torch.testing.assert_close(objectives(segments)["contrast"], expected)


def test_maps_apart_are_objectives_of_their_own_that_add_up_to_the_same(segments, maps):
    scales = {"name": "multiscale", "weight": 0.5, "map_weights": [1, 3]}
    whole, apart = build(scales=scales), build(scales=scales | {"separate": True})
    assert apart.weights == {"scales.map0": 0.25, "scales.map1": 0.75}
    given = segments._replace(map_vectors=whole.map_vectors(maps))
    losses = apart(given)
    assert losses.keys() == apart.weights.keys()
    total = sum(apart.weights[name] * loss for name, loss in losses.items())
    torch.testing.assert_close(total, 0.5 * whole(given)["scales"])


def test_only_losses_of_single_segments_are_of_this_process_alone(segments):
    everywhere = segments._replace(
        embeddings=torch.cat([segments.embeddings, segments.embeddings.roll(1, dims=0)]),
        labels=segments.labels.repeat(2),
        views=torch.cat([segments.views, segments.views + 2]),
    )
    single = ["aam_softmax", "am_softmax", "softmax", "sphereface2"]
    names = [*single, "adacos", "supcon", "nt_xent", "triplet", "uniformity", "ge2e"]
    objectives = build(**{f"my_{name}": {"name": name} for name in names}).eval()
    here, all_of_them = objectives(segments), objectives(everywhere)
    both = objectives(segments, everywhere)
    for name in names:
        expected = here if name in single else all_of_them
        assert both[f"my_{name}"] == expected[f"my_{name}"], name
        assert here[f"my_{name}"] != all_of_them[f"my_{name}"] or name == "adacos", name


@pytest.mark.parametrize("name", ["a.b", "forward", "keys", "1st", ""])
def test_refuses_names_that_a_module_cannot_have(name):
    with pytest.raises(RecipeError, match="cannot be an objective's name"):
        build(**{name: {"name": "supcon"}})


def test_refuses_no_objective():
    with pytest.raises(RecipeError, match="none is named"):
        build()


@pytest.mark.parametrize(
    "objective",
    [
        {"name": "supcom"},
        {"name": "supcon", "temprature": 0.1},
        {"name": "supcon", "temperature": 0},
        {"name": "supcon", "attention": {"form": "weights"}},
        {"name": "supcon", "margin": -0.1},
        {"name": "supcon", "margin": 1.6},
        {"name": "nt_xent", "margin": -0.1},
        {"name": "nt_xent", "margin": 2.1},
        {"name": "triplet", "margin": -0.1},
        {"name": "triplet", "margin": 4.1},
        {"name": "uniformity", "t": 0},
        {"name": "aam_softmax", "margin": -0.1},
        {"name": "aam_softmax", "margin": 1.6},
        {"name": "aam_softmax", "hard_negative_margin": -0.1},
        {"name": "aam_softmax", "hard_negative_margin": 1.6},
        {"name": "am_softmax", "margin": -0.1},
        {"name": "am_softmax", "margin": 2.1},
        {"name": "am_softmax", "hard_negatives": -1},
        {"name": "am_softmax", "sub_centres": 0},
        {"name": "softmax", "margin": 0.2},
        {"name": "multiscale", "maps": [-1]},
    ],
)
def test_settings_refuse_what_makes_no_sense(objective):
    with pytest.raises(ValidationError):
        build(contrast=objective)
