"""Small networks with PyTorch's gradients, for the tests of the gradient rewrite.

Writes operators.npz beside this file. Each case has `<case>/model` (the ONNX file, with an output y of [batch, n]),
`<case>/score` (sum(seed * y) of each picture) and `<case>/gradient` (that of the score with respect to x), computed in
float64 and rounded to float32. Weights, pictures (a batch of two) and seeds are sines of their index, see `sine`, `record`.
Needs torch, onnx, numpy:
    python tests/reference/make.py
"""

import io
import math
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F

CASES = {}


def sine(shape, amplitude=1.0, frequency=0.37, phase=0.2):
    index = np.arange(math.prod(shape), dtype=np.float64)
    return (amplitude * np.sin(frequency * index + phase)).reshape(shape).astype(np.float32)


def fill(module):
    """Every parameter a sine; running variances positive."""
    for number, (name, value) in enumerate(sorted(module.state_dict().items())):
        if value.dtype.is_floating_point:
            data = sine(value.shape, 0.4, 1.7 + 0.1 * number, 0.3)
            if "running_var" in name or name.endswith("norm.weight"):
                data = data + 1.0
            value.copy_(torch.from_numpy(data))
    return module.eval()


def record(name, model_bytes, function, x):
    x64 = torch.from_numpy(x).double().requires_grad_(True)
    y = function(x64).flatten(1)
    score = (torch.from_numpy(sine(y.shape, 1.0, 1.3, 0.4)).double() * y).sum(1)
    (gradient,) = torch.autograd.grad(score.sum(), x64)
    assert gradient.abs().max() > 1e-3, name
    CASES[f"{name}/model"] = np.frombuffer(model_bytes, np.uint8)
    CASES[f"{name}/score"] = score.detach().numpy().astype(np.float32)
    CASES[f"{name}/gradient"] = gradient.numpy().astype(np.float32)


class Flat(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x).flatten(1)


def case(name, module, shape=(2, 4, 7, 7), folding=True):
    """A torch module, exported as users export theirs."""
    module = fill(Flat(module))
    x, buffer = sine(shape), io.BytesIO()
    torch.onnx.export(module, torch.from_numpy(x), buffer, opset_version=17, dynamo=False, input_names=["x"],
                      output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, do_constant_folding=folding)
    record(name, buffer.getvalue(), module.double(), x)


