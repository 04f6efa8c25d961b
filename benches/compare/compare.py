"""lensor beside PyTorch with pytorch-grad-cam and Captum: the same network, the same picture, the same threads, in turns.

    python benches/compare/compare.py [--lensor target/release/lensor] [--threads 2] [--rounds 7]

Needs torch, torchvision, grad-cam, captum, onnx, onnxruntime, pillow. Prints a Markdown table of medians.
Grad-CAM is timed as a whole process, from start to the overlay on disk; Integrated Gradients (50 steps) warm, without
start and loading. The network is a ResNet-18 with seeded random weights: what it says means nothing, how long it takes does.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = 50
BATCH = 8


def make(folder):
    """The network for both sides, and three pictures, so that lensor has warm ones."""
    import torch
    import torchvision
    from PIL import Image

    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    torch.save(network.state_dict(), folder / "resnet18.pth")
    dynamic = {"input": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(network, torch.randn(1, 3, 224, 224), folder / "resnet18.onnx", input_names=["input"],
                      output_names=["logits"], dynamic_axes=dynamic, opset_version=17, dynamo=False)
    (folder / "pictures").mkdir()
    for number in range(3):
        coarse = torch.rand(12, 16, 3, generator=torch.Generator().manual_seed(number))
        picture = Image.fromarray((coarse * 255).byte().numpy()).resize((640, 480), Image.Resampling.BICUBIC)
        picture.save(folder / "pictures" / f"{number}.jpg", quality=90)


def load(folder, picture):
    import torch
    import torchvision
    import torchvision.transforms as T
    from PIL import Image

    network = torchvision.models.resnet18(weights=None)
    network.load_state_dict(torch.load(folder / "resnet18.pth"))
    prepare = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(),
                         T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    return network.eval(), prepare(Image.open(picture).convert("RGB"))[None]


def peer_grad_cam(folder, picture, out):
    import numpy as np
    from PIL import Image
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.image import show_cam_on_image

    network, x = load(folder, picture)
    cam = GradCAM(model=network, target_layers=[network.layer4[-1]])(input_tensor=x, targets=None)[0]
    rgb = np.asarray(Image.open(picture).convert("RGB").resize((224, 224)), dtype=np.float32) / 255
    Image.fromarray(show_cam_on_image(rgb, cam, use_rgb=True)).save(out)


def peer_ig(folder, picture):
    from captum.attr import IntegratedGradients

    network, x = load(folder, picture)
    for weights in network.parameters():
        weights.requires_grad_(False)  # Captum's best case: only the input's gradient
    method, best = IntegratedGradients(network), int(network(x).argmax())
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        method.attribute(x, target=best, n_steps=STEPS, internal_batch_size=BATCH)
        seconds.append(time.perf_counter() - start)
    print(min(seconds[1:]))


def peer_forward(folder, picture, threads):
    """Plain ONNX Runtime: the forward pass of as many pictures, in Captum's batches (lensor chooses its own)."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / "resnet18.onnx", options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((STEPS, 3, 224, 224)).astype(np.float32)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        for first in range(0, STEPS, BATCH):
            session.run(None, {"input": x[first:first + BATCH]})
        seconds.append(time.perf_counter() - start)
    print(min(seconds[1:]))


def run(command, threads):
    """Wall seconds, peak memory in MB and stdout of one process."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.PIPE, env=environment)
        error = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command[0]} failed: {error}")
        out.seek(0)
        # Linux counts in KiB, macOS in bytes.
        peak = usage.ru_maxrss / (1 if sys.platform == "darwin" else 1 / 1024) / 1e6
        return time.perf_counter() - start, peak, out.read().decode()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lensor", default="target/release/lensor")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments = arguments.parse_args()
    threads = arguments.threads

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # In a process of its own: what this one holds would count as the peak memory of those that it starts.
        run([sys.executable, __file__, "peer", folder, "-", threads, "make"], threads)
        pictures = sorted((folder / "pictures").iterdir())
        lensor = [arguments.lensor, "explain", "--model", folder / "resnet18.onnx", "--device", "cpu", "--threads", threads]
        peer = [sys.executable, __file__, "peer", folder, pictures[0], threads]
        rows = {name: [] for name in ("lensor", "peer", "lensor ig", "peer ig", "forward")}
        for _ in range(arguments.rounds):
            rows["lensor"].append(run([*lensor, pictures[0], "--method", "grad-cam", "--out", folder / "lensor.png"], threads)[:2])
            rows["peer"].append(run([*peer, "grad-cam"], threads)[:2])
            warm = run([*lensor, *pictures, "--method", "integrated-gradients", "--steps", STEPS, "--json"], threads)[2]
            rows["lensor ig"].append((min(one["seconds"] for one in json.loads(warm)["results"][1:]),))
            rows["peer ig"].append((float(run([*peer, "ig"], threads)[2]),))
            rows["forward"].append((float(run([*peer, "forward"], threads)[2]),))

    median = {name: [statistics.median(values) for values in zip(*row)] for name, row in rows.items()}
    mine, theirs = median["lensor"], median["peer"]
    ig, captum, forward = (median[name][0] for name in ("lensor ig", "peer ig", "forward"))
    print(f"ResNet-18, 224×224, {threads} threads, medians of {arguments.rounds} rounds in turns\n")
    print("| | lensor | Python | |\n|---|---:|---:|---:|")
    print(f"| Grad-CAM, whole process | {mine[0]:.2f} s | {theirs[0]:.2f} s | {theirs[0] / mine[0]:.1f} × faster |")
    print(f"| its peak memory | {mine[1]:.0f} MB | {theirs[1]:.0f} MB | {mine[1] / theirs[1]:.0%} |")
    print(f"| Integrated Gradients, {STEPS} steps, warm | {ig:.2f} s | {captum:.2f} s | {captum / ig:.2f} × faster |")
    print(f"| the same against twice the forward pass | {ig:.2f} s | {2 * forward:.2f} s | {ig / (2 * forward):.2f} × |")


if sys.argv[1:2] == ["peer"]:
    directory, image, count, what = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
    import torch

    torch.set_num_threads(count)
    if what == "make":
        make(directory)
    elif what == "grad-cam":
        peer_grad_cam(directory, image, directory / "peer.png")
    elif what == "ig":
        peer_ig(directory, image)
    else:
        peer_forward(directory, image, count)
else:
    main()
