"""Embeddings laid out in the plane, so that one can see whether speakers keep apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

FEWEST = 10
"""Utterances below which t-SNE has no neighbourhoods to keep."""

NO_SPREAD = 1e-6
"""Standard deviation of embeddings of length 1 below which they are all the same."""

FEWEST_OF_A_SPEAKER = 20
"""Utterances of a speaker that are kept, if there are so many, before speakers are left out."""


@dataclass(frozen=True)
class EmbeddingMap:
    """positions: (n, 2), of no unit; speakers: n names or None; method: how it was made."""

    positions: NDArray[np.float64]
    speakers: Sequence[str | None]
    method: Literal["t-SNE", "PCA"]


def map_embeddings(
    vectors: NDArray[np.float32],
    speakers: Sequence[str | None] | pl.Series,
    *,
    maximum: int = 2000,
    seed: int = 0,
) -> EmbeddingMap:
    """Lay embeddings out in the plane, where those of a small angle are near one another.

    By t-SNE (van der Maaten & Hinton, Journal of Machine Learning Research 9, 2008) of the
    embeddings at length 1 where scikit-learn is installed and there are ten utterances or more,
    else by their two principal components.

    vectors: (n, d) embeddings of any length. speakers: n names, None where unknown. maximum: how
    many utterances to map at most; beyond it speakers are drawn, each with as many utterances as
    leave room for all speakers, but twenty if it has them. seed: of that draw and of t-SNE.

    Raises ValueError where there is no embedding, or not one speaker for each.

    """
    if not len(vectors) or len(vectors) != len(speakers):
        raise ValueError(f"needs a speaker for each embedding, got {len(speakers)}, {len(vectors)}")
    names = pl.Series("speaker", speakers, dtype=pl.String)
    rows = _choose(names, maximum, seed)
    chosen = vectors[rows].astype(np.float64)
    lengths = np.linalg.norm(chosen, axis=1, keepdims=True)
    units = chosen / np.maximum(lengths, np.finfo(np.float64).tiny)
    positions, method = _lay_out(units - units.mean(axis=0), seed)
    return EmbeddingMap(positions, names[rows].to_list(), method)


def _lay_out(
    centred: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], Literal["t-SNE", "PCA"]]:
    """Give the positions (n, 2) of embeddings (n, d), and how they were found."""
    components = _principal_components(centred)
    spread = components[:, 0].std()
    # scikit-learn crashes where all points are the same.
    if len(centred) < FEWEST or spread < NO_SPREAD:
        return components, "PCA"
    # Imported here because scikit-learn takes its time, and the map does without it.
    try:
        from sklearn.manifold import TSNE  # type: ignore[import-untyped]
    except ImportError:
        return components, "PCA"
    # As small as scikit-learn's own start from the principal components.
    start = (1e-4 * components / spread).astype(np.float32)
    perplexity = min(30.0, (len(centred) - 1) / 3)
    model = TSNE(perplexity=perplexity, init=start, random_state=seed)
    return model.fit_transform(centred).astype(np.float64), "t-SNE"


def _choose(speakers: pl.Series, maximum: int, seed: int) -> NDArray[np.int64]:
    """Rows of at most ``maximum`` utterances, speaker by speaker where not all can be kept."""
    if len(speakers) <= maximum:
        return np.arange(len(speakers))
    order = np.random.default_rng(seed).permutation(len(speakers))
    table = pl.DataFrame({"speaker": speakers[order], "row": order})
    each = max(FEWEST_OF_A_SPEAKER, maximum // speakers.n_unique())
    table = table.with_row_index("place").filter(pl.int_range(pl.len()).over("speaker") < each)
    first = pl.col("place").min().over("speaker")
    return table.sort(first, "place").head(maximum)["row"].sort().to_numpy()


def _principal_components(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """The two directions of the most variance, (n, 2); zeros for one that there is not."""
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    components = (left * scale)[:, :2]
    # Either sign is right; the same one on every machine.
    peaks = np.abs(components).argmax(axis=0)
    components *= np.where(components[peaks, range(components.shape[1])] < 0, -1, 1)
    return np.pad(components, [(0, 0), (0, 2 - components.shape[1])])
