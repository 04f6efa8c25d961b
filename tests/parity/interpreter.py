"""Computes an ONNX graph in float64, by PyTorch, so that its own autograd leads back through it.

Must not know what the graph is. What has no gradient, such as the sizes of reshapes, is left to ONNX's reference evaluator.
"""

import functools
import math

import numpy as np
import onnx
import torch
from onnx import helper, inliner, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch.nn import functional as F


def run(model, feeds, wanted):
    """The tensors `wanted` for the inputs `feeds`, both by name; floats of any width are computed in float64."""
    model = inliner.inline_local_functions(model)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    values = {"": None} | {name: wide(value) for name, value in feeds.items()}
    _graph(model.graph, values, opset)
    return [values[name] for name in wanted]


def wide(array):
    tensor = array if isinstance(array, torch.Tensor) else torch.from_numpy(np.array(array))
    return tensor.double() if tensor.is_floating_point() else tensor


def _graph(graph, values, opset):
    for constant in graph.initializer:
        values.setdefault(constant.name, wide(numpy_helper.to_array(constant)))
    for node in graph.node:
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        inputs = [values[name] for name in node.input]
        if node.op_type == "If":
            branch = attributes["then_branch" if bool(inputs[0]) else "else_branch"]
            inner = dict(values)
            _graph(branch, inner, opset)
            outputs = [inner[output.name] for output in branch.output]
        elif node.op_type in OPERATORS:
            outputs = OPERATORS[node.op_type](opset, attributes, len(node.output), *inputs)
        elif any(isinstance(value, torch.Tensor) and value.requires_grad for value in inputs):
            raise NotImplementedError(f"no gradient through {node.op_type} of node {node.name}")
        else:
            outputs = _reference(node, inputs, opset)
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        values.update({name: value for name, value in zip(node.output, outputs) if name})


def _reference(node, inputs, opset):
    given = [name for name in dict.fromkeys(node.input) if name]
    info = lambda name: onnx.ValueInfoProto(name=name)
    results = [info(name) for name in node.output if name]
    graph = helper.make_graph([node], "one", [info(name) for name in given], results)
    one = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    feeds = {name: value.detach().numpy() for name, value in zip(node.input, inputs) if name}
    made = iter(ReferenceEvaluator(one).run(None, feeds))
    return [wide(next(made)) if name else None for name in node.output]


def _ints(tensor):
    return [int(value) for value in tensor.flatten()]


