"""Writes prototypes.npz: the top three of twelve pictures for every channel of every layer of the tiny network of
tiny_a.py, by forward hooks on its modules.

Picture k is sin(.37 i + .4 k), [3, 16, 16]. For each layer: `<layer>/max` and `<layer>/mean` (float32, [channels, 3]),
the pictures they are of (`<layer>/max_picture`, `<layer>/mean_picture`) and the row and column of the maximum in them
(`<layer>/max_position`, [channels, 3, 2]); `<layer>/silent` (float32, [channels]) counts the pictures that leave all the
map at zero. Needs PyTorch.
"""

import numpy as np
import torch
from torch import nn

from tiny_a import SHAPES, wave

PICTURES, TOP = 12, 3


def main():
    w = {name: wave(shape, *abc) for name, (shape, abc) in SHAPES.items()}
    conv1, conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
    for module, name in ((conv1, "conv1"), (conv2, "conv2")):
        module.weight.data, module.bias.data = w[f"{name}.weight"], w[f"{name}.bias"]
    relu1, relu2, pool = nn.ReLU(), nn.ReLU(), nn.MaxPool2d(2)
    network = nn.Sequential(conv1, relu1, pool, conv2, relu2)
    seen = {}
    for name, module in (("conv1", relu1), ("maxpool", pool), ("conv2", relu2)):
        module.register_forward_hook(lambda _, __, output, name=name: seen.__setitem__(name, output.detach()))
    x = torch.cat([wave((1, 3, 16, 16), 1.0, 0.37, 0.4 * k) for k in range(PICTURES)])
    network(x)
    arrays = {}
    for name, maps in seen.items():
        _, channels, _, width = maps.shape
        flat = maps.flatten(2)
        highest, at = flat.max(2)
        for score, values in (("max", highest), ("mean", flat.mean(2))):
            top, picture = values.sort(dim=0, descending=True, stable=True)
            arrays[f"{name}/{score}"] = top[:TOP].T.numpy()
            arrays[f"{name}/{score}_picture"] = picture[:TOP].T.numpy().astype(np.float32)
        place = at.gather(0, highest.sort(dim=0, descending=True, stable=True)[1])[:TOP].T
        arrays[f"{name}/max_position"] = torch.stack([place // width, place % width], 2).numpy().astype(np.float32)
        arrays[f"{name}/silent"] = (flat == 0).all(2).sum(0).numpy().astype(np.float32)
    np.savez_compressed(__file__.replace(".py", ".npz"), **arrays)


if __name__ == "__main__":
    main()
