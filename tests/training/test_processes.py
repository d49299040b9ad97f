"""Training in two processes, as torchrun starts them: what they learn, write, say and refuse."""

import json
import os
import re
import shutil
import signal
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch

from contravox.cli import main
from contravox.data.sampling import RandomUtterancesSettings, Sampler, SpeakersUtterancesSettings
from contravox.errors import ContravoxError, TrainingWarning
from contravox.training.log import read_log
from contravox.training.processes import (
    any_of,
    leads,
    mean_of,
    random_states,
    restore_random_state,
    share_of,
    warn_of_shared_store,
)
from contravox.training.recipe import Recipe
from contravox.training.trainer import Trainer
from processes import run_processes

ECAPA = {
    "name": "ecapa_tdnn",
    "channels": 16,
    "scale": 2,
    "aggregation": 24,
    "bottleneck": 8,
    "embedding_size": 8,
}
CONFORMER = {
    "name": "mfa_conformer",
    "blocks": 2,
    "size": 16,
    "heads": 2,
    "feed_forward": 16,
    "dropout": 0,
    "embedding_size": 8,
}
AAM = {"name": "aam_softmax", "weight": 0.2}
SAME = {
    "attended": {
        "encoder": ECAPA,
        "objectives": {"classes": AAM, "contrast": {"name": "supcon", "attention": {}}},
        "balance": {"name": "mgda"},
    },
    "multiscale": {
        "encoder": ECAPA,
        "objectives": {
            "classes": AAM,
            "contrast": {"name": "multiscale", "weight": 0.3, "separate": True, "head_size": 6},
        },
        "balance": {"name": "mgda"},
    },
    "views": {
        "encoder": ECAPA,
        "objectives": {
            "uniformity": {"name": "uniformity"},
            "similarity": {"name": "angular_contrastive"},
        },
    },
    # The embedding, and what the encoder does for it alone, are left without a gradient; and some
    # segments have their positives in the other process, some none at all.
    "maps alone": {
        "sampler": {"name": "random_utterances", "utterances": 16},
        "encoder": CONFORMER,
        "objectives": {"contrast": {"name": "multiscale", "head_size": 6}},
    },
}
"""Nothing random but the batches, so that one process can take the same steps."""
RANDOM = {
    "sampler": {"name": "speakers_utterances", "speakers": 4, "utterances": 2},
    "augmentation": {},
    "spec_augment": {},
    "encoder": {**CONFORMER, "dropout": 0.2},
    "objectives": SAME["attended"]["objectives"],
}
CHUNKS = {"multiscale": {"chunk_size": 4}}
"""Of a batch of 16 two for each of two processes, elsewhere one."""
ERRORS = {
    "a batch": (
        {"sampler": {"name": "speakers_utterances", "speakers": 5, "utterances": 1}},
        {},
        "none",
        r"RecipeError: sampler: 2 processes cannot share a batch of 5 segments equally: set it",
    ),
    "batch normalisation": (
        {},
        {"sync_batchnorm": True},
        "none",
        r"RecipeError: training\.sync_batchnorm: torch synchronises .* on GPUs only: set it",
    ),
    "an utterance": ({}, {}, "unread", r"TrainingError: .*/file: cannot be read as audio"),
    "an output": ({}, {}, "file/run", r"OutputError: .*/recipe\.yaml: cannot be written"),
    "an embedding": (
        {},
        {},
        "embedding",
        r"TrainingError: step 0: the encoder's embedding is not finite on s\d+/.* and 5 more",
    ),
    "a gradient": (
        {},
        {},
        "gradient",
        r"TrainingError: step 0: the gradient's norm is \w+ on s\d+/.* and 5 more",
    ),
}
"""What goes wrong: the recipe, its training, the folder trained into, and what is raised."""


def make_recipe(corpus, changes, **training):
    return Recipe.model_validate(
        {
            "data": {
                "manifest": corpus / "train" / "manifest.tsv",
                "segment_seconds": 0.4,
                "workers": 0,
            },
            "sampler": {"name": "speakers_utterances", "speakers": 8, "utterances": 2},
            "features": {"bins": 20},
            **changes,
            "training": {
                "epochs": 1,
                # Adam would divide the rounding of a gradient that is zero by itself.
                "optimiser": {"name": "sgd", "learning_rate": 0.1},
                # Steps so short that rounding stays as small as it is.
                "gradient_clip": 0.1,
                **training,
            },
        }
    )


