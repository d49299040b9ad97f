"""Encoders: from log-Mel features to one embedding per segment."""

from typing import Annotated

from pydantic import Field

from contravox.encoders.cam_plus_plus import CamPlusPlus, CamPlusPlusSettings
from contravox.encoders.ecapa_tdnn import EcapaTdnn, EcapaTdnnSettings
from contravox.encoders.encoder import Encoder, EncoderOutput, FeatureMap
from contravox.encoders.fast_resnet34 import FastResNet34, FastResNet34Settings
from contravox.encoders.mfa_conformer import MfaConformer, MfaConformerSettings
from contravox.encoders.resnet34 import ResNet34, ResNet34Settings

EncoderSettings = Annotated[
    EcapaTdnnSettings
    | MfaConformerSettings
    | FastResNet34Settings
    | ResNet34Settings
    | CamPlusPlusSettings,
    Field(discriminator="name"),
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
        case ResNet34Settings():
            return ResNet34(settings, bins)
        case CamPlusPlusSettings():
            return CamPlusPlus(settings, bins)


__all__ = [
    "CamPlusPlus",
    "CamPlusPlusSettings",
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
    "ResNet34",
    "ResNet34Settings",
    "build_encoder",
]
