"""Holds the graph that lensor writes to autograd through the network's own file, both in float64.

What float32 leaves open, rounding and the kinks that it flips, is out of the way: what is off here is a wrong rule. Must not
know where the file comes from.
"""

import numpy as np
import onnx
import torch

import common
import interpreter

# Largest relative L2 distance of the scores of the file and of the framework, both in float64: exporters fold in float32.
SAME = 1e-3


def errors(binary, folder, tensors, fed, framework):
    """How far lensor's own graph is, computed in float64, from autograd through the network's file, in float64 too: at the
    input, and at the feature maps of the layers `{name: tensor}`. What is left is no rounding and no kink. `framework` is the
    `Reference` of the framework that the file comes from."""
    model = onnx.load(str(folder / "network.onnx"))
    taken = model.graph.input[0].name
    x = interpreter.wide(fed).requires_grad_()
    # Inputs that are stored too, as old files list them, are no inputs.
    stored = {constant.name for constant in model.graph.initializer}
    others = [given for given in model.graph.input[1:] if given.name not in stored]
    feeds = {given.name: np.zeros([dim.dim_value for dim in given.type.tensor_type.shape.dim], np.float32) for given in others}
    off, known, score = {}, {}, None
    for layers in filter(None, [[""], list(tensors)]):
        at = [part for layer in layers if layer for part in ("--layer", layer)]
        made = common.lensor(binary, folder, "differentiate", "--model", "network.onnx", "--out", "gradient.onnx", "--json", *at)
        logits, *gradients = [end["name"] for end in made["outputs"]][:1 + len(layers)]
        if score is None:
            score, *places = interpreter.run(model, {taken: x} | feeds, [logits, taken, *tensors.values()])
            scores = score.detach().flatten()
            if common.distance(scores, framework.logits) > SAME:
                raise ValueError(f"the file, interpreted, says {scores[:5]}, the framework {framework.logits[:5]}")
            slopes = torch.autograd.grad(score.flatten()[framework.target], places)
            known = dict(zip(["", *tensors], slopes))
        pictures, logit, probability = (end["name"] for end in made["inputs"])
        seed = np.zeros((1, made["inputs"][1]["shape"][1]), np.float32)
        seed[0, framework.target] = 1
        given = feeds | {pictures: fed, logit: seed, probability: 0 * seed}
        with torch.no_grad():
            found = interpreter.run(onnx.load(str(folder / "gradient.onnx")), given, gradients)
        off |= {layer: common.distance(slope, known[layer]) for layer, slope in zip(layers, found)}
    return off