def nodes_case(name, nodes, constants, function, opset, shape=(2, 4, 7, 7), constants_are_inputs=False):
    """Nodes written by hand (for what PyTorch's exporter never writes), with their meaning in torch."""
    flat = helper.make_node("Flatten", [nodes[-1].output[0]], ["y"], axis=1)
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape[1:]])]
    if constants_are_inputs:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", None])
    graph = helper.make_graph([*nodes, flat], name, inputs, [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 3 if constants_are_inputs else 8
    record(name, model.SerializeToString(), function, sine(shape))


class Lambda(nn.Module):
    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.inner = function, nn.ModuleList(modules)

    def forward(self, x):
        return self.function(x, *self.inner)


def convolutions():
    for name, arguments in {
        "plain": dict(kernel_size=3), "padded": dict(kernel_size=3, padding=1), "wide": dict(kernel_size=(1, 5), padding=(0, 2)),
        "no_bias": dict(kernel_size=3, bias=False), "pointwise": dict(kernel_size=1), "pointwise_padded": dict(kernel_size=1, padding=1),
        "stride_2": dict(kernel_size=3, stride=2, padding=1), "stride_2_even": dict(kernel_size=2, stride=2),
        "stride_2_stem": dict(kernel_size=7, stride=2, padding=3), "stride_2_pointwise": dict(kernel_size=1, stride=2),
        "stride_3_gaps": dict(kernel_size=2, stride=3), "stride_4": dict(kernel_size=5, stride=4, padding=2),
        "strides_differ": dict(kernel_size=3, stride=(2, 1), padding=(0, 1)), "dilated": dict(kernel_size=3, dilation=2, padding=2),
        "dilated_stride_2": dict(kernel_size=3, dilation=2, stride=2, padding=1), "groups": dict(kernel_size=3, groups=2, padding=1),
        "groups_stride_2": dict(kernel_size=3, groups=2, stride=2, padding=1),
    }.items():
        case(f"conv_{name}", nn.Conv2d(4, 6, **arguments))
    case("conv_many_channels", nn.Sequential(nn.Conv2d(4, 24, 1), nn.Conv2d(24, 2, 3, padding=1)))
    case("conv_many_channels_stride_2", nn.Sequential(nn.Conv2d(4, 24, 1), nn.Conv2d(24, 2, 3, stride=2, padding=1)))
    case("conv_depthwise_stride_2", nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4))
    weight = sine((6, 4, 3, 3), 0.4, 1.7, 0.3)

    def padded(left, right, top, bottom, **arguments):
        return lambda x: F.conv2d(F.pad(x, (left, right, top, bottom)), torch.from_numpy(weight).to(x.dtype), **arguments)

    for name, attributes, function, size in [
        ("asymmetric", dict(pads=[0, 2, 1, 0]), padded(2, 0, 0, 1), 7),
        ("asymmetric_stride_2", dict(pads=[2, 0, 0, 1], strides=[2, 2]), padded(0, 1, 2, 0, stride=2), 7),
        ("same_upper", dict(auto_pad="SAME_UPPER", strides=[2, 2]), padded(0, 1, 0, 1, stride=2), 8),
        ("same_lower", dict(auto_pad="SAME_LOWER", strides=[2, 2]), padded(1, 0, 1, 0, stride=2), 8),
        ("valid", dict(auto_pad="VALID"), padded(0, 0, 0, 0), 7),
    ]:
        nodes_case(f"conv_{name}", [helper.make_node("Conv", ["x", "w"], ["c"], **attributes)], {"w": weight}, function, 17, (2, 4, size, size))


def poolings():
    case("max_pool", nn.MaxPool2d(2))
    case("max_pool_overlapping", nn.MaxPool2d(3, 2, 1))
    case("max_pool_stride_1", nn.MaxPool2d(3, 1, 1))
    case("max_pool_ceil", nn.MaxPool2d(3, 2, ceil_mode=True), (2, 4, 8, 8))
    case("max_pool_dilated", nn.MaxPool2d(2, 1, dilation=2))
    case("max_pool_ties", Lambda(lambda x: F.max_pool2d(torch.clamp(x, min=0.5), 3, 2)))
    case("average_pool", nn.AvgPool2d(2))
    case("average_pool_padding_counted", nn.AvgPool2d(3, 2, 1, count_include_pad=True))
    case("average_pool_padding_not_counted", nn.AvgPool2d(3, 2, 1, count_include_pad=False))
    case("average_pool_ceil", nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False), (2, 4, 8, 8))
    case("average_pool_ceil_padding_counted", nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=True), (2, 4, 8, 8))
    case("global_average_pool", nn.AdaptiveAvgPool2d(1))
    case("mean_kept", Lambda(lambda x: x.mean((2, 3), keepdim=True)))
    case("mean_dropped", Lambda(lambda x: x.mean((-1, 2))))
    nodes_case("mean_axes_input", [helper.make_node("ReduceMean", ["x", "a"], ["m"], keepdims=0)],
               {"a": np.array([3, 2], np.int64)}, lambda x: x.mean((2, 3)), 18)


def further_poolings():
    case("average_pool_1d", Lambda(lambda x, p: p(x.flatten(2)), nn.AvgPool1d(3, 2, 1)))
    case("average_pool_3d", Lambda(lambda x, p: p(x.unsqueeze(1)), nn.AvgPool3d((3, 2, 1), (1, 2, 1), (1, 0, 0), count_include_pad=False)))
    node = helper.make_node
    nodes_case("lp_pool", [node("LpPool", ["x"], ["p"], kernel_shape=[3, 2], strides=[2, 1], p=3)], {},
               lambda x: F.avg_pool2d(x.abs() ** 3, (3, 2), (2, 1), divisor_override=1) ** (1 / 3), 17)
    nodes_case("global_lp_pool", [node("GlobalLpPool", ["x"], ["p"])], {}, lambda x: x.norm(2, (2, 3)), 17)