def two_epochs(corpus):
    """Randomness everywhere, and validation."""
    recipe = make_recipe(
        corpus, RANDOM, epochs=2, checkpoint_steps=1, optimiser={"learning_rate": 0.01}
    )
    trials = corpus / "validation" / "trials.tsv"
    data = recipe.data.model_copy(update={"validation_trials": (trials,)})
    return recipe.model_copy(update={"data": data})


def in_two_processes(rank, count, corpus, folder):
    """Everything of this file that needs two processes; starting them is what takes the time."""
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test",
        **{name: str(rank) for name in ("RANK", "LOCAL_RANK")},
        **{name: str(count) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE")},
    }
    return {
        "numbers": numbers(rank),
        "parameters": {name: parameters(corpus, folder, name) for name in SAME},
        "left out": left_out_parameters(corpus, folder, "left out"),
        "sampled": sampled_parameters(corpus, folder, "sampled"),
        "steps": interrupt_and_resume(rank, corpus, folder),
        "errors": {name: error_of(corpus, folder, name) for name in ERRORS},
        "done": [command(folder / "recipe.yaml", folder / "command") for _ in range(2)],
    }


def numbers(rank):
    fabric = SimpleNamespace(world_size=2, device=torch.device("cpu"))
    own = torch.tensor([1.0, 2.0 + rank])
    torch.manual_seed(rank)
    states = random_states()
    torch.manual_seed(10 + rank)
    drawn = []
    for restored in (states[:1], states):
        restore_random_state(restored)
        drawn.append(torch.rand(1).item())
    return {
        "leads": leads(),
        "mean": mean_of(own, fabric).tolist(),
        "own": own.tolist(),
        "any": [any_of(flag, fabric) for flag in (False, rank == 1, True)],
        "drawn": drawn,
    }


def parameters(corpus, folder, name):
    """What training on SAME leads to."""
    trainer = Trainer(make_recipe(corpus, SAME[name], **CHUNKS.get(name, {})), folder / name)
    trainer.fit()
    return {key: value.detach() for key, value in trainer.module.module.named_parameters()}


def left_out_parameters(corpus, folder, run, **training):
    """What training leads to where an utterance cannot be read."""
    recipe = make_recipe(corpus, SAME["attended"], epochs=2, **training)
    data = recipe.data.model_copy(
        update={"manifest": (folder / "broken.tsv",), "unreadable_share": 0.1}
    )
    trainer = Trainer(recipe.model_copy(update={"data": data}), folder / run)
    trainer.fit()
    assert len(trainer.left_out) == 1
    return {key: value.detach() for key, value in trainer.module.module.named_parameters()}


def sampled_parameters(corpus, folder, run, **training):
    """What training leads to where positives are sampled in its last epoch."""
    raw = make_recipe(corpus, SAME["views"], epochs=2, **training).model_dump()
    raw["data"]["labels"] = "utterance"
    positives = {"from_epoch": 1, "neighbours": 2}
    pairs = {"name": "random_utterances", "utterances": 8, "segments": 2, "positives": positives}
    raw["sampler"] = pairs
    trainer = Trainer(Recipe.model_validate(raw), folder / run)
    trainer.fit()
    return {key: value.detach() for key, value in trainer.module.module.named_parameters()}


def interrupt_and_resume(rank, corpus, folder):
    """The steps after which this process stopped, and after which it ended, twice resumed."""
    recipe = two_epochs(corpus)
    Trainer(recipe, folder / "whole").fit()
    stopped = Trainer(recipe, folder / "cut")
    passes = []

    def press_in_one(*arguments):
        passes.append(arguments)
        if len(passes) == 4 and rank == 1:
            signal.raise_signal(signal.SIGINT)

    stopped.module.register_forward_hook(press_in_one)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit()
    if rank == 0:
        shutil.copytree(folder / "cut", folder / "cut for one")
    resumed, from_one = (Trainer(recipe, folder / name) for name in ("cut", "cut by one"))
    resumed.fit(resume=True)
    from_one.fit(resume=True)
    return [trainer.progress.step for trainer in (stopped, resumed, from_one)]


def error_of(corpus, folder, name):
    """What this process raised."""
    with pytest.raises(ContravoxError) as caught:
        train_wrongly(corpus, folder, name)
    return f"{caught.type.__name__}: {caught.value}"


