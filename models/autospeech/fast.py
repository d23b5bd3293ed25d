"""The same network, computed faster while training.

Convolution libraries are slow for what these cells are made of: depthwise kernels, often dilated,
on maps of 20×10 down to 5×3. Here a depthwise convolution on such a map is a product with a small
(positions × positions) matrix per channel, and activations are laid out (channels, batch, t, f) so
that pointwise convolutions are plain matrix products too. Same parameters, same result.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.autospeech.network import NODES, AutoSpeech, Cell, Join, Separable

# Larger maps would make the matrices costlier than a convolution.
MOST_POSITIONS = 64


@lru_cache(maxsize=256)
def selector(
    kernel: int,
    stride: int,
    dilation: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Tensor, int, int]:
    """0/1 tensor (kernel², outputs * inputs): which kernel value joins which two positions."""
    reach = dilation * (kernel // 2)
    high = (height + 2 * reach - dilation * (kernel - 1) - 1) // stride + 1
    wide = (width + 2 * reach - dilation * (kernel - 1) - 1) // stride + 1
    image = torch.eye(height * width).view(height * width, 1, height, width)
    columns = functional.unfold(image, kernel, dilation, reach, stride)
    chosen = columns.permute(1, 2, 0).reshape(kernel * kernel, -1)
    return chosen.to(device, dtype).contiguous(), high, wide


def depthwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Depthwise convolution of (c, n, h, w)."""
    c, _, h, w = x.shape
    kernel, stride, dilation = conv.kernel_size[0], conv.stride[0], conv.dilation[0]
    large = h * w > MOST_POSITIONS
    if dilation == 2 and stride == 1 and large and h % 2 == 0 and w % 2 == 0:
        return _by_phase(x, conv)
    if large:
        weight = conv.weight.to(x.dtype)
        out = functional.conv2d(
            x.permute(1, 0, 2, 3), weight, None, conv.stride, conv.padding, conv.dilation, c
        )
        return out.permute(1, 0, 2, 3).contiguous()
    return _by_matrix(x, conv.weight, kernel, stride, dilation)


def _by_matrix(x: Tensor, weight: Tensor, kernel: int, stride: int, dilation: int) -> Tensor:
    c, n, h, w = x.shape
    chosen, high, wide = selector(kernel, stride, dilation, h, w, x.dtype, x.device)
    matrix = (weight.view(c, kernel * kernel).to(x.dtype) @ chosen).view(c, high * wide, h * w)
    return torch.bmm(x.view(c, n, h * w), matrix.transpose(1, 2)).view(c, n, high, wide)


def _by_phase(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Dilation 2 is no dilation on each of the four grids of even and odd rows and columns."""
    c, n, h, w = x.shape
    grids = (
        x.view(c, n, h // 2, 2, w // 2, 2)
        .permute(0, 3, 5, 1, 2, 4)
        .reshape(c, 4 * n, h // 2, w // 2)
    )
    out = _by_matrix(grids, conv.weight, conv.kernel_size[0], 1, 1)
    return out.view(c, 2, 2, n, h // 2, w // 2).permute(0, 3, 4, 1, 5, 2).reshape(c, n, h, w)


def normalise(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Batch normalisation of (c, n, h, w), with the running statistics kept up."""
    out = functional.batch_norm(
        x.reshape(1, x.shape[0], -1),
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        norm.training,
        norm.momentum or 0.0,
        norm.eps,
    )
    return out.view(x.shape)


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """1×1 convolution of (c, n, h, w), with stride."""
    if conv.stride[0] == 2:
        x = x[:, :, ::2, ::2]
    weight = conv.weight.flatten(1).to(x.dtype)
    return (weight @ x.reshape(x.shape[0], -1)).view(-1, *x.shape[1:])


def separable(x: Tensor, layer: Separable) -> Tensor:
    """As :class:`Separable`."""
    hidden = depthwise(functional.relu(x), layer.depthwise)
    return normalise(pointwise(hidden, layer.pointwise), layer.norm)


def join(x: Tensor, layer: nn.Module) -> Tensor:
    """As :class:`Join`."""
    assert isinstance(layer, Join)
    return normalise(pointwise(functional.relu(x), layer.conv), layer.norm)


def apply(x: Tensor, layer: nn.Module) -> Tensor:
    """One searched operation."""
    if isinstance(layer, nn.Sequential):
        for part in layer:
            x = apply(x, part)
        return x
    if isinstance(layer, Separable):
        return separable(x, layer)
    out: Tensor = layer(x)
    return out


def cell(before_last: Tensor, last: Tensor, layer: nn.Module) -> Tensor:
    """As :class:`Cell`."""
    assert isinstance(layer, Cell)
    states = [join(before_last, layer.entrance[0]), join(last, layer.entrance[1])]
    for node in range(NODES):
        first, second = (
            apply(states[layer.wiring[i][1]], layer.operations[i]) for i in (2 * node, 2 * node + 1)
        )
        states.append(first + second)
    return torch.cat(states[2:], dim=0)


def raw(network: AutoSpeech, magnitude: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """As :meth:`AutoSpeech.raw`, with `dtype` inside the trunk."""
    return from_features(network, network.front(magnitude), dtype)


def from_features(
    network: AutoSpeech, features: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The rest of :func:`raw` for (n, 1, t, bands) that have been through the front end."""
    return network.from_map(last_map(network, features, dtype))


def last_map(network: AutoSpeech, features: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The trunk's output (n, features, about t/32, about bands/32) for the same, in float32."""
    with torch.autocast(features.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        x = features.contiguous(memory_format=torch.channels_last)
        before_last: Tensor = network.trunk.stem0(x)
        last: Tensor = network.trunk.stem1(before_last)
    before_last = before_last.to(dtype).permute(1, 0, 2, 3).contiguous()
    last = last.to(dtype).permute(1, 0, 2, 3).contiguous()
    for layer in network.trunk.cells:
        before_last, last = last, cell(before_last, last, layer)
    return last.permute(1, 0, 2, 3).float()
