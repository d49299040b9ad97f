"""What every encoder takes and gives."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class FeatureMap:
    """What one stage of an encoder sees.

    values: (N, channels, frames); frames past a row's length are zero.
    lengths: (N,) int64, valid frames of each row.
    """

    values: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class EncoderOutput:
    """embedding: (N, d), not normalised; maps: the feature maps from shallow to deep.

    stem: (N, ...), what the first layers put out, by which alone the input reaches all of these.
    """

    embedding: Tensor
    maps: tuple[FeatureMap, ...]
    stem: Tensor


class Encoder(nn.Module):
    """Log-Mel features to one embedding per segment.

    Subclasses set ``embedding_size`` (d) and ``map_channels`` (channels of each feature map,
    shallow to deep) and implement ``forward``.
    """

    embedding_size: int
    map_channels: tuple[int, ...]

    def forward(self, features: Tensor, lengths: Tensor) -> EncoderOutput:
        """Encode (N, bins, frames) features of which the first ``lengths`` (N,) frames are valid.

        Frames past a row's length change nothing: embedding a padded batch gives what embedding
        its rows one by one gives.
        """
        raise NotImplementedError

    def __call__(self, features: Tensor, lengths: Tensor) -> EncoderOutput:
        return super().__call__(features, lengths)
