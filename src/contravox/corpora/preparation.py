"""A corpus on disk to the files that everything else starts from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from contravox.audio.waveform import MINIMUM_SECONDS
from contravox.corpora.an4 import AN4
from contravox.corpora.cnceleb import CNCELEB
from contravox.corpora.corpus import Corpus
from contravox.corpora.files import archives, find_recordings
from contravox.corpora.folder import FOLDER, UNLABELLED
from contravox.corpora.joining import join_short
from contravox.corpora.kaldi import KALDI
from contravox.corpora.librispeech import LIBRISPEECH
from contravox.corpora.noises_and_rooms import MUSAN, NOISES, RESPONSES, RIRS
from contravox.corpora.official_trials import official_trials
from contravox.corpora.scan import HEADER, Prepared, scan_recordings
from contravox.corpora.table import TABLE
from contravox.corpora.voices import VOICES
from contravox.corpora.voxceleb import VOXCELEB1, VOXCELEB2
from contravox.errors import ManifestError, brief, few
from contravox.files.journal import Journal
from contravox.manifest import Manifest
from contravox.trials.making import make_trials
from contravox.trials.trial_set import TrialSet

CORPORA = {
    "voxceleb1": VOXCELEB1,
    "voxceleb2": VOXCELEB2,
    "cnceleb": CNCELEB,
    "voices": VOICES,
    "librispeech": LIBRISPEECH,
    "an4": AN4,
    "musan": MUSAN,
    "rirs": RIRS,
    "noises": NOISES,
    "responses": RESPONSES,
    "folder": FOLDER,
    "unlabelled": UNLABELLED,
    "table": TABLE,
    "kaldi": KALDI,
}
"""The corpora and layouts that can be prepared, by name."""

PARTS = {"train": 0.65, "validation": 0.15, "test": 0.2}
"""Share of the speakers in each part of a split."""

Counts = dict[str, dict[str, int]]
"""What a corpus, a subset, a part or a protocol holds."""


def prepared_files(corpus: str) -> list[str]:
    """The files that may be written of a corpus, as patterns."""
    known = CORPORA[corpus]
    lists = [listed.protocol for listed in known.lists]
    made = [f"{corpus}-*"] if known.made_trials else []
    folders = ["", *(f"{name}/" for name in (*PARTS, *known.apart, *lists, *made))]
    tables = ("manifest.tsv", "trials.tsv", "enrolments.tsv", "protocol.json")
    return ["skipped.tsv", "joined/*/*.flac", *(a + b for a in folders for b in tables)]


def prepare_corpus(
    corpus: str,
    folder: Path,
    output: Path,
    *,
    split: bool = False,
    hold_out: int = 0,
    join_shorter: float | None = None,
    drop_missing: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda *_: None,
) -> Counts:
    """Write a corpus's manifest and trials, and those of its parts, below ``output``.

    - ``manifest.tsv``: everything usable; ``skipped.tsv``: the files that were left out, if any;
    - ``train/manifest.tsv``: the official training part;
    - ``<protocol>/``: official trial lists, and those made where a corpus has none;
    - for a corpus without official parts ``trials.tsv``; with ``split`` instead of it
      ``train/manifest.tsv``, and ``manifest.tsv`` and ``trials.tsv`` in ``validation/`` and
      ``test/``, which share no speaker.

    hold_out: so many speakers, drawn with ``seed``, go from training to ``validation/``.
    join_shorter: s; utterances for training under 2 s are joined up to this length, into
    ``joined/``. drop_missing: leave out official trials whose utterances are not there.

    progress: called with the numbers of files done and in all. note: called with each warning.

    Repeating an interrupted call goes on from the headers already read; repeating a finished one
    writes the same files.

    Returns for the corpus, its subsets, its parts and its protocols what they hold, and the figures
    of the release as ``... in release``.

    Raises ManifestError, TrialsError where the corpus is too small, laid out otherwise or not
    whole, OutputError.
    """
    known = CORPORA[corpus]
    if split and not known.free:
        raise ManifestError(
            f"--split: {known.title} cannot be split: it has official parts or no speakers; "
            "--hold-out takes speakers from its training part"
        )
    if split and hold_out:
        raise ManifestError("--hold-out: --split makes a validation part already: give one of them")
    recordings = find_recordings(corpus, CORPORA, folder)
    journal = Journal(output / ".headers", HEADER)
    shortest = MINIMUM_SECONDS if known.shortest is None else known.shortest
    prepared = scan_recordings(
        recordings,
        used_part=known.used_part,
        shortest=shortest,
        journal=journal,
        progress=progress,
    )
    manifest, skipped = prepared.manifest, prepared.skipped
    counts = {"corpus": {**_counts(manifest), "files skipped": len(skipped)}}
    counts |= _subsets(known, manifest, folder, note)
    _tell_names_alike(manifest, folder, note)
    _tell_shared_recordings(manifest, folder, note)

    # Everything is made before anything is written, so that an error leaves no half of it behind.
    sets = list(
        official_trials(corpus, known, folder, manifest, drop_missing=drop_missing, note=note)
    )
    if known.made_trials and not split:
        sets += known.made_trials(manifest, seed)
    parts = _parts(known, manifest, split=split, hold_out=hold_out, seed=seed)
    lists = {
        part: make_trials(utterances, seed=seed)
        for part, utterances in parts.items()
        if part != "train"
    }
    if known.free and not parts and not known.made_trials:
        lists["."] = make_trials(manifest, seed=seed)
    if join_shorter and "train" in parts:
        parts["train"], unreadable = join_short(
            parts["train"], output / "joined", seconds=join_shorter, progress=progress
        )
        skipped = skipped + unreadable

    for name, rows in known.apart.items():
        parts[name] = Manifest(manifest.table.filter(rows))
        manifest = Manifest(manifest.table.filter(~rows))
    Prepared(manifest, skipped).write(output)
    for part, utterances in parts.items():
        if len(utterances):
            utterances.write(output / part / "manifest.tsv")
            counts[part] = _counts(utterances)
    for part, trials in lists.items():
        trials.write(output / part / "trials.tsv")
        counts["corpus" if part == "." else part] |= {"trials": len(trials)}
    for each in sets:
        each.write(output / each.protocol.name)
        counts[each.protocol.name] = _trial_counts(each)
    journal.remove()
    return counts


def _subsets(
    corpus: Corpus, manifest: Manifest, folder: Path, note: Callable[[str], None]
) -> Counts:
    """What each subset (or kind) of a release holds, beside what it should."""
    counts, differ = {}, []
    for name, release in corpus.release.items():
        column = "subset" if "subset" in manifest.table.columns else "kind"
        subset = Manifest(manifest.table.filter(pl.col(column) == name))
        # Many have a part of a release only.
        if not len(subset):
            continue
        held = _counts(subset)
        counts[f"{column} {name}"] = held | {f"{key} in release": n for key, n in release.items()}
        differ += [
            f"{held[key]:,} {key} of {number:,} in {name}"
            for key, number in release.items()
            if held[key] != number
        ]
    if differ:
        packed = archives(folder)
        whole = f"; not all of {packed[0]} may be unpacked" if packed else ""
        note(f"{folder}: not the whole release: {', '.join(differ)}{whole}")
    return counts


def _tell_shared_recordings(manifest: Manifest, folder: Path, note: Callable[[str], None]) -> None:
    """Say which recordings are there under several speakers, one of whom is wrong."""
    if "digest" not in manifest.table.columns:
        return
    rows = manifest.table.select(
        "utterance", "digest", "start", "duration", speaker=manifest.identities
    ).drop_nulls()
    several = pl.col("speaker").n_unique().over("digest", "start", "duration") > 1
    shared = rows.filter(several).sort("digest", "utterance")
    if len(shared):
        note(
            f"{folder}: {len(shared):,} utterances are the same recordings under several speakers, "
            f"such as {few(shared['utterance'][:2].to_list())}: leave the wrong ones out, or their "
            "trials spoil the error rates"
        )


def _tell_names_alike(manifest: Manifest, folder: Path, note: Callable[[str], None]) -> None:
    """Say which speakers have names of several Unicode forms, and are one person each."""
    names = manifest.table.select("speaker", identity=manifest.identities).drop_nulls().unique()
    alike = names["identity"].filter(names["identity"].is_duplicated()).unique().sort()
    if len(alike):
        note(
            f"{folder}: {len(alike):,} speakers have names that look the same in several Unicode "
            f"forms, such as {brief(alike[0])}, and are taken for one person each: rename one of "
            "them otherwise if they are not"
        )


def _parts(
    corpus: Corpus, manifest: Manifest, *, split: bool, hold_out: int, seed: int
) -> dict[str, Manifest]:
    """The parts of a corpus by the names of their folders."""
    if split:
        fractions = list(PARTS.values())
        return dict(zip(PARTS, manifest.split(fractions, seed=seed), strict=True))
    if corpus.training is not None:
        train = Manifest(manifest.table.filter(corpus.training))
    elif hold_out and corpus.free:
        train = manifest
    elif hold_out:
        raise ManifestError(f"--hold-out: {corpus.title} has no training part: leave it out")
    else:
        return {}
    if not hold_out:
        return {"train": train} if len(train) else {}
    speakers = train.speakers
    if not 2 <= hold_out <= len(speakers) - 2:
        raise ManifestError(
            f"--hold-out is {hold_out}: the training part has {len(speakers):,} speakers, "
            "and at least two stay on each side"
        )
    drawn = np.random.default_rng(seed).permutation(len(speakers))
    held, kept = ([speakers[row] for row in part] for part in np.split(drawn, [hold_out]))
    return {"train": train.of_speakers(kept), "validation": train.of_speakers(held)}


def _counts(manifest: Manifest) -> dict[str, int]:
    hours = manifest.table["duration"].sum() / 3600
    return {
        "speakers": len(manifest.speakers),
        "utterances": len(manifest),
        "minutes": round(60 * hours),
    }


def _trial_counts(trials: TrialSet) -> dict[str, int]:
    held = {"trials": len(trials.trials), "utterances": len(trials.manifest)}
    if trials.protocol.trials_in_release is not None:
        held |= {"trials in release": trials.protocol.trials_in_release}
    if trials.protocol.trials_dropped:
        held |= {"trials dropped": trials.protocol.trials_dropped}
    return held