def train_wrongly(corpus, folder, name):
    changes, training, run, _ = ERRORS[name]
    recipe = make_recipe(corpus, RANDOM | changes, **training)
    if name == "an utterance":
        data = recipe.data.model_copy(update={"manifest": (folder / "broken.tsv",)})
        recipe = recipe.model_copy(update={"data": data})
    trainer = Trainer(recipe, folder / run)
    weight = next(trainer.module.model.encoder.parameters())
    if name == "an embedding" and not leads():
        with torch.no_grad():
            weight.fill_(float("nan"))
    if name == "a gradient" and not leads():
        weight.register_hook(lambda gradient: gradient * float("inf"))
    trainer.fit()


def command(recipe, output):
    """Exit status and streams of the command that trains."""
    sys.argv = ["contravox", "train", str(recipe), "-o", str(output), "--json"]
    out, errors = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0, out.getvalue(), errors.getvalue()


@pytest.fixture(scope="module")
def folder(corpus, tmp_path_factory):
    """Where the two processes train, with what they need there."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "file").write_text("in the way")
    (folder / "recipe.yaml").write_text(make_recipe(corpus, RANDOM).to_yaml())
    table = pl.read_csv(corpus / "train" / "manifest.tsv", separator="\t")
    last = pl.int_range(pl.len()) == len(table) - 1
    table = table.with_columns(
        path=pl.when(last).then(pl.lit(str(folder / "file"))).otherwise("path")
    )
    table.write_csv(folder / "broken.tsv", separator="\t")
    trainer = Trainer(
        two_epochs(corpus),
        folder / "cut by one",
        progress=lambda done, *_: signal.raise_signal(signal.SIGINT) if done == 4 else None,
    )
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    return folder


@pytest.fixture(scope="module")
def both(corpus, folder):
    """What each of the two processes returned."""
    return run_processes(in_two_processes, 2, folder, corpus, folder)


def losses_of(folder):
    return [entry["losses"] for entry in read_log(folder) if "losses" in entry]


@pytest.mark.parametrize("name", SAME)
def test_two_processes_learn_what_one_learns_in_chunks(name, both, folder, corpus, tmp_path):
    # Batch normalisation then takes its statistics from the same segments.
    recipe = make_recipe(corpus, SAME[name], **CHUNKS.get(name, {"chunk_size": 8}))
    trainer = Trainer(recipe, tmp_path)
    initial = {
        key: value.detach().clone() for key, value in trainer.module.module.named_parameters()
    }
    trainer.fit()
    losses, shared = losses_of(tmp_path), losses_of(folder / name)
    assert len(losses) == len(shared) >= 2
    for one, two in zip(losses, shared, strict=True):
        assert two == pytest.approx(one, rel=1e-5, abs=1e-6)
    for one, two in zip(read_log(tmp_path), read_log(folder / name), strict=True):
        assert two["weights"] == pytest.approx(one["weights"], rel=1e-4)
        assert two["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-4)
        assert two["positive_share"] == one["positive_share"]
    moved = 0.0
    for key, value in trainer.module.module.named_parameters():
        moved = max(moved, (value - initial[key]).abs().max().item())
        for returned in both:
            torch.testing.assert_close(returned["parameters"][name][key], value)
    assert moved > 5e-4


@pytest.mark.filterwarnings("ignore::contravox.errors.TrainingWarning")
def test_two_processes_leave_out_what_one_does(both, corpus, folder):
    alone = left_out_parameters(corpus, folder, "left out by one", chunk_size=8)
    for returned in both:
        for key, value in alone.items():
            torch.testing.assert_close(returned["left out"][key], value)
    assert (folder / "left out" / "unreadable.tsv").read_text() == (
        folder / "left out by one" / "unreadable.tsv"
    ).read_text()


def test_two_processes_sample_the_positives_that_one_does(both, corpus, folder):
    alone = sampled_parameters(corpus, folder, "sampled by one", chunk_size=8)
    for returned in both:
        for key, value in alone.items():
            torch.testing.assert_close(returned["sampled"][key], value)
    told = [
        [entry["sampled_positives"] for entry in read_log(folder / run) if len(entry) == 2]
        for run in ("sampled", "sampled by one")
    ]
    assert told[0] == told[1]
    assert told[0][0]["share"] > 0


def test_resumed_in_two_processes_is_as_never_stopped(both, folder):
    # Ctrl-C reached one of them; both stopped after the same step.
    assert [returned["steps"] for returned in both] == [[4, 12, 12]] * 2
    whole, cut = (
        torch.load(folder / name / "checkpoint.pt", weights_only=True) for name in ("whole", "cut")
    )
    assert whole["system"].keys() == cut["system"].keys()
    for name, value in whole["system"].items():
        assert value.equal(cut["system"][name]), name
    # Each had its own dropout and masks.
    first, second = whole["random_states"]
    assert not first["cpu"].equal(second["cpu"])
    timeless = [
        [{k: v for k, v in entry.items() if k != "time"} for entry in read_log(folder / name)]
        for name in ("whole", "cut")
    ]
    assert timeless[0] == timeless[1]
    assert {path.name for path in (folder / "whole").iterdir()} == {
        *("checkpoint.pt", "log.jsonl", "recipe.yaml", "tensorboard"),
        *("model.safetensors", "objectives.safetensors", "trained_on.txt"),
    }


def test_as_many_processes_need_not_resume_as_were_stopped(both, folder, corpus):
    trainer = Trainer(two_epochs(corpus), folder / "cut for one")
    trainer.fit(resume=True)
    for name in ("cut for one", "cut by one"):
        assert len(losses_of(folder / name)) == trainer.progress.step == 12


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_of_one_is_raised_in_both(name, both, folder):
    first, second = (returned["errors"][name] for returned in both)
    assert re.match(ERRORS[name][3], first)
    assert "\n" not in first
    assert first == second
    assert not (folder / ERRORS[name][2] / "checkpoint.pt").exists()


def test_only_the_first_speaks(both):
    (first, again), (silent, silent_again) = (returned["done"] for returned in both)
    assert (first[0], first[2]) == (0, "")
    assert json.loads(first[1])["steps"] == 6
    assert silent == (0, "", "")
    assert again[0] == 2
    assert again[2].startswith("error: ")
    assert again[2].count("\n") == 1
    assert silent_again == (2, "", "")


def test_means_flags_and_random_numbers_of_two(both):
    for rank, returned in enumerate(both):
        numbers = returned["numbers"]
        assert numbers["leads"] == (rank == 0)
        assert numbers["mean"] == [1.0, 2.5]
        assert numbers["own"] == [1.0, 2.0 + rank]
        assert numbers["any"] == [False, True, True]
        # The second process had no state among those of one.
        for drawn, seed in zip(numbers["drawn"], [0 if rank == 0 else 11, rank], strict=True):
            torch.manual_seed(seed)
            assert drawn == torch.rand(1).item()


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize(
    "settings",
    [
        RandomUtterancesSettings(utterances=6, segments=2),
        SpeakersUtterancesSettings(speakers=2, utterances=3, segments=2),
    ],
)
def test_processes_read_every_segment_of_a_batch_once(settings, count):
    for batch in Sampler(settings, np.arange(30) % 5).batches(0):
        shares = [
            share_of(batch, SimpleNamespace(world_size=count, global_rank=rank))
            for rank in range(count)
        ]
        assert {len(share) for share in shares} == {settings.batch_size // count}
        assert [request for share in shares for request in share] == batch


def test_a_variable_of_a_cluster_starts_no_processes(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    trainer = Trainer(make_recipe(corpus, RANDOM), tmp_path)
    assert leads()
    assert trainer.fabric.world_size == 1


MACHINES_THAT_RESTART = {
    "TORCHELASTIC_RUN_ID": "a",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCHELASTIC_MAX_RESTARTS": "6",
    "GROUP_WORLD_SIZE": "2",
    "RANK": "0",
}


def warnings_of_store(monkeypatch, **changed):
    for name, value in (MACHINES_THAT_RESTART | changed).items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings(record=True, action="always", category=TrainingWarning) as caught:
        warn_of_shared_store()
    return [str(each.message) for each in caught]


def test_machines_whose_restart_may_hang_are_warned_once(monkeypatch):
    [message] = warnings_of_store(monkeypatch)
    assert "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TORCHELASTIC_USE_AGENT_STORE", "False"),
        ("TORCHELASTIC_MAX_RESTARTS", "0"),
        ("GROUP_WORLD_SIZE", "1"),
        ("RANK", "1"),
    ],
)
def test_machines_that_cannot_hang_are_not_warned(monkeypatch, name, value):
    assert warnings_of_store(monkeypatch, **{name: value}) == []
