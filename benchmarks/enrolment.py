"""How several utterances of a speaker are best compared with one, and which of them is another's.

    python benchmarks/enrolment.py MODEL.safetensors TEST.tsv [MODEL.safetensors TEST.tsv ...]

TEST is a manifest of speakers whom the model never heard, such as folds of ``reproduce.py`` leave
out. Half of them calibrate the scores of two single utterances, as `contravox calibrate` does; with
the other half, speakers are enrolled by 1, 3, 5 or 8 utterances, and all other utterances of their
corpus tested against them. Error rates and Cllr, in bits, are of calibrated scores, and means over
the corpora and the models, each with its fold.

Then utterances enrolled together are held against one another: how many are doubted where all are
of one speaker, and how many where one is of another speaker of the same corpus.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.errors import AudioWarning
from contravox.inference.embed import embed_manifest
from contravox.manifest import Manifest
from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.log_likelihood_ratio_cost import log_likelihood_ratio_cost
from contravox.model import Model
from contravox.scoring.calibration import Calibration
from contravox.scoring.calibration_columns import SCORE
from contravox.scoring.cosine import unit_rows

COUNTS = (1, 3, 5, 8)
METHODS = ("mean", "mean of scores", "best")


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", nargs="+", type=Path, metavar="MODEL TEST")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", AudioWarning)
    scored: dict[tuple[str, int], list[tuple[NDArray, NDArray]]] = {}
    doubted: dict[tuple[int, str], list[NDArray]] = {}
    for path, test in zip(arguments.pairs[::2], arguments.pairs[1::2], strict=True):
        manifest = Manifest.read(test)
        embeddings = embed_manifest(Model.load(path), manifest)
        table = manifest.table.with_columns(
            row=pl.Series(embeddings.rows(manifest.table["utterance"]))
        )
        study(unit_rows(embeddings.vectors), table, scored, doubted)
    tell_scores(scored)
    tell_doubts(doubted)


def study(
    units: NDArray[np.float32],
    table: pl.DataFrame,
    scored: dict[tuple[str, int], list[tuple[NDArray, NDArray]]],
    doubted: dict[tuple[int, str], list[NDArray]],
) -> None:
    """Add what is found with one model: ratios and targets of trials, leave-one-out ratios."""
    groups = [part for part in table.partition_by("corpus") if part["speaker"].n_unique() > 5]
    for corpus in groups:
        speakers = corpus["speaker"].unique().sort().to_list()
        by_speaker = {
            name: corpus.filter(pl.col("speaker") == name)["row"].to_numpy() for name in speakers
        }
        calibration = calibrated(units, {name: by_speaker[name] for name in speakers[::2]})
        tested = {name: by_speaker[name] for name in speakers[1::2]}
        for count in COUNTS:
            for method in METHODS:
                scores, targets = trials(units, tested, count, method)
                if len(scores) and targets.any():
                    ratios = calibration.log_likelihood_ratios({SCORE: scores})
                    scored.setdefault((method, count), []).append((ratios, targets))
        for kind, count, scores in left_out(units, tested):
            ratios = calibration.log_likelihood_ratios({SCORE: scores})
            doubted.setdefault((count, kind), []).append(ratios)


def calibrated(units: NDArray[np.float32], speakers: dict[str, NDArray]) -> Calibration:
    """A calibration of the scores of all pairs of utterances."""
    rows = np.concatenate(list(speakers.values()))
    names = np.repeat(np.arange(len(speakers)), [len(each) for each in speakers.values()])
    one, other = np.triu_indices(len(rows), 1)
    scores = np.einsum("kd,kd->k", units[rows[one]], units[rows[other]])
    return Calibration.learn({SCORE: scores}, names[one] == names[other])


def trials(
    units: NDArray[np.float32], speakers: dict[str, NDArray], count: int, method: str
) -> tuple[NDArray, NDArray]:
    """Scores and targets of the speakers with more utterances than ``count``.

    Each against all others' and the rest of their own.
    """
    scores, targets = [], []
    generator = np.random.default_rng(count)
    for name, rows in speakers.items():
        if len(rows) <= count:
            continue
        order = generator.permutation(rows)
        others = np.concatenate([each for other, each in speakers.items() if other != name])
        tests = np.concatenate([order[count:], others])
        each = units[order[:count]] @ units[tests].T
        scores.append(combined(units[order[:count]], each, method))
        targets.append(np.arange(len(tests)) < len(order) - count)
    if not scores:
        return np.empty(0), np.empty(0, bool)
    return np.concatenate(scores), np.concatenate(targets)


def combined(enrolled: NDArray, scores: NDArray, method: str) -> NDArray:
    """(k,) from the scores (count, k) of enrolled unit vectors (count, d)."""
    if method == "best":
        return scores.max(axis=0)
    mean = scores.mean(axis=0)
    return mean if method == "mean of scores" else mean / np.linalg.norm(enrolled.mean(axis=0))


def left_out(
    units: NDArray[np.float32], speakers: dict[str, NDArray]
) -> Iterator[tuple[str, int, NDArray]]:
    """Scores of an utterance against the mean of those enrolled with it."""
    generator = np.random.default_rng(0)
    for count in (2, 3, 5, 8):
        own, foreign = [], []
        for name, rows in speakers.items():
            if len(rows) < count:
                continue
            chosen = generator.permutation(rows)[:count]
            own += [against_rest(units[chosen], place) for place in range(count)]
            others = np.concatenate([each for other, each in speakers.items() if other != name])
            chosen[0] = generator.choice(others)
            foreign.append(against_rest(units[chosen], 0))
        if own and foreign:
            yield "own", count, np.array(own)
            yield "another's", count, np.array(foreign)


def against_rest(units: NDArray[np.float32], place: int) -> float:
    """The cosine of an utterance with the mean of the others."""
    rest = np.delete(units, place, axis=0).mean(axis=0)
    return float(units[place] @ rest / np.linalg.norm(rest))


def tell_scores(scored: dict[tuple[str, int], list[tuple[NDArray, NDArray]]]) -> None:
    """Print error rates and costs of each way to score."""
    print("method           utterances   trials of target   EER (%)   Cllr")
    for (method, count), parts in sorted(scored.items(), key=lambda each: each[0][1]):
        rates, costs = [], []
        for ratios, targets in parts:
            rates.append(100 * equal_error_rate(ratios, targets)[0])
            costs.append(log_likelihood_ratio_cost(ratios, targets))
        count_of_targets = sum(int(targets.sum()) for _, targets in parts)
        print(
            f"{method:16} {count:10d} {count_of_targets:18,d} {np.mean(rates):9.2f} "
            f"{np.mean(costs):6.3f}"
        )


def tell_doubts(doubted: dict[tuple[int, str], list[NDArray]]) -> None:
    """Print how often an utterance falls below each limit."""
    limits = (0, -1, -2, -3, -4)
    print("\nutterances of                 share below a log-likelihood ratio of")
    print("              " + "".join(f"{limit:>8}" for limit in limits))
    for (count, kind), parts in sorted(doubted.items()):
        ratios = np.concatenate(parts)
        shares = "".join(f"{100 * np.mean(ratios < limit):8.1f}" for limit in limits)
        print(f"{count} {kind:12}{shares}")


if __name__ == "__main__":
    main()
