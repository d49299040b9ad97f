"""The training loop."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import torch
from lightning_fabric.plugins import Precision

from contravox.data.batch import Batch
from contravox.data.dataset import Unreadable
from contravox.data.pending_batch import PendingBatch
from contravox.data.sampling import SegmentRequest
from contravox.errors import CheckpointError, TrainingError
from contravox.evaluation.validation import Validation, read_validation, validate
from contravox.files.writing import write_text
from contravox.model import Model
from contravox.objectives import positive_shares
from contravox.objectives.segments import gather
from contravox.trained_on import write_recordings
from contravox.training.bfloat16 import warn_of_imitated_bfloat16
from contravox.training.checkpoint import NAME as CHECKPOINT
from contravox.training.checkpoint import Progress, read_checkpoint, restore, save_checkpoint
from contravox.training.epoch import positives_in_epoch, positives_in_words
from contravox.training.initial_run import begin_from, inherited_from
from contravox.training.inputs import input_digests
from contravox.training.interrupt import Interrupt, deferred_interrupt
from contravox.training.left_out import NAME as UNREADABLE
from contravox.training.left_out import LeftOut
from contravox.training.loader import read_batches, readers_that_live
from contravox.training.log import Log, NoLog, TrainingLog
from contravox.training.optimiser import make_optimiser
from contravox.training.processes import (
    any_of,
    check_recipe_of_processes,
    errors_of_any,
    join_processes,
    leads,
    mean_of,
    processes_that_live,
    random_states,
    restarted,
)
from contravox.training.recipe import Recipe
from contravox.training.shares import EVERY, ShareWatch, mean_shares
from contravox.training.shipped import RECIPE
from contravox.training.size import check_size
from contravox.training.speaker_centroids import SpeakerCentroids
from contravox.training.start import start_module
from contravox.training.step_clock import StepClock
from contravox.training.supervision import check_supervision
from contravox.training.trained_objectives import NAME as OBJECTIVES
from contravox.training.trained_objectives import save_objectives
from contravox.training.training_set import TrainingSet

MODEL = "model.safetensors"

FILES = (
    *(MODEL, OBJECTIVES, CHECKPOINT, RECIPE),
    *("trained_on.txt", "log.jsonl", "not_finite.txt", UNREADABLE),
)
"""What training writes to its folder, beside TensorBoard's files."""


