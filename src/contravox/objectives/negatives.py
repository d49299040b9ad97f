"""The log-sum of an anchor's negatives, without ever holding a matrix of all pairs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from contravox.objectives.checks import check_positive
from contravox.objectives.class_attention import AttentionForm, log_attention


def tile_of(vectors: Tensor, tile: int | None) -> int:
    """How many anchors are compared with all N vectors (N, ...) at a time: ``tile`` if given.

    Raises ValueError for a tile that is not positive.
    """
    if tile is not None:
        check_positive("tile", tile)
        return tile
    # On a CPU the similarities of a tile should stay in the cache; a GPU needs many at a time.
    total = len(vectors)
    if vectors.device.type == "cpu":
        return total if total <= 1024 else 256
    return max(256, 2**26 // total)


def negative_log_sums(
    vectors: Tensor,
    labels: Tensor,
    *,
    attention: Tensor | None = None,
    attention_form: AttentionForm = "weight",
    means: Tensor | None = None,
    tile: int,
) -> Tensor:
    """log Σ_{j: y_j ≠ y_i} exp(x_i·x_j) of vectors (N, d) with labels (N,): (N,), −inf without any.

    attention (N,), from 0 to 1, attends a pair by A_ij = min(a_i, a_j), or with means (N,) by
    min(a_i, a_j)/means_i: the form "weight" sums A_ij·exp(x_i·x_j), the form "logit"
    exp(A_ij·x_i·x_j).

    tile: anchors compared with all others at a time. Memory is O(N·d + tile·N), forwards and
    backwards: the backward pass computes the similarities again and finds their exponentials from
    the sums, as FlashAttention does (Dao et al. 2022, arXiv 2205.14135, section 3.1).
    """
    by_logit = attention is not None and attention_form == "logit"
    factors = attention if attention is None or by_logit else log_attention(attention)
    scales = 1 / means if by_logit and means is not None else None
    if tile >= len(vectors) and not (factors is not None and factors.requires_grad):
        sums = _AtOnce.apply(vectors, labels, factors, scales, attention_form)
    else:
        sums = _InTiles.apply(vectors, labels, factors, scales, attention_form, tile)
    # What weighs all of an anchor's terms alike comes out of its sum.
    return sums if by_logit or means is None else sums - means.log()


class _AtOnce(torch.autograd.Function):
    """The sums of a batch that is one tile: its exponentials wait for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        vectors: Tensor,
        labels: Tensor,
        factors: Tensor | None,
        scales: Tensor | None,
        form: str,
    ) -> Tensor:
        logits = vectors @ vectors.T
        smaller = None if factors is None else torch.minimum(factors[:, None], factors)
        if smaller is not None:
            logits = logits.add_(smaller) if form == "weight" else logits.mul_(smaller)
        if scales is not None:
            logits.mul_(scales[:, None])
        logits.masked_fill_(labels[:, None] == labels, -torch.inf)
        sums, log_sums = _exponentiate(logits)
        ctx.save_for_backward(vectors, logits, sums, smaller if form == "logit" else None, scales)
        return log_sums

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        vectors, exponentials, sums, slopes, scales = ctx.saved_tensors
        gradient = gradient if scales is None else gradient * scales
        with torch.autocast(vectors.device.type, enabled=False):
            weights = exponentials * (gradient / sums.masked_fill(sums == 0, 1))[:, None]
            # In both roles of a vector: see _InTiles.
            weights = weights + weights.T
            if slopes is not None:
                weights.mul_(slopes)
            return weights @ vectors, None, None, None, None