def _pads(attributes, x, kernel, strides, dilations):
    """Rows and columns before and after, those that `auto_pad` asks for worked out."""
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if not auto.startswith("SAME"):
        return attributes.get("pads", [0] * 4)
    total = [max((math.ceil(size / step) - 1) * step + (k - 1) * d + 1 - size, 0)
             for size, k, step, d in zip(x.shape[2:], kernel, strides, dilations)]
    less, more = [size // 2 for size in total], [size - size // 2 for size in total]
    return less + more if auto == "SAME_UPPER" else more + less


def _rows_too(operator):
    """A convolution of pictures, also of what has one axis: as a picture of one row."""
    def convolve(opset, attributes, outputs, x, kernel, bias=None):
        if x.dim() > 3:
            return operator(opset, attributes, outputs, x, kernel, bias)
        first = {"strides": 1, "dilations": 1, "output_padding": 0}
        flat = attributes | {name: [one, *attributes[name]] for name, one in first.items() if name in attributes}
        left, right = attributes.get("pads", [0, 0])
        flat["pads"] = [0, left, 0, right]
        return operator(opset, flat, outputs, x.unsqueeze(2), kernel.unsqueeze(2), bias).squeeze(2)
    return convolve


@_rows_too
def _conv(_, attributes, __, x, kernel, bias=None):
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    top, left, bottom, right = _pads(attributes, x, kernel.shape[2:], strides, dilations)
    x = F.pad(x, (left, right, top, bottom))
    return F.conv2d(x, kernel, bias, strides, 0, dilations, attributes.get("group", 1))


@_rows_too
def _conv_transpose(_, attributes, __, x, kernel, bias=None):
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    more = attributes.get("output_padding", [0, 0])
    y = F.conv_transpose2d(x, kernel, None, strides, 0, 0, attributes.get("group", 1), dilations)
    y = F.pad(y, (-left, more[1] - right, -top, more[0] - bottom))
    return y if bias is None else y + bias.view(1, -1, 1, 1)


def _windows(attributes, x, fill, beyond):
    """What each window sees, `[places in a window, N, C, rows, columns]`: `fill` in the padding, `beyond` where the last
    windows reach further than that. And where each place of a window begins, with its steps."""
    kernel = attributes["kernel_shape"]
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    top, left, bottom, right = _pads(attributes, x, kernel, strides, dilations)
    x = F.pad(x, (left, right, top, bottom), value=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    spare = [size - r for size, r in zip(x.shape[2:], reach)]
    counts = [s // step + 1 for s, step in zip(spare, strides)]
    if attributes.get("ceil_mode", 0):
        counts = [math.ceil(s / step) + 1 for s, step in zip(spare, strides)]
        # A window has to begin in the picture or the padding before it.
        sizes = [x.shape[2] - bottom, x.shape[3] - right]
        counts = [count - ((count - 1) * step >= size) for count, step, size in zip(counts, strides, sizes)]
    missing = [(count - 1) * step + r - size for count, step, r, size in zip(counts, strides, reach, x.shape[2:])]
    x = F.pad(x, (0, max(missing[1], 0), 0, max(missing[0], 0)), value=beyond)
    places = [(dy * dilations[0], dx * dilations[1]) for dy in range(kernel[0]) for dx in range(kernel[1])]
    ends = [(count - 1) * step + 1 for count, step in zip(counts, strides)]
    parts = [x[:, :, y:y + ends[0]:strides[0], z:z + ends[1]:strides[1]] for y, z in places]
    return torch.stack(parts), [(y - top, z - left) for y, z in places], strides


def _max_pool(_, attributes, outputs, x):
    windows, places, strides = _windows(attributes, x, -math.inf, -math.inf)
    highest, which = windows.max(0)
    if outputs == 1:
        return highest
    n, c, rows, columns = x.shape
    place = torch.tensor(places)[which]
    row = place[..., 0] + torch.arange(highest.shape[2]).view(-1, 1) * strides[0]
    column = place[..., 1] + torch.arange(highest.shape[3]) * strides[1]
    return highest, torch.arange(n * c).view(n, c, 1, 1) * rows * columns + row * columns + column


def _average_pool(_, attributes, __, x):
    counted = float(attributes.get("count_include_pad", 0))
    counts, _, _ = _windows(attributes, torch.ones_like(x[:1, :1]), counted, 0.0)
    return _windows(attributes, x, 0.0, 0.0)[0].sum(0) / counts.sum(0)


def _norm(_, attributes, __, x, scale, bias, mean, var):
    return F.batch_norm(x, mean, var, scale, bias, False, 0.0, attributes.get("epsilon", 1e-5))


def _layer_norm(_, attributes, __, x, scale, bias=None):
    axis = attributes.get("axis", -1) % x.dim()
    return F.layer_norm(x, x.shape[axis:], scale, bias, attributes.get("epsilon", 1e-5))


def _gemm(_, attributes, __, a, b, c=None):
    a = a.T if attributes.get("transA", 0) else a
    b = b.T if attributes.get("transB", 0) else b
    y = attributes.get("alpha", 1.0) * (a @ b)
    return y if c is None else y + attributes.get("beta", 1.0) * c


def _reduce(how):
    """`how(x, axes)` keeps the axes."""
    def reduce(_, attributes, __, x, axes=None):
        axes = attributes.get("axes") if axes is None else _ints(axes)
        if not axes and attributes.get("noop_with_empty_axes", 0):
            return x
        axes = [axis % x.dim() for axis in axes] if axes else list(range(x.dim()))
        y = how(x, axes)
        return y if attributes.get("keepdims", 1) else y.reshape([n for at, n in enumerate(x.shape) if at not in axes])
    return reduce


def _reshape(_, attributes, __, x, shape):
    sizes = _ints(shape)
    if not attributes.get("allowzero", 0):
        sizes = [x.shape[at] if size == 0 else size for at, size in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(_, attributes, __, x):
    axis = attributes.get("axis", 1)
    axis = axis + x.dim() if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _squeeze(_, attributes, __, x, axes=None):
    axes = attributes.get("axes") if axes is None else _ints(axes)
    axes = [at for at, n in enumerate(x.shape) if n == 1] if axes is None else [axis % x.dim() for axis in axes]
    return x.reshape([n for at, n in enumerate(x.shape) if at not in axes])


def _unsqueeze(_, attributes, __, x, axes=None):
    axes = attributes.get("axes") if axes is None else _ints(axes)
    for axis in sorted(axis % (x.dim() + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _split(_, attributes, outputs, x, sizes=None):
    axis = attributes.get("axis", 0)
    sizes = attributes.get("split") if sizes is None else _ints(sizes)
    return list(x.split(sizes or math.ceil(x.shape[axis] / outputs), axis))


def _split_to_sequence(_, attributes, __, x, sizes=None):
    """A list of tensors as one value."""
    axis = attributes.get("axis", 0)
    if sizes is None:
        parts = x.split(1, axis)
        return [[part if attributes.get("keepdims", 1) else part.squeeze(axis) for part in parts]]
    return [list(x.split(int(sizes) if sizes.dim() == 0 else _ints(sizes), axis))]


def _slice(opset, attributes, _, x, *given):
    if opset < 10:
        starts, ends = attributes["starts"], attributes["ends"]
        axes, steps = attributes.get("axes", list(range(len(starts)))), [1] * len(starts)
    else:
        starts, ends, axes, steps = [None if value is None else _ints(value) for value in (*given, None, None)[:4]]
        axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        within = np.arange(x.shape[axis])[slice(start, end if abs(end) < 2**31 - 1 else None, step)]
        x = x.index_select(axis % x.dim(), torch.from_numpy(within.copy()))
    return x


def _gather(_, attributes, __, x, indices):
    axis = attributes.get("axis", 0) % x.dim()
    flat = indices.long().flatten() % x.shape[axis]
    return x.index_select(axis, flat).reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1:]])


def _pad(opset, attributes, _, x, pads=None, value=None, axes=None):
    pads = attributes["pads"] if pads is None else _ints(pads)
    mode, count = attributes.get("mode", b"constant").decode(), len(pads) // 2
    before = dict(zip(_ints(axes) if axes is not None else range(count), zip(pads[:count], pads[count:])))
    # From the last axis to the first.
    sides = [side for axis in reversed(range(x.dim())) for side in before.get(axis, before.get(axis - x.dim(), (0, 0)))]
    if mode == "constant":
        fill = attributes.get("value", 0.0) if value is None else value.item()
        return F.pad(x, sides, value=fill)
    while sides[-2:] == [0, 0]:
        sides = sides[:-2]
    return F.pad(x, sides, {"edge": "replicate", "reflect": "reflect"}[mode])


def _scatter(_, attributes, __, x, indices, updates):
    axis, how = attributes.get("axis", 0), attributes.get("reduction", b"none").decode()
    indices = indices.long() % x.shape[axis]
    return x.scatter_add(axis, indices, updates) if how == "add" else x.scatter(axis, indices, updates)


def _depth_to_space(_, attributes, __, x):
    n, c, h, w = x.shape
    b = attributes["blocksize"]
    if attributes.get("mode", b"DCR") == b"DCR":
        return x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)
    return x.reshape(n, c // b**2, b, b, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)


def _space_to_depth(_, attributes, __, x):
    n, c, h, w = x.shape
    b = attributes["blocksize"]
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b**2, h // b, w // b)


def _resize(opset, attributes, _, x, roi=None, scales=None, sizes=None):
    """Each axis is a matrix: what the reference evaluator makes of the unit vectors along it."""
    sizes = _ints(sizes) if sizes is not None else [math.floor(n * s) for n, s in zip(x.shape, scales.tolist())]
    for axis in [axis for axis, size in enumerate(sizes) if size != x.shape[axis]]:
        n = x.shape[axis]
        if scales is not None and scales.numel():
            names, asked = ["x", "", "by"], [None, torch.tensor([1, scales[axis].item()], dtype=torch.float32)]
        else:
            names, asked = ["x", "", "", "to"], [None, None, torch.tensor([n, sizes[axis]])]
        node = helper.make_node("Resize", names, ["y"], **attributes)
        matrix = _reference(node, [torch.eye(n, dtype=torch.float64), *asked], opset)[0]
        x = (x.transpose(axis, -1) @ matrix).transpose(axis, -1)
    return x


def _cast(_, attributes, __, x, *___):
    """Floats of any width are float64; what is cast to a type of its own is done by PyTorch."""
    kind = onnx.TensorProto.DataType.Name(attributes["to"])
    floats = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
    kinds = {"INT64": torch.int64, "INT32": torch.int32, "BOOL": torch.bool, "UINT8": torch.uint8, "INT8": torch.int8}
    return x.double() if kind in floats else x.to(kinds[kind])


def _clip(_, attributes, __, x, low=None, high=None):
    low = attributes.get("min") if low is None else low.item()
    high = attributes.get("max") if high is None else high.item()
    return x.clamp(low, high) if x.is_floating_point() and (low, high) != (None, None) else x


def _constant(_, attributes, __):
    (name, value), = attributes.items()
    return wide(numpy_helper.to_array(value) if name == "value" else np.array(value))


def _constant_of_shape(_, attributes, __, shape):
    value = wide(numpy_helper.to_array(attributes["value"])) if "value" in attributes else torch.zeros(1).double()
    return value.expand(_ints(shape)).clone()


def _instance_norm(_, attributes, __, x, scale, bias):
    return F.instance_norm(x, None, None, scale, bias, eps=attributes.get("epsilon", 1e-5))


def _lrn(_, attributes, __, x):
    alpha, beta = attributes.get("alpha", 1e-4), attributes.get("beta", 0.75)
    return F.local_response_norm(x, attributes["size"], alpha, beta, attributes.get("bias", 1.0))


def _softmax(opset, attributes, _, x):
    if opset >= 13:
        return x.softmax(attributes.get("axis", -1))
    axis = attributes.get("axis", 1) % x.dim()
    return x.reshape(*x.shape[:axis], -1).softmax(-1).reshape(x.shape)


def _plain(function):
    """An operator of tensors without attributes."""
    return lambda _, __, ___, *inputs: function(*inputs)


def _fold(function):
    """An operator of two tensors, for any number of them."""
    return lambda _, __, ___, *inputs: functools.reduce(function, inputs)


def _each(how):
    """`how(x, axes)` of a reduction that keeps the axes."""
    return _reduce(lambda x, axes: how(x, axes, keepdim=True))


def _div(a, b):
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


OPERATORS = {
    # Linear maps, pools and normalisations.
    "Conv": _conv, "ConvTranspose": _conv_transpose, "Gemm": _gemm, "MatMul": _plain(torch.matmul),
    "Einsum": lambda _, a, __, *inputs: torch.einsum(a["equation"].decode(), *inputs),
    "MaxPool": _max_pool, "AveragePool": _average_pool,
    "GlobalAveragePool": _plain(lambda x: x.mean((2, 3), keepdim=True)),
    "GlobalMaxPool": _plain(lambda x: x.amax((2, 3), keepdim=True)),
    "BatchNormalization": _norm, "LayerNormalization": _layer_norm, "InstanceNormalization": _instance_norm, "LRN": _lrn,
    "Softmax": _softmax, "Resize": _resize,
    # Element by element.
    "Relu": _plain(torch.relu), "Sigmoid": _plain(torch.sigmoid), "Tanh": _plain(torch.tanh), "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp), "Log": _plain(torch.log), "Sqrt": _plain(torch.sqrt), "Abs": _plain(torch.abs),
    "Neg": _plain(torch.neg), "Reciprocal": _plain(torch.reciprocal), "Sign": _plain(torch.sign),
    "Softplus": _plain(F.softplus), "HardSwish": _plain(F.hardswish), "Clip": _clip,
    "LeakyRelu": lambda _, a, __, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "Elu": lambda _, a, __, x: F.elu(x, a.get("alpha", 1.0)),
    "Gelu": lambda _, a, __, x: F.gelu(x, approximate=a.get("approximate", b"none").decode()),
    "HardSigmoid": lambda _, a, __, x: (a.get("alpha", 0.2) * x + a.get("beta", 0.5)).clamp(0, 1),
    "Add": _plain(torch.add), "Sub": _plain(torch.sub), "Mul": _plain(torch.mul), "Div": _plain(_div),
    "Pow": _plain(torch.pow), "Sum": _fold(torch.add), "Max": _fold(torch.maximum), "Min": _fold(torch.minimum),
    "Where": _plain(torch.where), "Identity": _plain(lambda x: x), "Dropout": _plain(lambda x, *_: x),
    "Cast": _cast, "CastLike": _plain(lambda x, like: x.to(like.dtype)),
    # Along axes.
    "ReduceMean": _each(torch.mean), "ReduceSum": _each(torch.sum), "ReduceMax": _each(torch.amax),
    "ReduceMin": _each(torch.amin), "ReduceL2": _reduce(lambda x, axes: x.square().sum(axes, keepdim=True).sqrt()),
    # Other shapes, other places.
    "Flatten": _flatten, "Reshape": _reshape, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze,
    "Transpose": lambda _, a, __, x: x.permute(a.get("perm", list(range(x.dim()))[::-1])),
    "Expand": _plain(lambda x, shape: x.expand(torch.broadcast_shapes(x.shape, _ints(shape)))),
    "Tile": _plain(lambda x, counts: x.repeat(_ints(counts))),
    "Concat": lambda _, a, __, *inputs: torch.cat(inputs, a["axis"]), "Split": _split, "Slice": _slice,
    "SplitToSequence": _split_to_sequence, "SequenceConstruct": _plain(lambda *parts: [list(parts)]),
    "SequenceAt": _plain(lambda parts, at: parts[int(at)]),
    "Gather": _gather, "Pad": _pad, "ScatterElements": _scatter,
    "DepthToSpace": _depth_to_space, "SpaceToDepth": _space_to_depth,
    "Shape": lambda _, a, __, x: torch.tensor(list(x.shape)[a.get("start", 0):a.get("end", None)]),
    "Constant": _constant, "ConstantOfShape": _constant_of_shape,
}
