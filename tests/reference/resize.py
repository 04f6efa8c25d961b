"""Pictures scaled and cropped by torchvision on Pillow, for the tests of preparing pictures.

Writes resize.npz beside this file: `source/<name>` are pictures [height, width, 3 or 4], and
`result/<name> <height>x<width> <resize> <resize_to> <filter>` what becomes of them, with resize_to 0 where there is none.
Needs torchvision, pillow, numpy:
    python tests/reference/resize.py
"""

import pathlib

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

FILTERS = ["nearest", "bilinear", "bicubic", "lanczos", "hamming"]


def picture(height, width, channels=3):
    """Stripes that grow narrower, an edge, a ramp and noise: nothing in it is symmetric."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    noise = np.random.default_rng(height * width).integers(0, 60, (height, width, channels))
    stripes = 90 * np.sin(x * x / (3 * width) + y / 5)
    edge = 120.0 * (x + 2 * y > width)
    ramp = 200 * y / height
    layers = [stripes + 100, edge + 20, ramp, 255 * (x > y / 2)]
    return np.clip(np.stack(layers[:channels], -1) + noise, 0, 255).astype(np.uint8)


def prepare(source, size, resize, to, name):
    mode = InterpolationMode(name)
    height, width = size
    if resize == "shortest-edge":
        scaled = Resize(to or max(size), mode)
    else:
        side = to or max(size)
        scaled = Resize((side * height // max(size), side * width // max(size)), mode)
    return np.asarray(Compose([scaled, CenterCrop(size)])(Image.fromarray(source)))


sources = {
    "large": picture(61, 97),
    "tall": picture(90, 41),
    "tiny": picture(7, 9),
    "flat": picture(6, 40),
    "clear": picture(45, 38, 4),
}
arrays = {f"source/{name}": source for name, source in sources.items()}
for name, source in sources.items():
    for size, resize, to in [
        ((16, 24), "squash", 0),
        ((16, 16), "squash", 19),
        ((16, 16), "shortest-edge", 0),
        ((16, 16), "shortest-edge", 18),
        ((14, 20), "shortest-edge", 23),
    ]:
        # Colours of what is nearly clear are as good as any where a filter has negative lobes.
        for filter in FILTERS if name != "clear" else ["nearest", "bilinear", "hamming"]:
            key = f"result/{name} {size[0]}x{size[1]} {resize} {to} {filter}"
            arrays[key] = prepare(source, size, resize, to, filter)
np.savez_compressed(pathlib.Path(__file__).parent / "resize.npz", **arrays)