def element_wise():
    case("relu", nn.ReLU())
    case("relu6", Lambda(lambda x: F.relu6(8 * x)))
    case("clamp_below", Lambda(lambda x: torch.clamp(x, min=-0.3)))
    case("leaky_relu", nn.LeakyReLU(0.2))
    case("sigmoid", nn.Sigmoid())
    case("dropout", nn.Sequential(nn.Dropout(0.5), nn.ReLU()))
    case("cast", Lambda(lambda x: (x.double() * x.double()).float()))
    case("batch_norm", nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)))
    case("softmax_channels", Lambda(lambda x: 2 * x.softmax(1)))
    case("softmax_last", Lambda(lambda x: 2 * x.softmax(-1)))
    case("arithmetic", Lambda(lambda x: (x + 2) * (3 - x) / (x + 4) - x))
    case("broadcast", Lambda(lambda x: x.mean((2, 3), keepdim=True) * x - x[:, :, :1] / (x[:, :1] + 3) + x[:, :, :, 2:3]))
    case("broadcast_constant", Lambda(lambda x: (x.flatten(2)[:, :, :1] * torch.linspace(-1, 1, 5)).unsqueeze(1)))


def pointwise():
    functions = {
        "abs": torch.abs, "celu": nn.CELU(0.7), "cos": torch.cos, "elu": nn.ELU(1.3), "erf": torch.erf, "exp": torch.exp, "gelu": nn.GELU(),
        "gelu_tanh": nn.GELU("tanh"), "hard_sigmoid": lambda x: F.hardsigmoid(4 * x), "hard_swish": lambda x: F.hardswish(4 * x),
        "log": lambda x: torch.log(x + 2), "mish": nn.Mish(), "neg": torch.neg, "prelu": Lambda(lambda x, p: p(x), nn.PReLU(4)),
        "reciprocal": lambda x: torch.reciprocal(x + 2), "selu": nn.SELU(), "silu": nn.SiLU(), "sin": torch.sin, "softplus": nn.Softplus(),
        "softsign": nn.Softsign(), "sqrt": lambda x: torch.sqrt(x + 2), "tanh": torch.tanh,
        "pow": lambda x: x ** 3, "pow_both": lambda x: (x[:, :2] + 2) ** x[:, 2:],
        "max": lambda x: torch.maximum(x[:, :2], x[:, 2:3]), "min": lambda x: torch.minimum(x, torch.relu(x)),
        "where": lambda x: torch.where(x > 0.2, x[:, :1] * 2, x * x), "log_softmax": lambda x: 2 * F.log_softmax(3 * x, 1),
    }
    for name, function in functions.items():
        case(name, function if isinstance(function, nn.Module) else Lambda(function))
    x = "x"
    for name, op, attributes, function in [
        ("gelu_op", "Gelu", {}, F.gelu), ("gelu_tanh_op", "Gelu", dict(approximate="tanh"), lambda x: F.gelu(x, approximate="tanh")),
        ("mish_op", "Mish", {}, F.mish), ("thresholded_relu", "ThresholdedRelu", dict(alpha=0.3), lambda x: F.threshold(x, 0.3, 0)),
        ("hard_sigmoid_op", "HardSigmoid", dict(alpha=0.7, beta=0.4), lambda x: (0.7 * x + 0.4).clamp(0, 1)),
    ]:
        nodes_case(name, [helper.make_node(op, [x], ["p"], **attributes)], {}, function, 20, (2, 4, 3, 3))
    for name, op, function in [("sum", "Sum", lambda x: x + x * x + x[:, :1]), ("mean", "Mean", lambda x: (x + x * x + x[:, :1]) / 3),
                               ("max_of_three", "Max", lambda x: torch.maximum(torch.maximum(x, x * x), x[:, :1]))]:
        nodes = [helper.make_node("Mul", [x, x], ["a"]), helper.make_node("Slice", [x, "zero", "one", "one"], ["b"]), helper.make_node(op, [x, "a", "b"], ["c"])]
        nodes_case(name, nodes, {"zero": np.array([0]), "one": np.array([1])}, function, 17)


