"""Every way in which people export a network from PyTorch.

Must not know which network it is.
"""

import contextlib
import io
import warnings
from pathlib import Path

import torch
from torch.onnx import TrainingMode

# Name → (exporter, constants folded, BatchNorm folded into convolutions). Both exporters fold BatchNorm as a constant, so
# that there is no export with BatchNorm folded and constants kept.
WAYS = {
    "legacy": (False, True, True),
    "dynamo": (True, True, True),
    "legacy, BatchNorm kept": (False, True, False),
    "dynamo, nothing folded": (True, False, False),
    "legacy, nothing folded": (False, False, False),
    "dynamo, BatchNorm kept": (True, True, False),
}


# The fused attention of a transformer's inference is an operator that the old exporter does not know.
torch.backends.mha.set_fastpath_enabled(False)


def export(network, picture, way: str, path: Path) -> None:
    """Writes the network: the old exporter at opset 17 with any batch size, the new one at its own with a batch of one."""
    dynamo, constants, norms = WAYS[way]
    quiet = contextlib.redirect_stdout(io.StringIO())
    with warnings.catch_warnings(), quiet, contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        names = {"input_names": ["input"], "output_names": ["logits"]}
        if not dynamo:
            training = TrainingMode.EVAL if norms else TrainingMode.PRESERVE
            axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
            torch.onnx.export(network, (picture,), str(path), dynamo=False, opset_version=17, training=training,
                              do_constant_folding=constants, dynamic_axes=axes, **names)
        elif constants == norms:
            torch.onnx.export(network, (picture,), str(path), dynamo=True, optimize=constants, **names)
        else:
            from onnxscript import optimizer

            program = torch.onnx.export(network, (picture,), dynamo=True, optimize=False, **names)
            optimizer.fold_constants_ir(program.model)
            program.save(str(path))
