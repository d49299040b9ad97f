"""A corpus on disk to the files that everything else starts from."""

from collections.abc import Callable
from pathlib import Path

from contravox.corpora.an4 import an4_recordings
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.manifest import Manifest
from contravox.trials import make_trials

CORPORA = {"an4": an4_recordings, "folder": folder_recordings}
PARTS = {"train": 0.65, "validation": 0.15, "test": 0.2}
"""Share of the speakers in each part of a split."""


def prepare_corpus(
    corpus: str,
    folder: Path,
    output: Path,
    *,
    split: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, dict[str, int]]:
    """Write a corpus's manifest and trials, and those of its parts, below ``output``.

    ``manifest.tsv``, ``trials.tsv`` and, where files were left out, ``skipped.tsv``; with ``split``
    instead of those trials ``train/manifest.tsv``, and ``manifest.tsv`` and ``trials.tsv`` in
    ``validation/`` and ``test/``, which share no speaker.

    Returns for the corpus and each part what it holds.

    Raises ManifestError, TrialsError where the corpus is too small or laid out otherwise.
    """
    prepared = scan_recordings(CORPORA[corpus](folder), progress=progress)
    manifest = prepared.manifest
    counts = {"corpus": {**_counts(manifest), "files skipped": len(prepared.skipped)}}
    if not split:
        trials = make_trials(manifest, seed=seed)
        prepared.write(output)
        trials.write(output / "trials.tsv")
        counts["corpus"] |= {"trials": len(trials)}
        return counts
    # Everything is made before anything is written, so that an error leaves no half of it behind.
    parts = dict(zip(PARTS, manifest.split(list(PARTS.values()), seed=seed), strict=True))
    lists = {part: make_trials(parts[part], seed=seed) for part in ("validation", "test")}
    prepared.write(output)
    for part, utterances in parts.items():
        utterances.write(output / part / "manifest.tsv")
        counts[part] = _counts(utterances)
        if part in lists:
            lists[part].write(output / part / "trials.tsv")
            counts[part] |= {"trials": len(lists[part])}
    return counts


def _counts(manifest: Manifest) -> dict[str, int]:
    hours = manifest.table["duration"].sum() / 3600
    return {
        "speakers": len(manifest.speakers),
        "utterances": len(manifest),
        "minutes": round(60 * hours),
    }