def reductions():
    functions = {
        "sum": lambda x: x.sum((2, 3)), "norm_1": lambda x: x.norm(1, (2, 3)), "norm_2": lambda x: x.norm(2, (1,), keepdim=True),
        "log_sum_exp": lambda x: x.logsumexp((2, 3)), "amax": lambda x: x.amax((2, 3)), "amin": lambda x: x.amin((1,)),
        "normalize": lambda x: F.normalize(x, dim=1), "variance": lambda x: (x - x.mean(1, keepdim=True)) / torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 0.1),
    }
    for name, function in functions.items():
        case(f"reduce_{name}", Lambda(function), (2, 4, 5, 5))
    node = helper.make_node
    for name, op, function in [("sum_square", "ReduceSumSquare", lambda x: (x * x).sum((2, 3))), ("log_sum", "ReduceLogSum", lambda x: (x * x).sum((2, 3)).log())]:
        nodes = [node("Mul", ["x", "x"], ["a"]), node(op, ["x" if name == "sum_square" else "a"], ["b"], axes=[-1, 2], keepdims=0)]
        nodes_case(f"reduce_{name}", nodes, {}, function, 17)
    case("cumulative_sum", Lambda(lambda x: x.cumsum(2) * x))
    case("top_k", Lambda(lambda x: x.topk(3, 2)[0]), (2, 4, 5, 5))
    case("global_max_pool", nn.AdaptiveMaxPool2d(1), (2, 4, 5, 5))


