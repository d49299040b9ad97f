"""Contrastive losses on the encoder's feature maps, each through a head of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from contravox.encoders.encoder import FeatureMap
from contravox.encoders.pooling import AttentiveStatisticsPooling
from contravox.errors import RecipeError
from contravox.objectives.n_pairs import NPairsSettings
from contravox.objectives.nt_xent import NtXentSettings
from contravox.objectives.objective import Gate, Objective, ObjectiveSettings, Site, ungated
from contravox.objectives.segments import Segments
from contravox.objectives.supcon import SupConSettings
from contravox.objectives.triplet import TripletSettings
from contravox.precision import at_least_float32
from contravox.settings import NotNegative, Size

ContrastSettings = SupConSettings | NtXentSettings | TripletSettings | NPairsSettings
"""Of the losses that work on any vectors with labels, and so on feature maps too."""


class MultiscaleSettings(ObjectiveSettings):
    """contrast: the loss of each head, whose own weight stays 1.

    maps: "all", "last", or the indices of the encoder's feature maps, 0 the shallowest.
    map_weights: one per chosen map, in their order; 1 each if not given.
    separate: balance and log the loss of each map as an objective of its own.
    head_size: size of the vectors that are contrasted.
    global_context, attention_norm: of the heads' pooling, see ``AttentiveStatisticsPooling``; the
    public code has both.
    """

    name: Literal["multiscale"] = "multiscale"
    contrast: Annotated[ContrastSettings, Field(discriminator="name")] = SupConSettings()
    maps: Literal["all", "last"] | tuple[NonNegativeInt, ...] = "all"
    map_weights: tuple[NotNegative, ...] | None = None
    separate: bool = False
    head_size: Size = 192
    global_context: bool = False
    attention_norm: bool = False

    def build(self, site: Site) -> "Multiscale":
        return Multiscale(self, site)

    @model_validator(mode="after")
    def _one_weight(self) -> Self:
        if self.contrast.weight != 1:
            raise ValueError("contrast.weight has no effect here: set weight, one level up")
        if self.map_weights is not None and not any(self.map_weights):
            raise ValueError("map_weights: every one is 0: set one above it, or set weight=0")
        return self


class MapHead(nn.Module):
    """One feature map to one vector: LayerNorm, attentive statistics, BatchNorm, Linear.

    Dixit et al. 2024 (arXiv 2410.05037). Exists in training only.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        global_context: bool = False,
        attention_norm: bool = False,
    ) -> None:
        super().__init__()
        self.frame_norm = nn.LayerNorm(channels)
        self.pooling = AttentiveStatisticsPooling(
            channels, global_context=global_context, attention_norm=attention_norm
        )
        self.project = nn.Sequential(nn.BatchNorm1d(2 * channels), nn.Linear(2 * channels, size))

    def forward(self, feature_map: FeatureMap) -> Tensor:
        """(N, channels, frames) to (N, size)."""
        frames = self.frame_norm(feature_map.values.transpose(1, 2)).transpose(1, 2)
        return self.project(self.pooling(frames, feature_map.lengths))


class Multiscale(Objective[MultiscaleSettings]):
    """1/L Σ_l w_l·contrast(head_l(map_l)) over L feature maps: MFCon, Dixit et al. 2024.

    Raises RecipeError if settings name a map that the encoder lacks, or weights of another number
    than maps.
    """

    reads_maps = True

    def __init__(self, settings: MultiscaleSettings, site: Site) -> None:
        super().__init__(settings)
        self.chosen = _chosen_maps(settings.maps, len(site.map_channels))
        self.map_weights = settings.map_weights or (1.0,) * len(self.chosen)
        if len(self.map_weights) != len(self.chosen):
            raise RecipeError(
                f"map_weights: {len(self.map_weights)} given for {len(self.chosen)} maps"
            )
        self.heads = nn.ModuleList(
            MapHead(
                site.map_channels[index],
                settings.head_size,
                global_context=settings.global_context,
                attention_norm=settings.attention_norm,
            )
            for index in self.chosen
        )
        self.contrast = settings.contrast.build(site)

    @property
    def parts(self) -> Mapping[str, float]:
        """With ``separate`` one for each map, such that all of them add up as one."""
        if not self.settings.separate:
            return super().parts
        weighted = zip(self.chosen, self.map_weights, strict=True)
        return {f".map{index}": weight / len(self.chosen) for index, weight in weighted}

    def head_vectors(self, maps: Sequence[FeatureMap], gate: Gate = ungated) -> tuple[Tensor, ...]:
        """A vector (N, head_size) of each chosen one of the encoder's maps, at least float32.

        The heads belong to this objective, so they look at the maps through its gate.
        """
        chosen = [maps[index] for index in self.chosen]
        parts = self.parts if self.settings.separate else [""] * len(chosen)
        return tuple(
            at_least_float32(head(replace(seen, values=gate(part, seen.values))))
            for head, part, seen in zip(self.heads, parts, chosen, strict=True)
        )

    def loss_of(self, part: str, segments: Segments, map_vectors: tuple[Tensor, ...]) -> Tensor:
        if not self.settings.separate:
            return self(segments, map_vectors)
        return self.contrast(segments, map_vectors[list(self.parts).index(part)])

    def forward(self, segments: Segments, map_vectors: Sequence[Tensor]) -> Tensor:
        """The mean over maps of their weighted losses."""
        losses = torch.stack([self.contrast(segments, of_map) for of_map in map_vectors])
        return (losses * losses.new_tensor(self.map_weights)).mean()


def _chosen_maps(maps: str | tuple[int, ...], count: int) -> tuple[int, ...]:
    """Indices of the chosen ones of ``count`` feature maps."""
    if count == 0:
        raise RecipeError("maps: the encoder has no feature maps: use supcon on its embedding")
    if maps == "all":
        return tuple(range(count))
    if maps == "last":
        return (count - 1,)
    chosen = tuple(int(index) for index in maps)
    if not chosen or max(chosen) >= count or len(set(chosen)) < len(chosen):
        raise RecipeError(
            f"maps: {list(chosen)} given, but the encoder's feature maps are 0 to {count - 1}: "
            "name one or more of them, each once"
        )
    return chosen
