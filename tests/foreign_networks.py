"""Networks of other toolkits in the plainest form, by the names that their weights have there.

Each weight is drawn when it is first used, so that a network says its names, shapes and mathematics
in one place. They were held to the originals' own modules where those could be had, see
docs/other_models.md.
"""

import math

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional

ECAPA = {"channels": 16, "scale": 4, "squeeze": 6, "attention": 5, "aggregation": 24, "size": 7}


class Weights(dict[str, Tensor]):
    """By name; drawn when first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def drawn(self, name: str, *shape: int) -> Tensor:
        if name not in self:
            inputs = math.prod(shape[1:])
            self[name] = torch.randn(shape, generator=self.generator) / inputs**0.5
        return self[name]

    def convolve(
        self, name: str, values: Tensor, outputs: int, kernel: int, bias: bool = True, **how: object
    ) -> Tensor:
        """Of one dimension or of two."""
        dimensions = values.ndim - 2
        weight = self.drawn(f"{name}.weight", outputs, values.shape[1], *[kernel] * dimensions)
        added = self.drawn(f"{name}.bias", outputs) if bias else None
        function = functional.conv1d if dimensions == 1 else functional.conv2d
        return function(values, weight, added, **how)

    def linear(self, name: str, values: Tensor, outputs: int) -> Tensor:
        weight = self.drawn(f"{name}.weight", outputs, values.shape[-1])
        return functional.linear(values, weight, self.drawn(f"{name}.bias", outputs))

    def norm(self, name: str, values: Tensor, affine: bool = True) -> Tensor:
        channels = values.shape[1]
        mean = self.drawn(f"{name}.running_mean", channels)
        variance = self.setdefault(
            f"{name}.running_var", 0.5 + torch.rand(channels, generator=self.generator)
        )
        self.setdefault(f"{name}.num_batches_tracked", torch.tensor(9))
        weight = self.drawn(f"{name}.weight", channels) if affine else None
        bias = self.drawn(f"{name}.bias", channels) if affine else None
        return functional.batch_norm(values, mean, variance, weight, bias)


def deviation(values: Tensor, floor: float = 1e-7) -> Tensor:
    """Of a sample, over time."""
    return (values.var(dim=-1) + floor).sqrt()


def wespeaker_ecapa_tdnn(
    net: Weights, features: Tensor, *, context: bool = True, embedding_norm: bool = False
) -> Tensor:
    channels, width = ECAPA["channels"], ECAPA["channels"] // ECAPA["scale"]
    values = net.convolve("layer1.conv", features, channels, 5, padding=2).relu()
    values = net.norm("layer1.bn", values)
    outputs = []
    for layer in (2, 3, 4):
        name = f"layer{layer}.se_res2block"
        inner = net.norm(f"{name}.0.bn", net.convolve(f"{name}.0.conv", values, channels, 1).relu())
        groups, group = [], torch.zeros(1)
        for index, part in enumerate(inner.split(width, dim=1)[:-1]):
            part = part + group
            convolved = net.convolve(
                f"{name}.1.convs.{index}", part, width, 3, padding=layer, dilation=layer
            )
            group = net.norm(f"{name}.1.bns.{index}", convolved.relu())
            groups.append(group)
        inner = torch.cat([*groups, inner[:, -width:]], dim=1)
        inner = net.norm(f"{name}.2.bn", net.convolve(f"{name}.2.conv", inner, channels, 1).relu())
        gate = net.linear(f"{name}.3.linear1", inner.mean(dim=2), ECAPA["squeeze"]).relu()
        gate = net.linear(f"{name}.3.linear2", gate, channels).sigmoid()
        values = values + inner * gate[..., None]
        outputs.append(values)
    values = net.convolve("conv", torch.cat(outputs, dim=1), ECAPA["aggregation"], 1).relu()
    seen = values
    if context:
        mean, spread = values.mean(dim=2), deviation(values)
        seen = torch.cat(
            [values, *(each[..., None].expand_as(values) for each in (mean, spread))], dim=1
        )
    hidden = net.convolve("pool.linear1", seen, ECAPA["attention"], 1).tanh()
    weights = net.convolve("pool.linear2", hidden, ECAPA["aggregation"], 1).softmax(dim=2)
    mean = (weights * values).sum(dim=2)
    spread = ((weights * values**2).sum(dim=2) - mean**2).clamp(min=1e-7).sqrt()
    pooled = net.norm("bn", torch.cat([mean, spread], dim=1))
    embedding = net.linear("linear", pooled, ECAPA["size"])
    return net.norm("bn2", embedding) if embedding_norm else embedding


def speechbrain_ecapa_tdnn(net: Weights, features: Tensor) -> Tensor:
    channels, width = ECAPA["channels"], ECAPA["channels"] // ECAPA["scale"]

    def frames(
        name: str, values: Tensor, outputs: int, kernel: int = 1, dilation: int = 1
    ) -> Tensor:
        padding = (kernel - 1) // 2 * dilation
        if padding:
            values = functional.pad(values, (padding, padding), mode="reflect")
        convolved = net.convolve(f"{name}.conv.conv", values, outputs, kernel, dilation=dilation)
        return net.norm(f"{name}.norm.norm", convolved.relu())

    values = frames("blocks.0", features, channels, 5)
    outputs = []
    for block in (1, 2, 3):
        name = f"blocks.{block}"
        first, *groups = frames(f"{name}.tdnn1", values, channels).split(width, dim=1)
        parts, group = [first], torch.zeros(1)
        for index, part in enumerate(groups):
            part = part + group
            group = frames(f"{name}.res2net_block.blocks.{index}", part, width, 3, block + 1)
            parts.append(group)
        inner = frames(f"{name}.tdnn2", torch.cat(parts, dim=1), channels)
        gate = inner.mean(dim=2, keepdim=True)
        gate = net.convolve(f"{name}.se_block.conv1.conv", gate, ECAPA["squeeze"], 1).relu()
        gate = net.convolve(f"{name}.se_block.conv2.conv", gate, channels, 1).sigmoid()
        values = values + inner * gate
        outputs.append(values)
    values = frames("mfa", torch.cat(outputs, dim=1), ECAPA["aggregation"])
    mean = values.mean(dim=2, keepdim=True).expand_as(values)
    spread = values.var(dim=2, keepdim=True, correction=0).clamp(min=1e-12).sqrt()
    seen = torch.cat([values, mean, spread.expand_as(values)], dim=1)
    hidden = frames("asp.tdnn", seen, ECAPA["attention"]).tanh()
    weights = net.convolve("asp.conv.conv", hidden, ECAPA["aggregation"], 1).softmax(dim=2)
    mean = (weights * values).sum(dim=2, keepdim=True)
    spread = (weights * (values - mean) ** 2).sum(dim=2, keepdim=True).clamp(min=1e-12).sqrt()
    pooled = net.norm("asp_bn.norm", torch.cat([mean, spread], dim=1))
    return net.convolve("fc.conv", pooled, ECAPA["size"], 1)[..., 0]


def residual_block(
    net: Weights,
    name: str,
    values: Tensor,
    outputs: int,
    stride: tuple[int, int],
    shortcut: str,
    relu_first: bool = False,
) -> Tensor:
    """As in PyTorch's ResNet; relu_first: before BatchNorm, and with squeeze-excitation."""
    hidden = net.convolve(f"{name}.conv1", values, outputs, 3, False, padding=1, stride=stride)
    if relu_first:
        hidden = net.norm(f"{name}.bn1", hidden.relu())
    else:
        hidden = net.norm(f"{name}.bn1", hidden).relu()
    hidden = net.convolve(f"{name}.conv2", hidden, outputs, 3, False, padding=1)
    hidden = net.norm(f"{name}.bn2", hidden)
    if relu_first:
        gate = net.linear(f"{name}.se.fc.0", hidden.mean(dim=(2, 3)), outputs // 8).relu()
        gate = net.linear(f"{name}.se.fc.2", gate, outputs).sigmoid()
        hidden = hidden * gate[..., None, None]
    if stride != (1, 1) or values.shape[1] != outputs:
        values = net.convolve(f"{name}.{shortcut}.0", values, outputs, 1, False, stride=stride)
        values = net.norm(f"{name}.{shortcut}.1", values)
    return (hidden + values).relu()


def wespeaker_resnet34(net: Weights, features: Tensor) -> Tensor:
    values = net.norm(
        "bn1", net.convolve("conv1", features[:, None], 4, 3, False, padding=1)
    ).relu()
    for layer, blocks in enumerate((1, 2, 1, 1), start=1):
        for block in range(blocks):
            stride = 2 if layer > 1 and block == 0 else 1
            name, outputs = f"layer{layer}.{block}", 4 * 2 ** (layer - 1)
            values = residual_block(net, name, values, outputs, (stride, stride), "shortcut")
    pooled = torch.cat([values.mean(dim=-1).flatten(1), deviation(values).flatten(1)], dim=1)
    return net.linear("seg_1", pooled, 9)


def voxceleb_trainer_fast_resnet34(net: Weights, features: Tensor) -> Tensor:
    values = net.convolve("conv1", features[:, None], 8, 7, False, stride=(2, 1), padding=3)
    values = net.norm("bn1", values).relu()
    for layer, blocks in enumerate((1, 2, 1, 1), start=1):
        for block in range(blocks):
            stride = 2 if layer in (2, 3) and block == 0 else 1
            name, outputs = f"layer{layer}.{block}", 8 * 2 ** (layer - 1)
            values = residual_block(
                net, name, values, outputs, (stride, stride), "downsample", relu_first=True
            )
    frames = values.mean(dim=2).transpose(1, 2)
    hidden = net.linear("sap_linear", frames, frames.shape[-1]).tanh()
    weights = (hidden @ net.drawn("attention", frames.shape[-1], 1)).softmax(dim=1)
    return net.linear("fc", (frames * weights).sum(dim=1), 9)


def cam_plus_plus(net: Weights, features: Tensor) -> Tensor:
    values = features[:, None]
    values = net.norm("head.bn1", net.convolve("head.conv1", values, 4, 3, False, padding=1)).relu()
    for layer in (1, 2):
        for block in (0, 1):
            stride = (1 if block else 2, 1)
            name = f"head.layer{layer}.{block}"
            values = residual_block(net, name, values, 4, stride, "shortcut")
    values = net.convolve("head.conv2", values, 4, 3, False, stride=(2, 1), padding=1)
    values = net.norm("head.bn2", values).relu().flatten(1, 2)

    def norm_relu(name: str, values: Tensor) -> Tensor:
        return net.norm(f"{name}.batchnorm", values).relu()

    values = net.convolve("xvector.tdnn.linear", values, 8, 5, False, stride=2, padding=2)
    values = norm_relu("xvector.tdnn.nonlinear", values)
    for block, (layers, dilation) in enumerate(((2, 1), (3, 2), (1, 2)), start=1):
        for layer in range(1, layers + 1):
            name = f"xvector.block{block}.tdnnd{layer}"
            inner = norm_relu(f"{name}.nonlinear1", values)
            inner = norm_relu(
                f"{name}.nonlinear2", net.convolve(f"{name}.linear1", inner, 6, 1, False)
            )
            local = f"{name}.cam_layer.linear_local"
            added = net.convolve(local, inner, 4, 3, False, padding=dilation, dilation=dilation)
            part = torch.cat(
                [
                    each.mean(dim=2, keepdim=True).expand_as(each)
                    for each in inner.split(100, dim=2)
                ],
                dim=2,
            )
            gate = inner.mean(dim=2, keepdim=True) + part
            gate = net.convolve(f"{name}.cam_layer.linear1", gate, 3, 1).relu()
            gate = net.convolve(f"{name}.cam_layer.linear2", gate, 4, 1).sigmoid()
            values = torch.cat([values, added * gate], dim=1)
        name = f"xvector.transit{block}"
        values = norm_relu(f"{name}.nonlinear", values)
        values = net.convolve(f"{name}.linear", values, values.shape[1] // 2, 1, False)
    values = norm_relu("xvector.out_nonlinear", values)
    pooled = torch.cat([values.mean(dim=2), values.std(dim=2)], dim=1)[..., None]
    embedding = net.convolve("xvector.dense.linear", pooled, 9, 1, False)[..., 0]
    return net.norm("xvector.dense.nonlinear.batchnorm", embedding, affine=False)


def mean_of_frames(bins: int = 24, size: int = 6) -> onnx.ModelProto:
    """A graph that takes (N, frames, bins): the mean over frames of |a linear layer|."""
    matrix = np.random.default_rng(0).normal(size=(bins, size)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["feats", "w"], ["each"]),
        helper.make_node("Abs", ["each"], ["positive"]),
        helper.make_node("ReduceMean", ["positive"], ["embs"], axes=[1], keepdims=0),
    ]
    takes = helper.make_tensor_value_info("feats", TensorProto.FLOAT, ["B", "T", bins])
    gives = helper.make_tensor_value_info("embs", TensorProto.FLOAT, ["B", size])
    graph = helper.make_graph(
        nodes, "theirs", [takes], [gives], [numpy_helper.from_array(matrix, "w")]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=7)