def normalizations():
    case("layer_norm", nn.LayerNorm(7))
    case("layer_norm_two_axes", nn.LayerNorm((7, 7)))
    case("layer_norm_channels", Lambda(lambda x, n: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm(4)))
    case("instance_norm", nn.InstanceNorm2d(4, affine=True))
    case("group_norm", nn.GroupNorm(2, 4))
    node = helper.make_node
    weight, bias = sine((4,), 0.4, 1.7, 1.3), sine((4,))
    group = lambda x: F.group_norm(x, 2, torch.from_numpy(weight).double(), torch.from_numpy(bias).double(), 1e-3)
    nodes_case("group_norm_op", [node("GroupNormalization", ["x", "w", "b"], ["g"], num_groups=2, epsilon=1e-3)], {"w": weight, "b": bias}, group, 21)
    for size in (3, 5):
        def response(x, size=size):
            window = [x[:, max(0, c - (size - 1) // 2):c + size // 2 + 1].square().sum(1) for c in range(8)]
            return x / (1 + 0.4 / size * torch.stack(window, 1)) ** 0.75
        nodes_case(f"lrn_{size}", [node("LRN", ["x"], ["l"], size=size, alpha=0.4)], {}, response, 13, (2, 8, 4, 4))
    nodes_case("lp_norm_1", [node("LpNormalization", ["x"], ["l"], axis=1, p=1)], {}, lambda x: F.normalize(x, 1, 1), 13)
    nodes_case("lp_norm_2", [node("LpNormalization", ["x"], ["l"], axis=-1)], {}, lambda x: F.normalize(x, 2, -1), 13)


def resampling():
    for name, arguments in {
        "nearest_2": dict(scale_factor=2), "nearest_odd": dict(size=(11, 5)), "linear_2": dict(scale_factor=2, mode="bilinear"),
        "linear_down": dict(size=(5, 4), mode="bilinear"), "linear_corners": dict(size=(12, 9), mode="bilinear", align_corners=True),
        "cubic": dict(scale_factor=1.5, mode="bicubic"),
    }.items():
        case(f"resize_{name}", Lambda(lambda x, arguments=arguments: F.interpolate(x, **arguments)), (2, 2, 7, 7))
    for mode in ("reflect", "replicate", "circular"):
        case(f"pad_{mode}", Lambda(lambda x, mode=mode: torch.relu(F.pad(x, (1, 2, 3, 0), mode=mode))))
    node = helper.make_node
    old = [node("Upsample", ["x", "s"], ["u"], mode="nearest"), node("Relu", ["u"], ["r"])]
    nodes_case("upsample_9", old, {"s": np.array([1, 1, 2, 3], np.float32)},
               lambda x: F.relu(x.repeat_interleave(2, 2).repeat_interleave(3, 3)), 9, (2, 2, 5, 5))
    pads = {"p": np.array([1, 2, 0, 3]), "a": np.array([3, -2]), "v": np.float32(0.5)}
    nodes_case("pad_axes", [node("Pad", ["x", "p", "v", "a"], ["u"])], pads, lambda x: F.pad(x, (1, 0, 2, 3), value=0.5), 18)


def assigned(y, x):
    y[:, 1:3, 2] = x[:, :2, 5]
    return y


def tiles():
    case("expand", Lambda(lambda x: x[:, :1].expand(-1, 4, -1, -1) * x))
    case("tile", Lambda(lambda x: torch.relu(x.repeat(1, 2, 1, 3))))
    case("pixel_shuffle", nn.PixelShuffle(2))
    case("pixel_unshuffle", nn.PixelUnshuffle(2), (2, 2, 6, 6))
    case("gather_one", Lambda(lambda x: torch.relu(x[:, 2])))
    case("gather_many", Lambda(lambda x: torch.relu(x[:, :, [3, 0, 3, -1]])))
    case("gather_flat", Lambda(lambda x: torch.relu(x.flatten()[torch.arange(x.shape[0] * 196)].view(-1, 4, 49) * x.flatten(2))))
    case("index_select", Lambda(lambda x: torch.relu(x.index_select(3, torch.tensor([5, 1, 1])))))
    index = torch.tensor([[[[5, 2, 5]]]])
    case("gather_elements", Lambda(lambda x: torch.relu(x.gather(3, index.expand(x.shape[0], 4, 7, 3)))))
    places = torch.tensor([[[[5, 2, 0]]]])
    case("scatter", Lambda(lambda x: x.scatter(3, places.expand(x.shape[0], 4, 7, 3), x[..., :3] * x[..., 1:4])))
    case("scatter_nd", Lambda(lambda x: assigned(x * x, x)))
    case("scatter_add", Lambda(lambda x: x.scatter_add(3, index.expand(x.shape[0], 4, 7, 3), x[..., :3] * x[..., 1:4])))
    case("gather_nd", Lambda(lambda x: torch.relu(x.permute(1, 2, 0, 3)[[0, 2, 0], [1, 6, 1]]).transpose(0, 1)))
    node = helper.make_node
    for name, op, function in [("depth_to_space", "DepthToSpace", lambda x: x.view(-1, 2, 2, 1, 7, 7).permute(0, 3, 4, 1, 5, 2).reshape(-1, 1, 14, 14))]:
        nodes_case(name, [node(op, ["x"], ["d"], blocksize=2)], {}, function, 17)
    nodes_case("space_to_depth", [node("SpaceToDepth", ["x"], ["d"], blocksize=2)], {},
               lambda x: x.view(-1, 2, 3, 2, 3, 2).permute(0, 3, 5, 1, 2, 4).reshape(-1, 8, 3, 3), 17, (2, 2, 6, 6))


def further_convolutions():
    case("conv_1d", Lambda(lambda x, c: c(x.flatten(2)), nn.Conv1d(4, 6, 3, stride=2, padding=1)))
    case("conv_1d_gap", Lambda(lambda x, c: c(x.flatten(2)), nn.Conv1d(4, 6, 2, stride=3, dilation=2, groups=2)))
    case("conv_3d", Lambda(lambda x, c: c(x.unsqueeze(1)), nn.Conv3d(1, 3, (2, 3, 3), stride=(1, 2, 1), padding=(0, 1, 1))))
    case("conv_transpose", nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1))
    case("conv_transpose_groups", nn.ConvTranspose2d(4, 6, 2, stride=3, groups=2, dilation=2))
    standardised = lambda x, c: F.conv2d(x, F.batch_norm(c.weight.reshape(1, 6, -1), None, None, training=True).reshape_as(c.weight), c.bias, padding=1)
    case("conv_standardised", Lambda(standardised, nn.Conv2d(4, 6, 3)), folding=False)


def attention():
    def attend(x, q, k, v):
        x = x.flatten(2).transpose(1, 2)
        heads = lambda t: t.unflatten(-1, (2, 3)).transpose(1, 2)
        return F.scaled_dot_product_attention(heads(q(x)), heads(k(x)), heads(v(x))).transpose(1, 2).flatten(2)
    case("attention", Lambda(attend, nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(4, 6)), (2, 4, 4, 4))
    case("einsum", Lambda(lambda x: torch.einsum("bchw,bdhw->bcd", x, x * x)))
    case("einsum_constant", Lambda(lambda x, l: torch.einsum("bchw,ow->bhoc", x, l.weight), nn.Linear(7, 5)))


def linear():
    case("linear", nn.Sequential(nn.Flatten(), nn.Linear(36, 5)), (2, 4, 3, 3))
    case("matmul_constant", Lambda(lambda x, l: x @ l.weight, nn.Linear(5, 7)))
    case("matmul_both", Lambda(lambda x: x @ x.transpose(2, 3)))
    case("matmul_broadcast", Lambda(lambda x: x[:, :1] @ x))
    weight = sine((36, 5), 0.4, 1.7, 0.3)
    nodes_case("gemm_scaled", [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "w", "b"], ["g"], alpha=0.5, beta=2.0)],
               {"w": weight, "b": sine((5,))}, lambda x: 0.5 * x.flatten(1) @ torch.from_numpy(weight).double() + 2 * torch.from_numpy(sine((5,))).double(), 13, (2, 4, 3, 3))