class Trainer:
    """Trains one recipe into one folder, in this process or in all that torchrun started.

    The folder then holds ``recipe.yaml`` (what ran, defaults included), ``model.safetensors`` (the
    best epoch on the validation trials, with its threshold; without them the last) and of the same
    epoch ``objectives.safetensors``, the ``checkpoint.pt`` that training resumes from,
    ``trained_on.txt`` (see ``overlap``), ``log.jsonl`` and TensorBoard's files; and where
    something could not be read ``unreadable.tsv``.

    progress: called after each step with the steps done, those in all, and a line about the last.

    Of several processes, each reads its equal share of a batch, and the first writes, reports and
    validates; the folder must be one that all of them see. An error in one is raised in all.

    Raises RecipeError, ManifestError, TrialsError or ModelError where recipe and files do not fit,
    OverlapError where validation would be on what is trained on.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        progress: Callable[[int, int, str], None] = lambda *_: None,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.report = progress
        settings = recipe.training
        self.fabric = join_processes(recipe)
        with errors_of_any(self.fabric):
            check_recipe_of_processes(recipe, self.fabric)
            self.training_set = TrainingSet.read(recipe)
            check_size(
                recipe, len(self.training_set.dataset), self.training_set.classes, self.fabric
            )
            batches = self.training_set.sampler.batches(0)
            if leads():
                warn_of_imitated_bfloat16(settings.precision, self.fabric.device)
                check_supervision(recipe, batches, self.training_set.sampler.labels)
            self.steps_per_epoch = len(batches)
            self.total_steps = self.steps_per_epoch * settings.epochs
            module, inherited = start_module(recipe, self.training_set.classes, self.training_set)
            if settings.initial_run is not None:
                inherited = inherited_from(settings.initial_run / MODEL)
            self.trained_on = self.training_set.learned_from(
                inherited, speakers=recipe.data.labels == "speaker"
            )
            module.model.annotate(
                labels_used=self.trained_on.labels_used,
                trained_on=tuple(sorted(self.trained_on.speakers)),
                recordings_trained_on=len(self.trained_on.recordings) + self.trained_on.lost,
            )
            self.validation = read_validation(
                recipe.data.validation_trials, recipe.data.validation_manifest
            )
            if not recipe.data.allow_overlap:
                for each in self.validation.values():
                    self.trained_on.refuse(each.manifest, each.name, "set data.allow_overlap=true")
            self.inputs = input_digests(
                recipe,
                self.training_set.manifest,
                self.training_set.identities,
                self.validation.values(),
            )
        self.watch = ShareWatch(recipe.balance, module.objectives.weights)
        self.module, self.optimiser = self.fabric.setup(
            module, make_optimiser(module.parameter_groups, settings.optimiser)
        )
        if self.fabric.global_rank:
            # Every process its own dropout and masks.
            torch.manual_seed(settings.seed + self.fabric.global_rank)
        self.progress = Progress()
        self.centroids = None
        sampler = self.training_set.sampler
        # Positives are drawn by the first process for all.
        if sampler.compares_speakers or (sampler.samples_positives and leads()):
            size = recipe.encoder.embedding_size
            self.centroids = SpeakerCentroids(self.training_set.classes, size)

    def fit(self, *, resume: bool = False, again: bool = False) -> Model:
        """Train to the end and return the best model.

        resume: continue from the folder's checkpoint, if there is one, as is always done where
        torchrun started any of the processes anew. The weights are then those of a run that was
        never interrupted. again: give up what the folder holds, where it is not continued.

        Raises TrainingError where a loss is not finite, where the folder holds another training,
        and where another process is gone; KeyboardInterrupt after writing a checkpoint.
        """
        with processes_that_live():
            # Of several machines, that whose process died knows it, and not the others.
            self._begin(any_of(resume or restarted(), self.fabric), again)
            if not self.progress.finished:
                self._go_on()
            with errors_of_any(self.fabric):
                return Model.load(self.folder / MODEL)

    def _begin(self, resume: bool, again: bool) -> None:
        """Take up what the folder holds, or what another run ended with."""
        with errors_of_any(self.fabric):
            if again and not resume and leads():
                (self.folder / CHECKPOINT).unlink(missing_ok=True)
        with errors_of_any(self.fabric):
            if (self.folder / CHECKPOINT).exists():
                if not resume:
                    raise TrainingError(
                        f"{self.folder}: holds a training already: continue it with --resume, "
                        "or choose another --output"
                    )
                state = read_checkpoint(self.folder, self.recipe, self.inputs, self.steps_per_epoch)
                self.progress = restore(
                    self.folder, state, self.module, self.optimiser, self.precision
                )
                if self.centroids is not None:
                    self.centroids.restore(state.speakers, self.folder / CHECKPOINT)
                if self.progress.best_rate is not None or self.progress.finished:
                    self._check_model()
            elif self.recipe.training.initial_run is not None:
                self.progress = begin_from(
                    self.recipe.training.initial_run,
                    self.recipe,
                    self.inputs,
                    self.module,
                    self.optimiser,
                    self.precision,
                    self.centroids,
                )
        self.left_out = self._left_out()

    def _go_on(self) -> None:
        """Train from where it is to the end."""
        with errors_of_any(self.fabric):
            log: Log = NoLog()
            if leads():
                write_text(self.folder / RECIPE, self.recipe.to_yaml())
                write_recordings(self.folder, self.trained_on.recordings)
                self.left_out.write()
                log = TrainingLog(self.folder, first_step=self.progress.step)
        with readers_that_live(), closing(log), deferred_interrupt() as interrupt:
            self._train(log, interrupt)

    def _left_out(self) -> LeftOut:
        """What cannot be read, as far as a run that is resumed knows."""
        return LeftOut(
            self.training_set.manifest.table["utterance"],
            self.training_set.dataset.labels,
            share=self.recipe.data.unreadable_share,
            listed=self.folder / UNREADABLE,
            writes=leads(),
            known=map(Unreadable._make, self.progress.left_out),
        )

    def _check_model(self) -> None:
        """Raise CheckpointError where the best model so far is gone: a checkpoint has the last."""
        if not (self.folder / MODEL).is_file():
            raise CheckpointError(
                f"{self.folder / MODEL}: gone, and the training that wrote it cannot write it "
                f"again: put it back, or delete {CHECKPOINT} and train again from the start"
            )

    @property
    def precision(self) -> Precision:
        """What mixed precision remembers from step to step: float16's scale of the loss."""
        return self.fabric.strategy.precision

    def _train(self, log: Log, interrupt: Interrupt) -> None:
        started = time.perf_counter() - self.progress.seconds
        settings = self.recipe.training
        moved = self.progress.step > 0
        for epoch in range(self.progress.step // self.steps_per_epoch, settings.epochs):
            self.progress.epochs_begun = self.progress.epochs_before + epoch + 1
            self.module.train()
            clock = StepClock()
            for batch in self._batches(epoch, log):
                clock.batch_read()
                moved = self._step(batch, log, clock) or moved
                self.progress.seconds = time.perf_counter() - started
                last_of_epoch = self.progress.step % self.steps_per_epoch == 0
                # After the last, the epoch's validation is still to be done.
                if not last_of_epoch and any_of(interrupt.asked, self.fabric):
                    self._checkpoint()
                    raise interrupt.error()
                if self.progress.step % settings.checkpoint_steps == 0 and not last_of_epoch:
                    self._checkpoint()
                clock.begin()
            if not moved:
                raise TrainingError(
                    f"epoch {epoch}: the gradient of every step was 0, so nothing was "
                    "learned: see log.jsonl, and change sampler, objectives or balance"
                )
            if leads():
                self.watch.end_epoch()
            last = epoch + 1 == settings.epochs
            if last or (epoch + 1) % settings.validate_every == 0:
                stop = self._validate(log)
                self.progress.seconds = time.perf_counter() - started
                self.progress.finished = last or stop
            self._checkpoint()
            if self.progress.finished:
                return
            if any_of(interrupt.asked, self.fabric):
                raise interrupt.error()

    def _batches(self, epoch: int, log: Log) -> Iterator[Batch | PendingBatch]:
        """The epoch's batches from the next step on."""
        sampler, number = self.training_set.sampler, self.progress.epochs_before + epoch
        done = self.progress.step - epoch * self.steps_per_epoch
        vectors = positives = None
        if self.centroids is not None:
            # An epoch that was cut off goes on with the batches that it began with.
            if not done:
                self.centroids.begin_epoch()
            if self.centroids.vectors is not None:
                vectors = self.centroids.vectors.numpy()
        if sampler.samples_positives:
            if leads():
                positives = sampler.positives(number, vectors, self.fabric.device)
            positives = self.fabric.broadcast(positives)
        batches = sampler.batches(number, vectors, positives)
        if positives is not None and not done:
            self._tell_positives(batches, log)
        workers = self.recipe.data.workers
        dataset = self.training_set.dataset
        return read_batches(dataset, batches[done:], self.left_out, workers, self.fabric)

    def _tell_positives(self, batches: Sequence[Sequence[SegmentRequest]], log: Log) -> None:
        """Log whose the sampled positives of an epoch are."""
        with errors_of_any(self.fabric):
            if leads():
                shares = positives_in_epoch(self.training_set.manifest, batches).known()
                log.write(self.progress.step, {"sampled_positives": shares})
                line = f"positives {positives_in_words(shares)}"
                self.report(self.progress.step, self.total_steps, line)

    def _step(self, read: Batch | PendingBatch, log: Log, clock: StepClock) -> bool:
        """Take a step; say whether there was a gradient."""
        settings, step = self.recipe.training, self.progress.step
        learning_rate = self._follow_schedules()
        batch = read.mixed_on(self.fabric.device)
        with self.fabric.autocast():
            targets = self.training_set.targets_of(batch)
        try:
            loss, losses, weights, shares, embeddings = self.module(
                batch, targets, measure=step % EVERY == 0
            )
        except TrainingError as error:
            raise self._not_finite(str(error), batch) from error
        # A classifier's loss is that of a process's own segments.
        means = mean_of(torch.stack(list(losses.values())).detach(), self.fabric)
        values = dict(zip(losses, means.tolist(), strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise self._not_finite(f"objectives.{name} is {value}", batch)
        utterances = gather(batch.utterances)
        if self.centroids is not None:
            # A sampled positive is of its own utterance, not of that whose label it has.
            labels = self.training_set.sampler.labels[utterances.cpu().numpy()]
            self.centroids.add(embeddings, torch.from_numpy(labels))
        self.fabric.backward(loss)
        norm = self.fabric.clip_gradients(
            self.module,
            self.optimiser,
            max_norm=settings.gradient_clip or float("inf"),
            error_if_nonfinite=False,
        )
        gradient_norm = 0.0 if norm is None else float(norm)
        finite = math.isfinite(gradient_norm)
        # In float16 a gradient may be: that step is left out, and the next loss scaled less.
        if settings.precision != "16-mixed" and not finite:
            raise self._not_finite(f"the gradient's norm is {gradient_norm}", batch)
        self.optimiser.step()
        self.module.average_weights()
        self.optimiser.zero_grad()
        self.progress.step = step + 1
        positives = positive_shares(gather(batch.labels), utterances)
        measured = {name: float(share) for name, share in shares.items()}
        self.watch.add(measured)
        with errors_of_any(self.fabric):
            log.write(
                step,
                {
                    "losses": values,
                    "weights": {name: float(weight) for name, weight in weights.items()},
                    **({"shares": measured} if measured else {}),
                    "learning_rate": learning_rate,
                    **({"gradient_norm": gradient_norm} if finite else {}),
                    "positive_share": positives._asdict(),
                    "time": clock.times(),
                },
            )
        if leads():
            line = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
            self.report(self.progress.step, self.total_steps, line)
        return not finite or gradient_norm > 0

    def _follow_schedules(self) -> float:
        """Set margins and learning rate as they are to be in the next step; give the latter."""
        settings, step = self.recipe.training, self.progress.step
        share = settings.schedule.share(step, self.steps_per_epoch, self.total_steps)
        learning_rate = settings.optimiser.learning_rate * share
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        if settings.margin_schedule is not None:
            epoch = self.progress.epochs_before + step / self.steps_per_epoch
            self.module.objectives.set_margin_share(settings.margin_schedule.share(epoch))
        return learning_rate

    def _not_finite(self, reason: str, batch: Batch) -> TrainingError:
        """The error that names the batch's utterances, all of which it also lists in a file."""
        names = self.training_set.utterances(gather(batch.utterances).tolist())
        listed = self.folder / "not_finite.txt"
        with errors_of_any(self.fabric):
            if leads():
                write_text(listed, "\n".join(names) + "\n")
        return TrainingError(
            f"step {self.progress.step}: {reason} on {', '.join(names[:3])} and "
            f"{max(len(names) - 3, 0)} more (all in {listed}): lower "
            "training.optimiser.learning_rate, or leave out a faulty utterance"
        )

    def _validate(self, log: Log) -> bool:
        """Keep the model if it is the best so far; say whether to stop early."""
        model: Model = self.module.result
        seconds = self.trained_on.training_seconds + self.progress.seconds
        shares = mean_shares(self.folder) if leads() else {}
        model.annotate(
            training_seconds=round(seconds, 1),
            objective_shares={name: round(share, 4) for name, share in shares.items()},
        )
        if not self.validation:
            self._save(model)
            return False
        step, result = self.progress.step, Validation(0.0, 0.0, {})
        with errors_of_any(self.fabric):
            if leads():
                share = self.recipe.data.unreadable_share
                result = validate(model, self.validation, unreadable_share=share)
        rate, threshold, rates = self.fabric.broadcast(result)
        entry = {"validation": {"equal_error_rate": rate, "threshold": threshold}}
        if len(rates) > 1:
            entry["equal_error_rate"] = rates
        with errors_of_any(self.fabric):
            log.write(step - 1, entry)
        if leads():
            self.report(step, self.total_steps, f"validation equal error rate {rate:.2%}")
        if self.progress.best_rate is None or rate < self.progress.best_rate:
            self.progress.best_rate = rate
            self.progress.unimproved = 0
            model.annotate(threshold=threshold, threshold_source=", ".join(self.validation))
            self._save(model)
        else:
            self.progress.unimproved += 1
        patience = self.recipe.training.patience
        return patience is not None and self.progress.unimproved >= patience

    def _save(self, model: Model) -> None:
        with errors_of_any(self.fabric):
            if leads():
                model.save(self.folder / MODEL)
                save_objectives(
                    self.folder / OBJECTIVES,
                    self.module.objectives,
                    self.training_set.class_digest,
                    self.recipe.data.speeds,
                )

    def _checkpoint(self) -> None:
        self.progress.left_out = self.left_out.entries
        states = random_states()
        with errors_of_any(self.fabric):
            if leads():
                save_checkpoint(
                    self.folder,
                    self.recipe,
                    self.inputs,
                    self.progress,
                    self.module,
                    self.optimiser,
                    self.precision,
                    states,
                    {} if self.centroids is None else self.centroids.state(),
                )
