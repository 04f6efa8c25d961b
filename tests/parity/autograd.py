"""What PyTorch says in float64: scores, the gradient at the picture, Grad-CAM at feature maps; and smooth stand-ins.

Must not know ONNX: a feature map is found in PyTorch by its values, whatever module or function makes it.
"""

import contextlib
import copy

import numpy as np
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from common import Reference


# PyTorch (2.15) differentiates a BatchNorm wrongly on the CPU where the gradient lies transposed, as before LeViT's tokens.
NORMS = (F.batch_norm, torch.batch_norm)


class Watch(TorchFunctionMode):
    """Keeps the tensors whose values are those of feature maps `{name: [1, C, h, w]}`, and their gradients."""

    def __init__(self, maps, dtype):
        super().__init__()
        self.dtype = dtype
        self.open = {name: torch.from_numpy(np.asarray(value)).to(dtype) for name, value in maps.items()}
        self.found = {}
        self.gradients = {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function in NORMS and out.requires_grad:
            out.register_hook(torch.Tensor.contiguous)
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, torch.Tensor) and tensor.requires_grad and tensor.dtype == self.dtype:
                self.look(tensor)
        return out

    def look(self, tensor):
        shape = tuple(tensor.shape)
        for name in [name for name, value in self.open.items() if tuple(value.shape) == shape]:
            value = tensor.detach()
            if (value - self.open[name]).norm() < 1e-4 * self.open[name].norm():
                del self.open[name]
                self.found[name] = value.clone()
                # A hook stays with the tensor as it is now, also where it is changed in place later.
                tensor.register_hook(lambda gradient, name=name: self.gradients.__setitem__(name, gradient.clone()))


def differentiate(network, picture, maps, target=None):
    """Logits, the class, its gradient at the picture, and Grad-CAM at those feature maps that are found."""
    x = picture.clone().requires_grad_(True)
    watch = Watch(maps, picture.dtype)
    with watch:
        logits = network(x)[0]
    target = int(logits.argmax()) if target is None else target
    logits[target].backward()
    network.zero_grad()
    cams = {}
    for name, gradient in watch.gradients.items():
        parts = gradient.mean((2, 3), keepdim=True) * watch.found[name]
        cam = parts.sum(1).clamp_min(0)[0]
        # Before a LayerNorm that is averaged, the parts cancel out: what is left is rounding.
        if cam.norm() > 1e-6 * parts.abs().sum(1).norm():
            cams[name] = cam.numpy()
    return logits.detach().numpy(), target, x.grad[0].numpy(), cams


def reference(network, picture, maps) -> Reference:
    """Differentiates the largest logit, in float64 and once more in float32."""
    logits, target, gradient, cams = differentiate(copy.deepcopy(network).double(), picture.double(), maps)
    _, _, rounded, rounded_cams = differentiate(network, picture, maps, target)
    return Reference(logits, target, gradient, rounded, cams, rounded_cams)


def _softplus(x, *_, **__):
    return F.softplus(x, beta=4.0)


def _average(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)


@contextlib.contextmanager
def smooth():
    """Stand-ins without kinks for what has them: ReLU and its kin, clamps, maxima."""
    sigmoid = torch.sigmoid
    six = lambda x, *_, **__: 6 * sigmoid(x - 3)
    hard = {
        "relu": _softplus, "relu_": _softplus, "relu6": six, "hardtanh": lambda x, *_, **__: torch.tanh(x),
        "hardswish": lambda x, *_, **__: F.silu(x), "hardsigmoid": lambda x, *_, **__: sigmoid(x),
        "leaky_relu": lambda x, slope=0.01, *_, **__: slope * x + (1 - slope) * _softplus(x),
        "max_pool2d": _average,
        "adaptive_max_pool2d": lambda x, size, *_, **__: F.adaptive_avg_pool2d(x, size),
    }
    clamp = lambda x, *_, **__: 3 * torch.tanh(x / 3) + 3
    places = [(F, name, function) for name, function in hard.items()]
    places += [(torch, "relu", _softplus), (torch, "relu_", _softplus), (torch.Tensor, "relu", _softplus),
               (torch.Tensor, "relu_", _softplus), (torch.Tensor, "clamp_", clamp), (torch.Tensor, "clamp", clamp)]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, function in places:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)
