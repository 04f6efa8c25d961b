"""Writes inside.npz: what PyTorch's hooks see inside the network of tiny_a.py, for the tests of src/interpretation.

`before` and `after` are the second convolution's feature maps on both sides of its ReLU [12, 8, 8]; `sum/...` and
`place/...` the gradients of its channel 5, of the sum of its map and of its value at row 3, column 4, with respect to
`input` [3, 16, 16], `conv1` (after its ReLU) [8, 16, 16] and `pool` [8, 8, 8]; `fused/...` weight and bias of a convolution
that a BatchNorm follows, as torch.nn.utils.fusion makes one of the two. Needs PyTorch.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tiny_a import SHAPES, wave

seen = {}


def hooked(name, module):
    """The module with a forward hook that keeps its output and, after backward, the gradient there."""

    def keep(_, __, output):
        output.retain_grad()
        seen[name] = output

    module.register_forward_hook(keep)
    return module


def main():
    w = {name: wave(shape, *abc) for name, (shape, abc) in SHAPES.items()}
    first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
    with torch.no_grad():
        for module, name in ((first, "conv1"), (second, "conv2")):
            module.weight.copy_(w[f"{name}.weight"])
            module.bias.copy_(w[f"{name}.bias"])
    net = nn.Sequential(
        first,
        hooked("conv1", nn.ReLU()),
        hooked("pool", nn.MaxPool2d(2)),
        hooked("before", second),
        hooked("after", nn.ReLU()),
    )
    arrays = {}
    for name, of in (("sum", lambda t: t[0, 5].sum()), ("place", lambda t: t[0, 5, 3, 4])):
        x = wave((1, 3, 16, 16), 1.0, 0.37, 0.2).requires_grad_()
        of(net(x)).backward()
        arrays[f"{name}/input"] = x.grad[0]
        arrays[f"{name}/conv1"] = seen["conv1"].grad[0]
        arrays[f"{name}/pool"] = seen["pool"].grad[0]
    arrays["before"], arrays["after"] = seen["before"][0].detach(), seen["after"][0].detach()
    norm = nn.BatchNorm2d(12).eval()
    with torch.no_grad():
        norm.weight.copy_(wave((12,), 1.0, 2.3, 0.4))
        norm.bias.copy_(wave((12,), 0.3, 1.1, 0.2))
        norm.running_mean.copy_(wave((12,), 0.2, 1.9, 0.1))
        norm.running_var.copy_(wave((12,), 0.3, 0.7, 0.9) + 1)
    fused = fuse_conv_bn_eval(second.eval(), norm)
    arrays["fused/weight"], arrays["fused/bias"] = fused.weight.detach(), fused.bias.detach()
    assert all(array.abs().max() > 1e-3 for array in arrays.values())
    np.savez_compressed(__file__.replace(".py", ".npz"), **{name: array.numpy() for name, array in arrays.items()})


if __name__ == "__main__":
    main()
