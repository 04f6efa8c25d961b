"""Writes tiny_a_gradient.npy: the gradient of logit 2 of a small network with closed-form weights (float32, [3, 16, 16]).

Network: conv 3->8 3x3 pad 1, relu, maxpool 2, conv 8->12 3x3 pad 1, relu, global average pool, fc to 5. Every weight
is w[i] = A sin(B i + C) in row-major order, the input is sin(.37 i + .2). Needs PyTorch.
"""

import numpy as np
import torch
import torch.nn.functional as F

SHAPES = {
    "conv1.weight": ((8, 3, 3, 3), (0.30, 1.7, 0.3)),
    "conv1.bias": ((8,), (0.10, 2.1, 0.5)),
    "conv2.weight": ((12, 8, 3, 3), (0.20, 1.3, 0.7)),
    "conv2.bias": ((12,), (0.10, 1.9, 0.2)),
    "fc.weight": ((5, 12), (0.50, 2.3, 0.1)),
    "fc.bias": ((5,), (0.05, 1.1, 0.9)),
}


def wave(shape, amplitude, frequency, phase):
    """A tensor whose i-th element is amplitude * sin(frequency * i + phase), in float64, rounded to float32."""
    i = np.arange(np.prod(shape), dtype=np.float64)
    return torch.tensor((amplitude * np.sin(frequency * i + phase)).reshape(shape).astype(np.float32))


def main():
    w = {name: wave(shape, *abc) for name, (shape, abc) in SHAPES.items()}
    x = wave((1, 3, 16, 16), 1.0, 0.37, 0.2).requires_grad_()
    y = F.max_pool2d(F.relu(F.conv2d(x, w["conv1.weight"], w["conv1.bias"], padding=1)), 2)
    y = F.relu(F.conv2d(y, w["conv2.weight"], w["conv2.bias"], padding=1)).mean((2, 3))
    F.linear(y, w["fc.weight"], w["fc.bias"])[0, 2].backward()
    np.save(__file__.replace(".py", "_gradient.npy"), x.grad[0].numpy())


if __name__ == "__main__":
    main()
