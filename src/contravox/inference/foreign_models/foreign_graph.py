"""An ONNX graph of another toolkit: what it takes and gives, found by shape and by trying it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from contravox.errors import ModelError, brief
from contravox.inference.onnx_model import RuntimeErrors, open_session

Layout = Literal["frames, bins", "bins, frames", "samples", "1, samples"]
"""Of what a graph takes, after the first dimension, of recordings."""

MOST_BINS = 256
"""More are no filter bank."""


@dataclass(frozen=True)
class ForeignGraph:
    """What a graph takes and gives.

    taken: the name of what is taken, of ``layout``. lengths: the name of what takes how many
    frames or samples there are, or None. given: the name of the embedding, of ``size`` numbers.
    bins: of the filter bank, 0 where a waveform is taken.
    """

    taken: str
    layout: Layout
    lengths: str | None
    bins: int
    given: str
    size: int

    @property
    def words(self) -> str:
        """What it takes and gives, as a graph names it."""
        lengths = f" and {self.lengths}" if self.lengths else ""
        of = f"a filter bank of {self.bins} bins" if self.bins else "a waveform"
        return (
            f"takes {of} as {self.taken} (N, {self.layout}){lengths}, gives {self.given} "
            f"(N, {self.size})"
        )


def look_at(graph: bytes, name: str, bins: int | None, output: str | None) -> ForeignGraph:
    """Find out what a graph takes and gives.

    name: of its file, for messages. bins: of its filter bank, where its shape does not tell.
    output: the name of the embedding, where it gives several.

    Raises ModelError.
    """
    session = open_session(graph, name)
    taken, layout, found, lengths = _input(session, name, bins)
    outputs = [each.name for each in session.get_outputs() if output is None or each.name == output]
    if not outputs:
        raise ModelError(
            f"{name}: gives nothing that is called {brief(str(output))}, "
            f"but {_told(session.get_outputs())}"
        )
    sizes = _tried(session, name, taken, layout, found, lengths, outputs)
    if len(sizes) != 1:
        told = ", ".join(f"{each} {size}" for each, size in sizes.items()) or "none"
        raise ModelError(
            f"{name}: of what it gives ({_told(session.get_outputs())}) so many may be an "
            f"embedding: {told}: name one by --output-name"
        )
    [(given, size)] = sizes.items()
    return ForeignGraph(taken, layout, lengths, found, given, size)


def _input(
    session: onnxruntime.InferenceSession, name: str, bins: int | None
) -> tuple[str, Layout, int, str | None]:
    """The name, layout and bins of what is taken, and the name of what takes lengths."""
    inputs = session.get_inputs()
    lengths = [
        each.name for each in inputs if each.type in ("tensor(int64)", "tensor(int32)")
        and len(each.shape) == 1
    ]  # fmt: skip
    others = [each for each in inputs if each.name not in lengths]
    found = [_layout(each.shape, bins) for each in others if each.type == "tensor(float)"]
    if len(others) != 1 or len(lengths) > 1 or found in ([], [None]):
        raise ModelError(
            f"{name}: takes {_told(inputs)}, where a filter bank (N, frames, bins) or a waveform "
            "(N, samples) is expected: not a model of speakers that can be converted"
        )
    assert found[0] is not None
    layout, of_shape = found[0]
    if bins and of_shape and bins != of_shape:
        raise ModelError(f"{name}: takes {of_shape} bins, not the {bins} of --bins")
    return others[0].name, layout, of_shape, lengths[0] if lengths else None


def _layout(shape: Sequence[Any], bins: int | None) -> tuple[Layout, int] | None:
    """How an input of a shape is laid out, and its bins; None where it is neither."""
    fixed = [size if isinstance(size, int) and size > 0 else None for size in shape]
    match fixed:
        case [_, None]:
            return "samples", 0
        case [_, 1, None]:
            return "1, samples", 0
        case [_, None, int(size)] if size <= MOST_BINS:
            return "frames, bins", size
        case [_, int(size), None] if size <= MOST_BINS:
            return "bins, frames", size
        case [_, None, None]:
            return "frames, bins", bins or 80
        case _:
            return None


def _tried(
    session: onnxruntime.InferenceSession,
    name: str,
    taken: str,
    layout: Layout,
    bins: int,
    lengths: str | None,
    outputs: Sequence[str],
) -> dict[str, int]:
    """The size of each output that may be an embedding.

    One vector whatever the frames, and not the same for all that is taken.
    """
    vectors: list[list[NDArray[Any]]] = []
    generator = np.random.default_rng(0)
    for length in (300, 300, 211):
        rows = example(layout, bins, length if bins else 160 * length, generator)
        feed: dict[str, NDArray[Any]] = {taken: rows}
        if lengths is not None:
            kind = {each.name: each.type for each in session.get_inputs()}[lengths]
            count = length if bins else 160 * length
            feed[lengths] = np.array([count], np.int32 if "int32" in kind else np.int64)
        try:
            vectors.append(session.run(list(outputs), feed))
        except RuntimeErrors as error:
            raise ModelError(
                f"{name}: does not take {rows.shape} as {taken} ({brief(str(error), 150)}): export "
                "it again, of any length"
            ) from error
    sizes = {}
    for each, (one, other, shorter) in zip(outputs, zip(*vectors, strict=True), strict=True):
        if one.dtype != np.float32 or one.size < 2 or one.shape != shorter.shape:
            continue
        finite = all(np.isfinite(vector).all() for vector in (one, other, shorter))
        if finite and max(one.shape) == one.size and not np.allclose(one, other):
            sizes[each] = one.size
    return sizes


def example(
    layout: Layout, bins: int, length: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Something of a layout to try a graph with: one row."""
    shapes: dict[Layout, tuple[int, ...]] = {
        "frames, bins": (1, length, bins),
        "bins, frames": (1, bins, length),
        "samples": (1, length),
        "1, samples": (1, 1, length),
    }
    return generator.normal(0, 0.1, shapes[layout]).astype(np.float32)


def _told(tensors: Sequence[Any]) -> str:
    shapes = (f"{each.name} {tuple(each.shape)} of {each.type[7:-1]}" for each in tensors)
    return brief(", ".join(shapes), 200)
