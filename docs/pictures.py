"""Draw the pictures of docs/methods, by the losses and encoders themselves.

python docs/pictures.py
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from contravox.encoders.mfa_conformer import MfaConformerSettings
from contravox.files.writing import atomic_path
from contravox.objectives.angular_margin import add_angular_margin
from contravox.objectives.functional import (
    am_softmax_loss,
    angular_contrastive_loss,
    class_attention,
    supcon_loss,
    uniformity_loss,
)
from contravox.objectives.multiscale import MapHead

FOLDER = Path(__file__).parent / "methods"
COLOURS = ("#0072B2", "#D55E00", "#009E73")
GREY = "#8c8c8c"
STYLE = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": GREY,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "contravox",
    "xtick.color": GREY,
    "ytick.color": GREY,
}
"""On a page of either scheme: nothing behind, letters of a grey between."""


def draw(folder: Path = FOLDER) -> None:
    """Write every picture."""
    for name, picture in PICTURES.items():
        torch.manual_seed(0)
        with matplotlib.rc_context(STYLE), atomic_path(folder / f"{name}.svg") as temporary:
            figure = picture()
            figure.savefig(temporary, format="svg", metadata={"Date": None})
            plt.close(figure)


def margin_and_attention() -> Figure:
    """Left: cos(θ + m) of a positive pair. Right: what a negative counts, by its own speaker."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    angles = torch.linspace(0, torch.pi, 200)
    for margin, colour in zip((0.0, 0.2, 0.5), COLOURS, strict=True):
        cosines = add_angular_margin(angles.cos(), margin)
        left.plot(angles.rad2deg(), cosines, color=colour, label=f"m = {margin:g}")
    left.set(title="cosine of a positive pair, with its margin", xlabel="angle in degrees")
    left.legend()
    own = torch.linspace(0.2, 0.9, 60)
    for sigma, colour in zip((0.18, 0.3, 1.0), COLOURS, strict=True):
        right.plot(own, _weights(own, sigma), color=colour, label=f"σ = {sigma:g}")
    right.set(
        title="weight of a negative, 1,211 speakers",
        xlabel="its cosine with its own speaker",
        ylim=0,
    )
    right.legend()
    return figure


def gradients_by_block() -> Figure:
    """Where the classifier's gradient goes in an encoder, and where that of the contrast does."""
    settings = MfaConformerSettings(
        blocks=6, size=32, heads=4, feed_forward=64, subsampling_channels=16, embedding_size=64
    )
    encoder = settings.build(80).eval()
    features, labels = torch.randn(16, 80, 100), torch.arange(16) % 4
    output = encoder(features, torch.full((16,), 100))
    vectors = [MapHead(settings.size, 64)(each) for each in output.maps]
    losses = {
        "classifier": am_softmax_loss(output.embedding, labels, torch.randn(4, 64), scale=30),
        "contrast on every map": sum(supcon_loss(each, labels) for each in vectors),
    }
    figure, axes = plt.subplots(figsize=(6, 2.8))
    places = range(settings.blocks)
    for number, (name, loss) in enumerate(losses.items()):
        norms = torch.stack([_gradient_norm(loss, block) for block in encoder.blocks])
        offset = 0.4 * (number - 0.5)
        shares = (norms / norms.sum()).tolist()
        middles = [place + offset for place in places]
        axes.bar(middles, shares, 0.4, color=COLOURS[number], label=name)
    axes.set(xlabel="block, the shallowest first", title="share of a loss's gradient")
    axes.set_xticks(places, [str(place + 1) for place in places])
    axes.legend()
    return figure


def equilibrium() -> Figure:
    """Pairs of segments on the circle, moved by the losses."""
    start = torch.randn(24, 2, 2) * 0.6 + torch.tensor([1.0, 0.3])
    losses: dict[str, Callable[[Tensor], Tensor] | None] = {
        "at the start": None,
        "similarity": _similarity,
        "uniformity": uniformity_loss,
        "both": lambda z: _similarity(z) + uniformity_loss(z),
    }
    figure, panels = plt.subplots(1, 4, figsize=(8, 2.2))
    for panel, (title, loss) in zip(panels, losses.items(), strict=True):
        _draw_circle(panel, _descended(start, loss))
        panel.set_title(title)
    return figure


def _weights(own: Tensor, sigma: float) -> Tensor:
    """Relative to their mean, of embeddings that have these cosines with prototype 0."""
    prototypes = torch.nn.functional.normalize(torch.randn(1211, 192))
    other = torch.randn(192)
    rest = torch.nn.functional.normalize(other - (other @ prototypes[0]) * prototypes[0], dim=0)
    embeddings = own[:, None] * prototypes[0] + (1 - own[:, None] ** 2).sqrt() * rest
    attention = class_attention(
        embeddings, torch.zeros(len(own), dtype=torch.long), prototypes, sigma=sigma
    )
    return attention / attention.mean()


def _gradient_norm(loss: Tensor, block: torch.nn.Module) -> Tensor:
    gradients = torch.autograd.grad(
        loss, list(block.parameters()), retain_graph=True, allow_unused=True
    )
    return torch.stack([each.norm() for each in gradients if each is not None]).norm()


def _similarity(embeddings: Tensor) -> Tensor:
    return angular_contrastive_loss(embeddings, w=10.0, b=-5.0)


def _descended(start: Tensor, loss: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Unit vectors (N, 2, 2) after gradient descent."""
    points = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([points], lr=0.03)
    for _ in range(150 if loss else 0):
        optimiser.zero_grad()
        loss(points).backward()  # type: ignore[misc]
        optimiser.step()
    return torch.nn.functional.normalize(points.detach(), dim=2)


def _draw_circle(panel: Axes, points: Tensor) -> None:
    panel.add_patch(plt.Circle((0, 0), 1, fill=False, color=GREY, linewidth=0.7))
    for number, pair in enumerate(points):
        x, y = pair.T
        colour = COLOURS[number % len(COLOURS)]
        panel.plot(x, y, color=colour, linewidth=1, marker="o", markersize=4, alpha=0.8)
    panel.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
    panel.axis("off")


PICTURES: dict[str, Callable[[], Figure]] = {
    "aamsupcon": margin_and_attention,
    "mfcon": gradients_by_block,
    "cel": equilibrium,
}

if __name__ == "__main__":
    draw()
