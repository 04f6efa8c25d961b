"""Activation maximisation of network A by PyTorch: the numbers of src/interpretation/maximization/tests.rs.

    python tests/reference/maximization.py

Lucent's parameterisation (spectrum, 1/f, colour correlation, sigmoid) and torch.optim.Adam(0.05), no transforms, from
the spectrum 0.01 sin(0.7 i + 0.1), for each objective; printed are the objective's first and last value and five pixels
of the picture after the last step. Needs numpy and torch.
"""

import numpy as np
import torch
import torch.nn.functional as F

STEPS, SIDE = 20, 16


def sine(shape, amplitude, frequency, phase):
    index = np.arange(int(np.prod(shape)), dtype=np.float64)
    return torch.tensor((amplitude * np.sin(frequency * index + phase)).astype(np.float32).reshape(shape))


def relu2(x):
    x = F.relu(F.conv2d(x, sine((8, 3, 3, 3), 0.3, 1.7, 0.3), sine((8,), 0.1, 2.1, 0.5), padding=1))
    x = F.max_pool2d(x, 2)
    return F.relu(F.conv2d(x, sine((12, 8, 3, 3), 0.2, 1.3, 0.7), sine((12,), 0.1, 1.9, 0.2), padding=1))


def logits(maps):
    return F.linear(maps.mean((2, 3)), sine((5, 12), 0.5, 2.3, 0.1), sine((5,), 0.05, 1.1, 0.9))


CORRELATION = np.asarray([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]).astype("float32")
CORRELATION = torch.tensor(CORRELATION / np.max(np.linalg.norm(CORRELATION, axis=0)))


def picture(spectrum):
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[: SIDE // 2 + 1]
    scale = torch.tensor(1.0 / np.maximum(np.sqrt(fx * fx + fy * fy), 1.0 / SIDE)).float()[None, None, ..., None]
    image = torch.fft.irfftn(torch.view_as_complex(scale * spectrum), s=(SIDE, SIDE), norm="ortho") / 4.0
    return torch.sigmoid(torch.einsum("dc,bchw->bdhw", CORRELATION, image))


def diversity(maps):
    grams = torch.einsum("bchw,bdhw->bcd", maps, maps)
    grams = F.normalize(grams, p=2, dim=(1, 2))
    pairs = torch.einsum("icd,jcd->ij", grams, grams)
    return pairs.sum() - pairs.diagonal().sum()


def diverse(maps):
    """Lucent's `channel - weight * diversity`, the weight in units of the value, with no gradient of its own."""
    values = maps[:, 3].mean((1, 2))
    return values.sum() - 0.5 * values.abs().mean().detach() / (len(maps) - 1) * diversity(maps)


# Lucent's _extract_act_pos and cosine.
DIRECTION = sine((12,), 1.0, 0.9, 0.3).reshape(1, -1, 1, 1)
OBJECTIVES = {
    "channel": (1, lambda maps: maps[:, 3].mean()),
    "neuron": (1, lambda maps: maps[:, 1, 4, 4].sum()),
    "class": (1, lambda maps: logits(maps)[:, 2].sum()),
    "direction": (1, lambda maps: F.cosine_similarity(DIRECTION, maps).mean()),
    "dream": (1, lambda maps: (maps**2).mean()),
    "diversity": (2, diverse),
}

for name, (batch, objective) in OBJECTIVES.items():
    spectrum = sine((batch, 3, SIDE, SIDE // 2 + 1, 2), 0.01, 0.7, 0.1).requires_grad_(True)
    optimizer = torch.optim.Adam([spectrum], lr=0.05, maximize=True)
    values = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        # The network's card: no scale, mean or deviation, colours 0 to 1.
        value = objective(relu2(picture(spectrum)))
        value.backward()
        optimizer.step()
        values.append(value.item())
    flat = picture(spectrum).detach().flatten()
    at = np.linspace(0, flat.numel() - 1, 5).astype(int)
    print(name, [round(value, 6) for value in (values[0], values[-1])], [round(flat[i].item(), 5) for i in at])
