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
]