def shapes():
    case("concat", Lambda(lambda x: torch.cat([x, 2 * x[:, 1:3], torch.relu(x)], 1)))
    case("shuffle", Lambda(lambda x: torch.relu(x.view(x.shape[0], 2, 2, 7, 7).transpose(1, 2).reshape(x.shape[0], -1, 7, 7))))
    case("reshape_by_shape", Lambda(lambda x: torch.relu(x.view(x.size(0), x.size(1) * x.size(2), -1))))
    case("squeeze_unsqueeze", Lambda(lambda x: torch.relu(x[:, :1].squeeze(1).unsqueeze(2))))
    case("slice", Lambda(lambda x: x[:, 1:3, :-2, 2:]))
    case("slice_steps", Lambda(lambda x: x[:, 1:, ::2, 1::3]))
    case("flip", Lambda(lambda x: torch.relu(x.flip(3)) * x.flip((1, 2))))
    backwards = {"s": np.array([5, -1]), "e": np.array([0, -100]), "a": np.array([3, -2]), "t": np.array([-2, -3])}
    nodes_case("slice_backwards", [helper.make_node("Slice", ["x", "s", "e", "a", "t"], ["u"])], backwards,
               lambda x: x[:, :, [6, 3, 0]][:, :, :, [5, 3, 1]], 17)
    case("split", Lambda(lambda x: torch.cat([torch.relu(x.split([1, 3], 1)[1]), x.chunk(2, 1)[0]], 1)))
    case("split_unused", Lambda(lambda x: torch.relu(x.split([1, 3], 1)[1])))
    case("pad", Lambda(lambda x: torch.relu(F.pad(x, (1, 2, 0, 3), value=0.7))))
    case("pad_negative", Lambda(lambda x: torch.relu(F.pad(x, (-1, 2, 1, -2)))))


def networks():
    case("residual", Lambda(lambda x, a, b, c: torch.relu(b(torch.relu(a(x))) + c(x)), nn.Conv2d(4, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 1, 1), nn.Conv2d(4, 6, 1, 2)))
    case("squeeze_excite", Lambda(lambda x, a, b: x * torch.sigmoid(b(torch.relu(a(F.adaptive_avg_pool2d(x, 1))))), nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)))
    case("dense", Lambda(lambda x, n, a: F.avg_pool2d(torch.cat([x, a(torch.relu(n(x)))], 1), 2), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3, padding=1)))


