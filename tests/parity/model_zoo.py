"""Holds lensor's gradients and Grad-CAM to PyTorch's on files as old model zoos have them, written by hand.

    cargo build --release
    python tests/parity/model_zoo.py

As pytorch.py, which says how. Opset 7 to 9 and IR 3: initializers listed as inputs, a batch of one, LRN, Sum, grouped
convolutions, asymmetric pads, Dropout with a mask, a softmax at the end.
"""

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F

import autograd
import common
import exact

SIDE = 56
WAYS = {"opset 7": 7, "opset 8": 8, "opset 9": 9}


class Zoo(nn.Module):
    """A small network of everything that is out of fashion."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 7, 2, 3), nn.Conv2d(16, 32, 3, padding=1, groups=2)
        self.norm, self.conv3 = nn.BatchNorm2d(32), nn.Conv2d(32, 32, 1, bias=False)
        self.fc1, self.fc2 = nn.Linear(32 * 7 * 7, 50), nn.Linear(50, 20)
        with torch.no_grad():
            for value in (self.norm.weight, self.norm.bias, self.norm.running_mean, self.norm.running_var):
                value.add_(0.2 * torch.rand_like(value))

    def forward(self, x):
        # On the legacy exporter's opsets the softmax looks at all axes from the first on, which are one.
        x = F.local_response_norm(F.relu(self.conv1(x)), 5, 1e-2, 0.75, 1.0)
        x = F.max_pool2d(F.pad(x, (0, 2, 0, 2), value=float("-inf")), 3, 2)[..., :14, :14]
        normed = self.norm(self.conv2(x))
        active = F.relu(normed)
        x = F.relu(self.conv3(active) + active + normed)
        # Pads only below and to the right, and they do not count.
        ones = F.pad(torch.ones_like(x), (0, 1, 0, 1))
        x = F.avg_pool2d(F.pad(x, (0, 1, 0, 1)), 3, 2) / F.avg_pool2d(ones, 3, 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def export(network, opset, path):
    """Writes the network node by node."""
    weights = {name: value.numpy() for name, value in network.state_dict().items() if value.dim() > 0}
    node = helper.make_node
    norm = [f"norm.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        node("Conv", ["data_0", "conv1.weight", "conv1.bias"], ["a"], kernel_shape=[7, 7], strides=[2, 2], pads=[3] * 4),
        node("Relu", ["a"], ["b"]),
        node("LRN", ["b"], ["c"], size=5, alpha=1e-2, beta=0.75, bias=1.0),
        node("MaxPool", ["c"], ["d"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 2, 2]),
        node("Conv", ["d", "conv2.weight", "conv2.bias"], ["e"], kernel_shape=[3, 3], pads=[1] * 4, group=2),
        node("BatchNormalization", ["e", *norm], ["f"], epsilon=1e-5, **({"spatial": 1} if opset < 9 else {})),
        node("Relu", ["f"], ["g"]),
        node("Conv", ["g", "conv3.weight"], ["h"], kernel_shape=[1, 1]),
        node("Sum", ["h", "g", "f"], ["i"]),
        node("Relu", ["i"], ["j"]),
        node("AveragePool", ["j"], ["k"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("Dropout", ["k"], ["l", "l_mask"], ratio=0.5),
        node("Reshape", ["l", "shape"], ["m"]),
        node("Gemm", ["m", "fc1.weight", "fc1.bias"], ["n"], transB=1),
        node("Relu", ["n"], ["o"]),
        node("Dropout", ["o"], ["p", "p_mask"], ratio=0.5),
        node("Gemm", ["p", "fc2.weight", "fc2.bias"], ["q"], transB=1),
        node("Softmax", ["q"], ["softmaxout_1"], axis=1),
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants.append(helper.make_tensor("shape", TensorProto.INT64, [2], [1 if opset == 7 else 0, -1]))
    value_info = helper.make_tensor_value_info
    inputs = [value_info("data_0", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    inputs += [value_info(constant.name, constant.data_type, constant.dims) for constant in constants]
    outputs = [value_info("softmaxout_1", TensorProto.FLOAT, [1, 20])]
    graph = helper.make_graph(nodes, "zoo", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)
    onnx.save(model, str(path))


def one(binary, _):
    """A function that compares the network in one opset."""
    network = Zoo().eval()
    picture = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2)).numpy()

    def run(way):
        reference = lambda picture, maps: autograd.reference(network, torch.from_numpy(picture), maps)
        return common.compare(binary, lambda path: export(network, WAYS[way], path), [picture], reference, check=True,
                              exact=exact.errors)

    return run


if __name__ == "__main__":
    common.main(__doc__, ["model zoo"], [], WAYS, one)
