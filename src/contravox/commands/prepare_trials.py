"""``contravox prepare trials``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contravox.commands.console import print_json
from contravox.errors import brief
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    from contravox.manifest import Manifest


def prepare_trials(
    manifests: Sequence[Path],
    output: Path,
    across_corpora: bool,
    most: int,
    seed: int,
    force: bool,
    as_json: bool,
) -> None:
    """Make one trial list of manifests; say what it holds of each corpus."""
    from contravox.files.outputs import claimed_folder
    from contravox.manifest import MANIFEST, Manifest
    from contravox.trials.enrolments import ENROLMENTS
    from contravox.trials.making import make_pooled_trials, within_sessions
    from contravox.trials.protocol import PROTOCOL, Protocol
    from contravox.trials.trial_set import FILES, TrialSet
    from contravox.trials.trials import TRIALS

    made_from = {f"manifest {number}": path for number, path in enumerate(manifests)}
    with claimed_folder(
        output, "prepare", FILES, inputs=manifests, made_from=made_from, force=force
    ):
        read = [Manifest.read(path) for path in manifests]
        _tell_shared_names(read)
        manifest = Manifest.joined(read)
        trials = make_pooled_trials(
            manifest, across_corpora=across_corpora, seed=seed, maximum=most
        )
        made = TrialSet.of(trials, manifest, Protocol(str(output)))
        # Of a list that was there before; they would be read as this one's.
        for name in (PROTOCOL, ENROLMENTS):
            (output / name).unlink(missing_ok=True)
        made.manifest.write(output / MANIFEST)
        trials.write(output / TRIALS)
    within = within_sessions(trials, made.manifest)
    counts = {
        "speakers": len(made.manifest.speakers),
        "utterances": len(made.manifest),
        "targets": int(trials.targets.sum()),
        "non-targets": int((~trials.targets).sum()),
        "targets within a session": within,
    }
    if as_json:
        print_json({"trials": counts})
        return
    tell("trials: " + ", ".join(f"{number:,} {name}" for name, number in counts.items()))
    if within:
        note(
            f"warning: {within:,} of {counts['targets']:,} target trials are within a session, or "
            "of sessions that nobody knows: they share a channel, which flatters"
        )


def _tell_shared_names(manifests: "Sequence[Manifest]") -> None:
    """Warn of speakers that are taken for one though nothing says so."""
    seen: set[str] = set()
    shared: set[str] = set()
    for each in manifests:
        speakers = each.identities
        if "corpus" in each.table.columns:
            speakers = speakers.filter(each.table["corpus"].is_null())
        unnamed = set(speakers.drop_nulls().unique().to_list())
        shared |= seen & unnamed
        seen |= unnamed
    if shared:
        note(
            f"warning: {len(shared):,} speakers, such as {brief(min(shared))}, are in several "
            "manifests that name no corpus, and taken for the same people: if they are not, add a "
            "column corpus"
        )
