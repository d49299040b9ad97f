"""Encoders: from log-Mel features to one embedding per segment."""

from typing import Annotated

from pydantic import Field

from contravox.encoders.ecapa_tdnn import EcapaTdnn, EcapaTdnnSettings
from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.fast_resnet34 import FastResNet34, FastResNet34Settings
from contravox.encoders.mfa_conformer import MfaConformer, MfaConformerSettings

EncoderSettings = Annotated[
    EcapaTdnnSettings | MfaConformerSettings | FastResNet34Settings, Field(discriminator="name")
]


def build_encoder(settings: EncoderSettings, bins: int) -> Encoder:
    """The encoder that ``settings`` describe, for features of ``bins`` bins."""
    match settings:
        case EcapaTdnnSettings():
            return EcapaTdnn(settings, bins)
        case MfaConformerSettings():
            return MfaConformer(settings, bins)
        case FastResNet34Settings():
            return FastResNet34(settings, bins)


__all__ = [
    "EcapaTdnn",
    "EcapaTdnnSettings",
    "Encoder",
    "EncoderOutput",
    "EncoderSettings",
    "FastResNet34",
    "FastResNet34Settings",
    "FeatureMap",
    "MfaConformer",
    "MfaConformerSettings",
    "build_encoder",
]
