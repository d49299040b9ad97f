"""A corpus on disk to the files that everything else starts from."""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from contravox.corpora.an4 import AN4
from contravox.corpora.cnceleb import CNCELEB
from contravox.corpora.corpus import Corpus
from contravox.corpora.files import archives, find_recordings
from contravox.corpora.folder import FOLDER, UNLABELLED
from contravox.corpora.joining import SHORT_SECONDS, join_short
from contravox.corpora.kaldi import KALDI
from contravox.corpora.left_out import SKIPPED, write_left_out
from contravox.corpora.librispeech import LIBRISPEECH
from contravox.corpora.noises_and_rooms import MUSAN, NOISES, RESPONSES, RIRS
from contravox.corpora.official_trials import official_trials
from contravox.corpora.scan import HEADER, scan_recordings
from contravox.corpora.table import TABLE
from contravox.corpora.voices import VOICES
from contravox.corpora.voxceleb import VOXCELEB1, VOXCELEB2
from contravox.errors import ManifestError, brief, few
from contravox.files.journal import Journal
from contravox.files.outputs import claimed_there
from contravox.manifest import MANIFEST, Manifest
from contravox.trials.enrolments import ENROLMENTS
from contravox.trials.making import make_trials
from contravox.trials.protocol import PROTOCOL
from contravox.trials.trial_set import FILES, TrialSet
from contravox.trials.trials import TRIALS, Trials

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


@dataclass(frozen=True)
class Prepared:
    """All that is written of a corpus.

    manifest: everything usable, in ``manifest.tsv``; skipped: a path and the reason of what was
    left out, in ``skipped.tsv``; parts: manifests by the names of their folders, such as the
    official ``train/manifest.tsv``, or those of a split; trials: made of a part, into its
    ``trials.tsv``, or of all utterances, by the name ``.``; trial_sets: a folder for each protocol
    of the release, or made where it has none.
    """

    manifest: Manifest
    skipped: list[tuple[str, str]]
    parts: Mapping[str, Manifest]
    trials: Mapping[str, Trials]
    trial_sets: Sequence[TrialSet]

    def apart(self, kinds: Mapping[str, pl.Expr]) -> "Prepared":
        """With rows of the manifest in parts of their own, by name, in place of the manifest."""
        table, parts = self.manifest.table, dict(self.parts)
        for name, rows in kinds.items():
            parts[name] = Manifest(table.filter(rows))
            table = table.filter(~rows)
        parts = {name: part for name, part in parts.items() if len(part)}
        return replace(self, manifest=Manifest(table), parts=parts)

    def write(self, folder: Path, files: Sequence[str]) -> None:
        """Write each file, whole or not at all, and take away what a call before made besides.

        files: what may be written, as patterns. Raises OutputError.
        """
        # First, for speakers of a part that is not made any more may be in another now.
        self._remove_others(folder, files)
        skipped = pl.DataFrame(self.skipped, schema=["path", "reason"], orient="row")
        write_left_out(folder / SKIPPED, skipped)
        self.manifest.write(folder / MANIFEST)
        for part, utterances in self.parts.items():
            utterances.write(folder / part / MANIFEST)
        for part, trials in self.trials.items():
            trials.write(folder / part / TRIALS)
        for each in self.trial_sets:
            each.write(folder / each.name)

    def _remove_others(self, folder: Path, files: Sequence[str]) -> None:
        made = {Path(part) / MANIFEST for part in ("", *self.parts)}
        made |= {Path(part) / TRIALS for part in self.trials}
        for each in self.trial_sets:
            names = [TRIALS, MANIFEST, PROTOCOL]
            if each.enrolments is not None:
                names.append(ENROLMENTS)
            made |= {Path(each.name) / name for name in names}
        for pattern in files:
            if Path(pattern).name not in FILES:
                continue
            for path in sorted(folder.glob(pattern)):
                # What another command has written to a part's folder is that command's.
                others = path.parent != folder and claimed_there(path)
                if path.relative_to(folder) not in made and not others:
                    path.unlink()
                    with suppress(OSError):
                        path.parent.rmdir()

    def add_to(self, counts: Counts) -> None:
        """Add what the parts, the lists of trials and the protocols hold."""
        counts |= {part: _counts(utterances) for part, utterances in self.parts.items()}
        for part, trials in self.trials.items():
            counts["corpus" if part == "." else part] |= {"trials": len(trials)}
        counts |= {each.name: _trial_counts(each) for each in self.trial_sets}