def _exponentiate(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Replace logits (n, m) by their exponentials, each row divided by its largest.

    Returns the sums (n,) of these, and the logarithms (n,) of the sums of the undivided.
    """
    # Finite even in a row of −inf alone, since −inf − −inf is not a number.
    largest = logits.amax(dim=1).clamp_(min=torch.finfo(logits.dtype).min)
    sums = logits.sub_(largest[:, None]).exp_().sum(dim=1)
    return sums, sums.log().add_(largest)


class _Tile(NamedTuple):
    """Some anchors, and the columns among which their negatives are.

    anchors, columns: slices of the N sorted vectors. near: slice of the columns beyond which every
    pair is negative; positive: (anchors, near) bool, the pairs in it that are not. logits, scratch:
    (anchors, columns), overwritten by the next tile.
    """

    anchors: slice
    columns: slice
    near: slice
    positive: Tensor
    logits: Tensor
    scratch: Tensor


def _tiles(vectors: Tensor, labels: Tensor, size: int) -> Iterator[_Tile]:
    """Tiles of x_i·x_j, of vectors (N, d) sorted by their labels (N,).

    Sorted, an anchor's positives are its neighbours, and all other columns need no mask.
    """
    total = len(vectors)
    first = torch.searchsorted(labels, labels).tolist()
    after = torch.searchsorted(labels, labels, right=True).tolist()
    memories = vectors.new_empty(2, min(size, total) * total)
    for start in range(0, total, size):
        stop = min(start + size, total)
        low, high = first[start], after[stop - 1]
        columns = slice(0, total)
        if high == after[start]:
            # Anchors of one label. If it is the first or the last, its own columns are left out.
            columns = slice(high if low == 0 else 0, low if high == total else total)
        width = columns.stop - columns.start
        if width <= 0:
            continue
        near = slice(max(low - columns.start, 0), min(max(high - columns.start, 0), width))
        logits, scratch = (
            memory[: (stop - start) * width].view(stop - start, width) for memory in memories
        )
        torch.mm(vectors[start:stop], vectors[columns].T, out=logits)
        positive = labels[start:stop, None] == labels[columns][near]
        yield _Tile(slice(start, stop), columns, near, positive, logits, scratch)


class _InTiles(torch.autograd.Function):
    """``negative_log_sums``, with the logarithm of attention as factors in the form "weight".

    A logit is ℓ_ij = r_i·s_ij, and but for the anchors' scales r_i everything about a pair is
    symmetric. So the gradient of a vector in both its roles, as the anchor and as a negative of
    others, comes from its own row: Σ_j W_ij ∂s_ij/∂x_i with
    W_ij = g_i r_i exp(r_i s_ij − lse_i) + g_j r_j exp(r_j s_ij − lse_j).
    """

    @staticmethod
    def forward(
        ctx: Any,
        vectors: Tensor,
        labels: Tensor,
        factors: Tensor | None,
        scales: Tensor | None,
        form: str,
        size: int,
    ) -> Tensor:
        # Sorted, so that a tile's positives lie together; the sums go back to the order that was.
        order = labels.argsort(stable=True)
        vectors, labels = vectors[order], labels[order]
        factors = None if factors is None else factors[order]
        scales = None if scales is None else scales[order]
        sums = vectors.new_full((len(vectors),), -torch.inf)
        for tile in _tiles(vectors, labels, size):
            logits = _attend(tile, factors, form)
            if scales is not None:
                logits.mul_(scales[tile.anchors, None])
            logits[:, tile.near].masked_fill_(tile.positive, -torch.inf)
            _, sums[tile.anchors] = _exponentiate(logits)
        ctx.save_for_backward(order, vectors, labels, factors, scales, sums)
        ctx.form, ctx.size = form, size
        return torch.empty_like(sums).index_copy_(0, order, sums)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        order, vectors, labels, factors, scales, sums = ctx.saved_tensors
        gradient = gradient[order]
        pulls = gradient if scales is None else gradient * scales
        by_logit = factors is not None and ctx.form == "logit"
        of_vectors = torch.zeros_like(vectors)
        of_factors = torch.zeros_like(sums) if ctx.needs_input_grad[2] else None
        of_scales = torch.zeros_like(sums) if ctx.needs_input_grad[3] else None
        # A backward pass may be run under the autocast that the forward pass was not.
        with torch.autocast(vectors.device.type, enabled=False):
            for tile in _tiles(vectors, labels, ctx.size):
                # The logits of the forward pass, once more; what a gradient needs of them is kept.
                anchors, columns = tile.anchors, tile.columns
                similarities = None
                if by_logit and of_factors is not None:
                    similarities = tile.logits.clone()
                logits, weights = _attend(tile, factors, ctx.form), tile.scratch
                attended = None if of_scales is None else logits.clone()
                # The second term of W_ij, of i as a negative of j, and the first, of i as anchor.
                if scales is None:
                    torch.sub(logits, sums[columns], out=weights)
                else:
                    torch.mul(logits, scales[columns], out=weights).sub_(sums[columns])
                    logits.mul_(scales[anchors, None])
                weights.exp_().mul_(pulls[columns])
                as_anchor = logits.sub_(sums[anchors, None]).exp_().mul_(pulls[anchors, None])
                # A scale meets the logits of its own anchor alone, ∂(r_i s_ij)/∂r_i = s_ij.
                if of_scales is not None and attended is not None:
                    attended.mul_(as_anchor)[:, tile.near].masked_fill_(tile.positive, 0)
                    of_scales[anchors] = attended.sum(dim=1) / scales[anchors]
                # W_ij, of negatives alone.
                weights.add_(as_anchor)[:, tile.near].masked_fill_(tile.positive, 0)
                # A pair's factor is the smaller of two, and its gradient goes to that one.
                if of_factors is not None:
                    of_pairs = weights if similarities is None else weights * similarities
                    of_factors[anchors] = (of_pairs * _share(tile, factors)).sum(dim=1)
                # Σ_j W_ij ∂s_ij/∂x_i, where s_ij is x_i·x_j or A_ij x_i·x_j.
                if by_logit:
                    weights.mul_(torch.minimum(factors[anchors, None], factors[columns]))
                torch.mm(weights, vectors[columns], out=of_vectors[anchors])
        gradients = (
            None if each is None else torch.empty_like(each).index_copy_(0, order, each)
            for each in (of_vectors, None, of_factors, of_scales)
        )
        return *gradients, None, None


def _attend(tile: _Tile, factors: Tensor | None, form: str) -> Tensor:
    """The tile's logits, changed in place by the smaller factor of either segment of a pair."""
    if factors is None:
        return tile.logits
    smaller = torch.minimum(factors[tile.anchors, None], factors[tile.columns], out=tile.scratch)
    return tile.logits.add_(smaller) if form == "weight" else tile.logits.mul_(smaller)


def _share(tile: _Tile, factors: Tensor) -> Tensor:
    """What the anchor's factor gets of a pair's gradient: all if it is smaller, half if equal."""
    return torch.heaviside(
        factors[tile.columns] - factors[tile.anchors, None], factors.new_tensor(0.5)
    )