def old_opsets():
    """What changed its form since: attributes that became inputs, and constants that had to be inputs."""
    weight = torch.from_numpy(sine((4, 4, 3, 3), 0.4, 1.7, 0.3)).double()
    node = helper.make_node
    nodes_case("opset_7", [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), node("Clip", ["a"], ["b"], min=0.0, max=1.0),
        node("Dropout", ["b"], ["c"], ratio=0.4), node("Pad", ["c"], ["d"], pads=[0, 0, 1, 0, 0, 0, 0, 2], value=0.5),
        node("Slice", ["d"], ["e"], starts=[1], ends=[100], axes=[2]), node("MaxPool", ["e"], ["f"], kernel_shape=[3, 3], strides=[2, 2]),
    ], {"w": weight.float().numpy()}, lambda x: F.max_pool2d(F.pad(F.conv2d(x, weight, padding=1).clamp(0, 1), (0, 2, 1, 0), value=0.5)[:, :, 1:], 3, 2),
        7, constants_are_inputs=True)
    nodes_case("opset_11", [
        node("GlobalAveragePool", ["x"], ["a"]), node("Softmax", ["a"], ["b"], axis=1), node("Mul", ["x", "b"], ["c"]),
        node("MaxPool", ["c"], ["d"], kernel_shape=[3, 3], strides=[2, 2]), node("Unsqueeze", ["d"], ["e"], axes=[1]), node("Squeeze", ["e"], ["f"], axes=[1]),
    ], {}, lambda x: F.max_pool2d(x * x.mean((2, 3), keepdim=True).softmax(1), 3, 2), 11)


def other_frameworks():
    """What tf2onnx writes of a Keras block: channels last, padding at one side, ReLU6 as Min and Max, a mean as the pool."""
    node = helper.make_node
    weight, dense = sine((5, 4, 3, 3), 0.4, 1.7, 0.3), sine((5, 3), 0.4, 1.7, 0.3)
    scale, offset = sine((1, 5, 1, 1), 0.4, 1.7, 1.0), sine((1, 5, 1, 1), 0.4, 1.1)
    nodes = [
        node("Transpose", ["x"], ["last"], perm=[0, 2, 3, 1]), node("Transpose", ["last"], ["first"], perm=[0, 3, 1, 2]),
        node("Pad", ["first", "pads"], ["padded"]), node("Conv", ["padded", "w"], ["conv"], strides=[2, 2], kernel_shape=[3, 3]),
        node("Mul", ["conv", "scale"], ["scaled"]), node("Add", ["scaled", "offset"], ["normal"]), node("Max", ["normal", "zero"], ["above"]),
        node("Min", ["above", "six"], ["relu6"]), node("ReduceMean", ["relu6"], ["mean"], axes=[2, 3], keepdims=0), node("MatMul", ["mean", "dense"], ["y0"]),
    ]
    constants = dict(w=weight, scale=scale, offset=offset, dense=dense, zero=np.float32(0), six=np.float32(0.6), pads=np.array([0, 0, 0, 0, 0, 0, 1, 1]))
    exact = {key: torch.from_numpy(np.asarray(value)).double() for key, value in constants.items()}

    def keras(x):
        x = F.conv2d(F.pad(x, (0, 1, 0, 1)), exact["w"], stride=2) * exact["scale"] + exact["offset"]
        return x.clamp(0, 0.6).mean((2, 3)) @ exact["dense"]

    nodes_case("keras", nodes, constants, keras, 13, (2, 4, 6, 6))
    caffe = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["b"]), node("LRN", ["b"], ["c"], size=3, alpha=0.3),
        node("MaxPool", ["c"], ["d"], kernel_shape=[3, 3], strides=[2, 2]), node("Sum", ["d", "d", "d"], ["e"]), node("Dropout", ["e"], ["f", "mask"], ratio=0.5),
        node("Upsample", ["f"], ["g"], mode="nearest", scales=[1.0, 1.0, 2.0, 2.0]), node("Reshape", ["g", "flat"], ["h"]),
    ]

    def zoo(x):
        x = F.relu(F.conv2d(x, exact["w"], padding=1))
        window = [x[:, max(0, c - 1):c + 2].square().sum(1) for c in range(5)]
        x = F.max_pool2d(x / (1 + 0.1 * torch.stack(window, 1)) ** 0.75, 3, 2)
        return (3 * x).repeat_interleave(2, 2).repeat_interleave(2, 3)

    nodes_case("model_zoo", caffe, dict(w=weight, flat=np.array([0, -1])), zoo, 7, constants_are_inputs=True)


def main():
    torch.set_num_threads(1)
    for part in (convolutions, further_convolutions, poolings, further_poolings, element_wise, pointwise, reductions, normalizations, resampling, tiles, attention,
                 linear, shapes, networks, old_opsets, other_frameworks):
        part()
    path = pathlib.Path(__file__).parent / "operators.npz"
    np.savez_compressed(path, **CASES)
    print(f"{len(CASES) // 3} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