def prepared_files(corpus: str) -> list[str]:
    """The files that may be written of a corpus, as patterns."""
    known = CORPORA[corpus]
    lists = [listed.protocol for listed in known.lists]
    made = [f"{corpus}-*"] if known.made_trials else []
    folders = ["", *(f"{name}/" for name in (*PARTS, *known.apart, *lists, *made))]
    return [SKIPPED, "joined/*/*.flac", *(each + name for each in folders for name in FILES)]


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

    split: cut a corpus without official parts in three, which share no speaker. hold_out: so many
    speakers, drawn with ``seed``, go from training to ``validation/``. join_shorter: s; utterances
    for training under 2 s are joined up to this length, into ``joined/``. drop_missing: leave out
    official trials whose utterances are not there. progress: called with the numbers of files done
    and in all. note: called with each warning.

    Repeating an interrupted call goes on from the headers already read; repeating a finished one
    writes the same files. Parts and lists that another call made there are taken away.

    Returns for the corpus, its subsets, its parts and its protocols what they hold, and the figures
    of the release as ``... in release``.

    Raises ManifestError, TrialsError where the corpus is too small, laid out otherwise or not
    whole, OutputError.
    """
    known = CORPORA[corpus]
    _refuse_other_parts(known, split, hold_out)
    recordings = find_recordings(corpus, CORPORA, folder)
    headers = output / ".headers"
    # Another corpus may use another part of the same file, and leave out others.
    journal = Journal(headers / _name_of(f"{corpus} {folder.resolve()}"), HEADER)
    scanned = scan_recordings(
        recordings, known.used_part, known.shortest, journal=journal, progress=progress
    )
    manifest, skipped = scanned.manifest, scanned.skipped
    counts = {"corpus": {**_counts(manifest), "files skipped": len(skipped)}}
    counts |= _subsets(known, manifest, folder, note)
    _tell_names_alike(manifest, folder, note)
    _tell_shared_recordings(manifest, folder, note)
    # Everything is made before anything is written, so that an error leaves no half of it behind.
    trial_sets = list(official_trials(corpus, known, folder, manifest, drop_missing, note))
    if known.made_trials and not split:
        trial_sets += known.made_trials(manifest, seed)
    parts = _parts(known, manifest, split, hold_out, seed)
    trials = _trials_of(known, manifest, parts, seed)
    if join_shorter and "train" in parts:
        joined = join_short(parts["train"], output / "joined", join_shorter, progress)
        if len(joined.manifest) == len(parts["train"]):
            note(
                "--join-shorter joined nothing: no speaker has two utterances under "
                f"{SHORT_SECONDS:g} s in one session"
            )
        parts["train"], skipped = joined.manifest, skipped + joined.unreadable
    prepared = Prepared(manifest, skipped, parts, trials, trial_sets).apart(known.apart)
    prepared.write(output, prepared_files(corpus))
    prepared.add_to(counts)
    shutil.rmtree(headers, ignore_errors=True)
    return counts


def _name_of(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _refuse_other_parts(corpus: Corpus, split: bool, hold_out: int) -> None:
    """Raise ManifestError for parts that no corpus, or not this one, can be cut into."""
    if split and not corpus.free:
        raise ManifestError(
            f"--split: {corpus.title} cannot be split: it has official parts or no speakers; "
            "--hold-out takes speakers from its training part"
        )
    if split and hold_out:
        raise ManifestError("--hold-out: --split makes a validation part already: give one of them")


def _parts(
    corpus: Corpus, manifest: Manifest, split: bool, hold_out: int, seed: int
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


def _trials_of(
    corpus: Corpus, manifest: Manifest, parts: Mapping[str, Manifest], seed: int
) -> dict[str, Trials]:
    """Trials made of each part but that for training, or of all where there are no parts."""
    if corpus.free and not parts and not corpus.made_trials:
        return {".": make_trials(manifest, seed=seed)}
    return {
        part: make_trials(utterances, seed=seed)
        for part, utterances in parts.items()
        if part != "train"
    }


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
