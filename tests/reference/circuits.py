"""A small network with PyTorch's contributions, for the tests of src/interpretation/circuits.

Writes circuits.npz beside this file: `model` (the ONNX file; its input x is a sine, see `sine`) and for each channel
`<layer>:<channel>/` its `value` before the activation, `bias`, `kernels` (with what scales the inputs folded in), `maps`
(the contribution of each input channel, by convolving it alone) and, where sums lie on the way, `origin/<name>` (the
same maps for what one convolution brings, its values led on through the signs of the activations, the places of the
maxima and the averages of this picture). All in float64, rounded to float32. Needs torch, onnx, numpy:
    python tests/reference/circuits.py
"""

import io
import pathlib

import numpy as np
import torch
from make import fill, sine
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)

    def branch(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x):
        return F.relu(self.branch(x) + x)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(8)
        self.block1, self.block2 = Block(), Block()
        self.left = nn.Conv2d(8, 6, (3, 2), dilation=(1, 2), padding=(1, 0), groups=2)
        self.right = nn.Conv2d(8, 4, (1, 3))
        self.between = nn.BatchNorm2d(10)
        self.last = nn.Conv2d(10, 5, 3, stride=(1, 2), padding=(1, 0))
        self.fc = nn.Linear(5, 4)

    def forward(self, x):
        self.pool = F.max_pool2d(F.relu(self.norm(self.stem(x))), 3, stride=2, padding=1)
        self.sum1 = self.block1.branch(self.pool) + self.pool
        self.one, self.places = F.max_pool2d(F.relu(self.sum1), (2, 3), stride=1, padding=(0, 1), return_indices=True)
        self.sum2 = self.block2.branch(self.one) + self.one
        self.averaged = F.avg_pool2d(F.relu(self.sum2), 2, stride=1, padding=1, count_include_pad=False)
        self.joined = torch.cat([F.relu(self.left(self.averaged)), self.right(self.averaged)], 1)
        self.before_last = F.relu(self.between(self.joined))
        self.maps = F.relu(self.last(self.before_last))
        return self.fc(self.maps.mean((2, 3)))


CASES = {}
network = fill(Network())
x = sine((1, 3, 26, 22))
buffer = io.BytesIO()
# As trained, so that normalisations stay nodes of their own.
torch.onnx.export(network, torch.from_numpy(x), buffer, opset_version=17, dynamo=False, input_names=["x"], output_names=["y"],
                  dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
CASES["model"] = np.frombuffer(buffer.getvalue(), np.uint8)
network = network.double().eval()
x = torch.from_numpy(x).double()
with torch.no_grad():
    network(x)


def folded(conv, norm):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def one_by_one(inputs, weight, conv):
    """What each channel of inputs adds, convolved alone. `weight` is [inputs of the group, h, w]."""
    settings = dict(stride=conv.stride, padding=conv.padding, dilation=conv.dilation)
    return torch.stack([F.conv2d(inputs[:, c : c + 1], weight[c][None, None], **settings)[0, 0] for c in range(len(weight))])


def record(name, **arrays):
    for key, value in arrays.items():
        CASES[f"{name}/{key}"] = np.asarray(value.detach().numpy(), np.float32)


with torch.no_grad():
    # What each convolution brings to what enters, by the signs, places and averages of this picture.
    pooled = lambda share: share.flatten(2).gather(2, network.places.flatten(2)).view_as(network.one)
    averaged = lambda share: F.avg_pool2d(share, 2, stride=1, padding=1, count_include_pad=False)
    open1, open2 = (network.sum1 > 0).double(), (network.sum2 > 0).double()
    first = pooled(open1 * network.block1.branch(network.pool))
    around = pooled(open1 * network.pool)
    assert torch.allclose(first + around, network.one)
    ways = {"block2.conv2": averaged(open2 * network.block2.branch(network.one)),
            "block1.conv2": averaged(open2 * first), "stem": averaged(open2 * around)}
    assert torch.allclose(sum(ways.values()), network.averaged)

    weight, bias = folded(network.block2.conv1, network.block2.bn1)
    maps = one_by_one(network.one, weight[2], network.block2.conv1)
    value = network.block2.bn1(network.block2.conv1(network.one))[0, 2]
    assert torch.allclose(maps.sum(0) + bias[2], value)
    split = {f"origin/{name}": one_by_one(share, weight[2], network.block2.conv1)
             for name, share in {"block1.conv2": first, "stem": around}.items()}
    record("block2.conv1:2", value=value, bias=bias[2], kernels=weight[2], maps=maps, **split)

    group = network.averaged[:, 4:]
    maps = one_by_one(group, network.left.weight[4], network.left)
    assert torch.allclose(maps.sum(0) + network.left.bias[4], network.left(network.averaged)[0, 4])
    split = {f"origin/{name}": one_by_one(share[:, 4:], network.left.weight[4], network.left) for name, share in ways.items()}
    record("left:4", value=network.left(network.averaged)[0, 4], bias=network.left.bias[4], kernels=network.left.weight[4],
           maps=maps, **split)

    scale = network.between.weight / (network.between.running_var + network.between.eps).sqrt()
    maps = one_by_one(network.before_last, network.last.weight[1], network.last)
    assert torch.allclose(maps.sum(0) + network.last.bias[1], network.last(network.before_last)[0, 1])
    record("last:1", value=network.last(network.before_last)[0, 1], bias=network.last.bias[1],
           kernels=network.last.weight[1] * scale[:, None, None], maps=maps)

    maps = network.fc.weight[3][:, None, None] * network.maps[0] / network.maps[0, 0].numel()
    value = network.fc(network.maps.mean((2, 3)))[0, 3].reshape(1, 1)
    assert torch.allclose(maps.sum() + network.fc.bias[3], value)
    record("fc:3", value=value, bias=network.fc.bias[3], kernels=network.fc.weight[3].reshape(-1, 1, 1), maps=maps)

np.savez_compressed(pathlib.Path(__file__).parent / "circuits.npz", **CASES)
print({name: value.shape for name, value in CASES.items()})
