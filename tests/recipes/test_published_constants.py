"""Full-size recipes have the constants of their papers, and where these are silent of their codes.

AAM-SupCon: Li, Mak, Meng 2023 (arXiv 2210.16622), Li and Mak 2022 (arXiv 2210.16636). MFCon: Dixit
et al. 2024 (arXiv 2410.05037). CEL: Mun et al. 2020 (arXiv 2010.11433).
"""

from functools import cache

import pytest

from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_recipes

AAM_SUPCON = {
    "data.segment_seconds": 2.0,
    "data.placement": "together",
    "sampler.segments": 5,
    "augmentation.views": ("clean", "reverberation", "babble", "music", "ambient"),
    "augmentation.ambient_snr": (0, 15),
    "augmentation.music_snr": (5, 15),
    "augmentation.babble_snr": (13, 20),
    "augmentation.babble_voices": (3, 8),
    "augmentation.babble_ratio": "each",
    "features.bins": 80,
    "spec_augment.time_masks": 1,
    "spec_augment.time_width": 7,
    "spec_augment.frequency_masks": 1,
    "spec_augment.frequency_width": 9,
    "encoder.name": "ecapa_tdnn",
    "encoder.channels": 1024,
    "encoder.attention_size": 256,
    "encoder.attention_norm": True,
    "encoder.embedding_norm": True,
    "encoder.embedding_size": 192,
    "objectives.classification.name": "aam_softmax",
    "objectives.classification.margin": 0.2,
    "objectives.classification.scale": 30,
    "objectives.contrast.name": "supcon",
    "objectives.contrast.temperature": 0.07,
    "objectives.contrast.margin": 0.2,
    "objectives.contrast.attention.sigma": 0.18,
    "training.optimiser.name": "sgd",
    "training.optimiser.learning_rate": 0.01,
    "training.optimiser.momentum": 0.9,
    "training.optimiser.weight_decay": 1e-4,
    "training.schedule.factor": 0.97,
    "training.schedule.every": 1,
}
MFA_CONFORMER = {
    "data.speakers": 1211,
    "data.segment_seconds": 3.0,
    "sampler.name": "random_utterances",
    "sampler.utterances": 200,
    "sampler.segments": 1,
    "augmentation": None,
    "features.bins": 80,
    "features.normalisation": "mean",
    "encoder.name": "mfa_conformer",
    "encoder.blocks": 6,
    "encoder.size": 256,
    "encoder.heads": 4,
    "encoder.feed_forward": 2048,
    "encoder.kernel_size": 15,
    "encoder.attention_norm": True,
    "encoder.embedding_size": 192,
    "objectives.classification.name": "am_softmax",
    "objectives.classification.margin": 0.2,
    "objectives.classification.scale": 30,
    "balance.name": "fixed",
    "training.epochs": 30,
    "training.optimiser.name": "adam",
    "training.optimiser.learning_rate": 1e-3,
    "training.optimiser.weight_decay": 1e-7,
    "training.schedule.name": "step",
    "training.schedule.warmup_steps": 2000,
    "training.schedule.factor": 0.5,
    "training.schedule.every": 4,
}
MFCON = MFA_CONFORMER | {
    "objectives.contrast.name": "multiscale",
    "objectives.contrast.weight": 0.01,
    "objectives.contrast.maps": "all",
    "objectives.contrast.head_size": 192,
    "objectives.contrast.global_context": True,
    "objectives.contrast.attention_norm": True,
    "objectives.contrast.contrast.name": "supcon",
    "objectives.contrast.contrast.temperature": 0.07,
    "objectives.contrast.contrast.margin": 0,
}
FAST_RESNET34 = {
    "features.bins": 40,
    "features.normalisation": "mean_variance",
    "encoder.name": "fast_resnet34",
    "encoder.channels": 16,
    "encoder.blocks": (3, 4, 6, 3),
    "encoder.relu_before_norm": True,
    "encoder.squeeze_excitation": True,
    "encoder.embedding_size": 512,
    "balance.name": "fixed",
    "training.optimiser.name": "adam",
    "training.optimiser.learning_rate": 1e-3,
    "training.schedule.name": "step",
    "training.schedule.every": 10,
}
CEL = FAST_RESNET34 | {
    "data.labels": "utterance",
    "data.segment_seconds": 1.8,
    "data.placement": "apart",
    "sampler.utterances": 200,
    "sampler.segments": 2,
    "augmentation.clean": 0,
    "augmentation.noise": 0,
    "augmentation.reverberation": 0,
    "augmentation.both": 1,
    "augmentation.ambient_snr": (0, 15),
    "augmentation.music_snr": (5, 15),
    "augmentation.babble_snr": (13, 20),
    "augmentation.babble_voices": (1, 1),
    "objectives.uniformity.t": 2,
    "objectives.uniformity.weight": 1,
    "objectives.uniformity.pairs": "within_views",
    "objectives.similarity.weight": 1,
    "training.epochs": 500,
    "training.schedule.factor": 0.95,
}
FINE_TUNED = FAST_RESNET34 | {
    "data.labels": "speaker",
    "data.segment_seconds": 3.0,
    "augmentation": None,
    "training.epochs": 200,
    "training.schedule.factor": 0.9,
}
PERTURBED = {
    "data.speakers": 5994,
    "data.speeds": (0.9, 1.1),
    "sampler.utterances": 256,
    "features.bins": 80,
    "features.normalisation": "mean",
    "objectives.classification.name": "aam_softmax",
    "objectives.classification.margin": 0.2,
    "objectives.classification.scale": 32,
    "training.optimiser.name": "sgd",
    "training.optimiser.learning_rate": 0.1,
    "training.optimiser.momentum": 0.9,
    "training.optimiser.weight_decay": 1e-4,
}
PUBLISHED = {
    "aamsupcon_cnceleb": AAM_SUPCON | {"data.speakers": 2793},
    "aamsupcon_voxceleb1": AAM_SUPCON | {"data.speakers": 1211},
    "mfa_conformer_voxceleb1": MFA_CONFORMER,
    "mfcon_voxceleb1": MFCON,
    "mfcon_ecapa_voxceleb1": {
        name: value for name, value in MFCON.items() if not name.startswith("encoder.")
    }
    | {
        "encoder.name": "ecapa_tdnn",
        "encoder.channels": 1024,
        "encoder.embedding_size": 192,
    },
    "cel_voxceleb2": CEL
    | {"data.speakers": 5994, "objectives.similarity.name": "angular_contrastive"},
    "cel_prototypical_voxceleb2": CEL
    | {"data.speakers": 5994, "objectives.similarity.name": "angular_prototypical"},
    "cel_finetune_voxceleb1": FINE_TUNED
    | {
        "data.speakers": 1211,
        "sampler.speakers": 250,
        "sampler.utterances": 2,
        "objectives.similarity.name": "angular_prototypical",
    },
    "cel_finetune_voxceleb2": FINE_TUNED
    | {
        "data.speakers": 5994,
        "sampler.utterances": 250,
        "sampler.segments": 1,
        "objectives.classification.name": "aam_softmax",
        "objectives.classification.margin": 0.2,
        "objectives.classification.scale": 30,
    },
    # Not of the three papers: Thienpondt et al. 2021 (arXiv 2010.11255) and WeSpeaker.
    "large_margin_voxceleb1": {
        "data.segment_seconds": 6.0,
        "objectives.classification.margin": 0.5,
        "objectives.classification.scale": 32,
        "training.epochs": 5,
        "training.optimiser.learning_rate": 1e-4,
        "training.schedule.final": 0.25,
    },
    # Wang et al. 2023 (arXiv 2303.00332) and 3D-Speaker; WeSpeaker. Both speeds in each epoch.
    "cam_plus_plus_voxceleb2": PERTURBED
    | {
        "data.segment_seconds": 3.0,
        "features.window": "povey",
        "encoder.name": "cam_plus_plus",
        "encoder.front_channels": 32,
        "encoder.channels": 128,
        "encoder.growth": 32,
        "encoder.bottleneck": 128,
        "encoder.layers": (12, 24, 16),
        "encoder.embedding_size": 512,
        "training.epochs": 60 / 3,
        "training.schedule.name": "cosine",
        "training.schedule.warmup_steps": 5 * (1_092_009 // 256 + 1),
        "training.schedule.final": 1e-3,
        "training.margin_schedule.start": 15 / 3,
    },
    "resnet34_voxceleb2": PERTURBED
    | {
        "data.segment_seconds": 2.0,
        "features.window": "hamming",
        "encoder.name": "resnet34",
        "encoder.channels": 32,
        "encoder.blocks": (3, 4, 6, 3),
        "encoder.embedding_size": 256,
        "training.epochs": 150 / 3,
        "training.schedule.name": "exponential",
        "training.schedule.warmup_steps": 6 * (1_092_009 // 256 + 1),
        "training.schedule.final": 5e-4,
    },
    # Published nowhere; its parts are.
    "cel_mfa_conformer_voxceleb2": {
        name: CEL[name]
        for name in (
            "data.labels",
            "data.segment_seconds",
            "sampler.utterances",
            "sampler.segments",
            "objectives.uniformity.t",
            "objectives.uniformity.pairs",
            "training.optimiser.learning_rate",
        )
    },
    "combined_voxceleb2": {
        "data.segment_seconds": MFCON["data.segment_seconds"],
        "objectives.classification.margin": AAM_SUPCON["objectives.classification.margin"],
        "objectives.classification.scale": AAM_SUPCON["objectives.classification.scale"],
        "objectives.contrast.contrast.temperature": MFCON[
            "objectives.contrast.contrast.temperature"
        ],
        "objectives.contrast.contrast.margin": AAM_SUPCON["objectives.contrast.margin"],
        "objectives.contrast.contrast.attention.sigma": 0.18,
        "training.optimiser.learning_rate": MFCON["training.optimiser.learning_rate"],
        "training.schedule.warmup_steps": MFCON["training.schedule.warmup_steps"],
    },
}


read = cache(Recipe.read)


def test_every_full_size_recipe_is_held_to_its_papers():
    assert PUBLISHED.keys() == {name for name in shipped_recipes() if "/" not in name}


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [(name, key, value) for name, of_one in PUBLISHED.items() for key, value in of_one.items()],
)
def test_a_recipe_has_the_published_constants(name, key, value):
    held = read(name)
    for part in key.split("."):
        held = held[part] if isinstance(held, dict) else getattr(held, part)
    assert held == value


@pytest.mark.parametrize("name", ["aamsupcon_cnceleb", "aamsupcon_voxceleb1"])
def test_batches_are_the_published_3072_to_what_processes_can_share(name):
    assert abs(Recipe.read(name).sampler.batch_size - 3072) <= 8
