"""Holds lensor's gradients and Grad-CAM to PyTorch's autograd in float64, network by network, export by export.

    cargo build --release
    python tests/parity/pytorch.py                                  # every network and every export that does not agree yet
    python tests/parity/pytorch.py --ways "legacy;dynamo" resnet18  # some
    python tests/parity/pytorch.py --table                          # what is known, as a table

Each network gets seeded random weights and statistics and a seeded picture. The input gradient, and Grad-CAM at three layers,
have to agree to a relative L2 error under 1e-3. Above it, it has to be shown that this is kinks, where rounding flips a ReLU
or a maximum: the same network with smooth stand-ins has to agree to 1e-4, and the median over five pictures must not exceed
5e-3 or three times what PyTorch itself is off by in float32. `lensor check` has to find the gradients right. Results are kept in a file of JSON lines, so that a run can be broken off and go on. Needs
torch, torchvision, timm, onnx, onnxscript, onnxruntime, numpy; exit code 1 if something fails.
"""

import copy
import gc

import torch

import autograd
import common
import exact
import exports
import networks

# Exports whose gradients `lensor check` proves too; the others are compared only.
CHECKED = ("legacy",)

# Of the pictures: the first is what counts, unless it is off by more than rounding.
SEEDS = range(2, 17)


def one(binary, name):
    """A function that compares the network in one kind of export."""
    pictures = [networks.picture(name, seed) for seed in SEEDS]
    made = networks.make(name)

    def compare(network, way, seeds, **more):
        reference = lambda picture, maps: autograd.reference(network, torch.from_numpy(picture), maps)
        export = lambda path: exports.export(copy.deepcopy(network), pictures[0], way, path)
        return common.compare(binary, export, [picture.numpy() for picture in pictures[:seeds]], reference, **more)

    def run(way):
        gc.collect()
        result = compare(made, way, len(SEEDS), check=way in CHECKED, exact=exact.errors)
        if common.needs_proof(result):
            with autograd.smooth():
                smooth = compare(networks.make(name), way, 1)
                result |= {"smooth": common.numbers(smooth), "smooth_own": common.own(smooth)}
        return result

    return run


if __name__ == "__main__":
    # One thread waits for nobody on a machine that is busy.
    torch.set_num_threads(1)
    common.main(__doc__, networks.ALL, networks.MORE, exports.WAYS, one)
