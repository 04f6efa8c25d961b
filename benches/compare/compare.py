"""lensor beside PyTorch (pytorch-grad-cam, Captum) and plain ONNX Runtime: the same networks, pictures, threads and batch,
in turns.

    python benches/compare/compare.py [WHAT]... [--lensor target/release/lensor] [--threads 2] [--rounds 5] [--batch 10]
                                      [--networks resnet18,...] [--steps 50] [--device cpu]

WHAT is `cold` (Grad-CAM as a whole process, from start to the overlay on disk), `ig` (Integrated Gradients of the networks,
warm), `memory` (Integrated Gradients of many steps under a budget) and `load` (a file as large as a ResNet-152's, opened and
differentiated, a second time from the cache); by default all. Needs torch, torchvision, grad-cam, captum, onnx,
onnxruntime, pillow. Prints Markdown tables of medians. The networks have seeded random weights: what they say means
nothing, how long it takes does.

`ig` has four times a network, all with the same batch: lensor's attribution; lensor's with the gradient of every step kept,
which is 50 runs of the gradient model; Captum's with its parameters frozen, so that it too computes no more than the
input's gradient; and twice the forward pass of as many pictures in plain ONNX Runtime, the floor of any gradient. On a
GPU (`--device cuda` for float32 products, `cuda:0:tf32` for TensorFloat-32, which Captum is allowed then too) it has lensor
and Captum only, in pictures (steps) a second.
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

NETWORKS = "resnet18,vgg16,resnet50,mobilenet_v2,efficientnet_b0,densenet121"


def make(folder, name):
    """The network for both sides, and two pictures, so that lensor has a warm one."""
    import torch
    import torchvision
    from PIL import Image

    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(weights=None).eval()
    torch.save(network.state_dict(), folder / f"{name}.pth")
    dynamic = {"input": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(network, torch.randn(1, 3, 224, 224), folder / f"{name}.onnx", input_names=["input"],
                      output_names=["logits"], dynamic_axes=dynamic, opset_version=17, dynamo=False)
    for number in range(2):
        coarse = torch.rand(12, 16, 3, generator=torch.Generator().manual_seed(number))
        picture = Image.fromarray((coarse * 255).byte().numpy()).resize((640, 480), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number}.jpg", quality=90)


def load(folder, name, device="cpu"):
    import torch
    import torchvision
    import torchvision.transforms as T
    from PIL import Image

    network = getattr(torchvision.models, name)(weights=None)
    network.load_state_dict(torch.load(folder / f"{name}.pth"))
    prepare = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(),
                         T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    return network.eval().to(device), prepare(Image.open(folder / "0.jpg").convert("RGB"))[None].to(device)


def peer_grad_cam(folder, name):
    import numpy as np
    from PIL import Image
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.image import show_cam_on_image

    network, x = load(folder, name)
    cam = GradCAM(model=network, target_layers=[network.layer4[-1]])(input_tensor=x, targets=None)[0]
    rgb = np.asarray(Image.open(folder / "0.jpg").convert("RGB").resize((224, 224)), dtype=np.float32) / 255
    Image.fromarray(show_cam_on_image(rgb, cam, use_rgb=True)).save(folder / "peer.png")


def peer_ig(folder, name, batch, device):
    """Integrated Gradients of so many steps, up to the map in the processor's memory."""
    import torch
    from captum.attr import IntegratedGradients

    tf32 = device.endswith(":tf32")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    network, x = load(folder, name, device.removesuffix(":tf32"))
    for weights in network.parameters():
        weights.requires_grad_(False)
    method, best = IntegratedGradients(network), int(network(x).argmax())
    return lambda steps: method.attribute(x, target=best, n_steps=steps, internal_batch_size=batch).cpu()


def session(folder, name, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(folder / f"{name}.onnx", options, providers=["CPUExecutionProvider"])


def peer_forward(folder, name, batch, threads):
    import numpy as np

    plain = session(folder, name, threads)
    x = np.random.default_rng(0).standard_normal((batch, 3, 224, 224)).astype(np.float32)

    def run(pictures):
        for first in range(0, pictures, batch):
            plain.run(None, {"input": x[:min(batch, pictures - first)]})
    return run


def serve(answer):
    """Answers each line of stdin, a number, with the seconds that it takes."""
    for line in sys.stdin:
        start = time.perf_counter()
        answer(int(line))
        print(time.perf_counter() - start, flush=True)


class Peer:
    """A process that stays, so that rounds do not wait for it to start."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment)

    def ask(self, number):
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run(command, environment):
    """Wall seconds, peak memory in MB and stdout of one process."""
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


def medians(rows):
    return [statistics.median(values) for values in zip(*rows)]


class Comparison:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        threads = str(arguments.threads)
        self.environment = dict(os.environ, OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads)

    def peer(self, what, name):
        a = self.arguments
        return [sys.executable, __file__, "peer", what, self.folder, name, a.batch, a.threads, a.device]

    def lensor(self, name, *rest):
        a = self.arguments
        return [a.lensor, "explain", "--model", self.folder / f"{name}.onnx", "--device", a.device, "--threads", a.threads, *rest]

    def make(self, name):
        # In a process of its own: what this one holds would count as the peak memory of those that it starts.
        if not (self.folder / f"{name}.onnx").exists():
            run(self.peer("make", name), self.environment)

    def cold(self):
        self.make("resnet18")
        mine, theirs = [], []
        for _ in range(self.arguments.rounds):
            command = self.lensor("resnet18", self.folder / "0.jpg", "--method", "grad-cam", "--out", self.folder / "x.png")
            mine.append(run(command, self.environment)[:2])
            theirs.append(run(self.peer("grad-cam", "resnet18"), self.environment)[:2])
        mine, theirs = medians(mine), medians(theirs)
        print("| ResNet-18, Grad-CAM, whole process | lensor | pytorch-grad-cam | |\n|---|---:|---:|---:|")
        print(f"| to the PNG | {mine[0]:.2f} s | {theirs[0]:.2f} s | {theirs[0] / mine[0]:.1f} × faster |")
        print(f"| peak memory | {mine[1]:.0f} MB | {theirs[1]:.0f} MB | {mine[1] / theirs[1]:.0%} |\n")

    def warm(self, name, steps, *rest):
        """Seconds of the second picture, on a GPU the median of some more: the first one loads."""
        pictures = [self.folder / "0.jpg", self.folder / "1.jpg"] * (1 if self.arguments.device == "cpu" else 4)
        command = self.lensor(name, *pictures, "--method", "integrated-gradients", "--steps", steps, "--batch",
                              self.arguments.batch, "--json", *rest)
        results = json.loads(run(command, self.environment)[2])["results"]
        return statistics.median(result["seconds"] for result in results[1:])

    def ig(self):
        a = self.arguments
        if a.device != "cpu":
            return self.ig_on_gpu()
        print(f"| Integrated Gradients, {a.steps} steps, batch {a.batch} | lensor | Captum | | twice the forward pass | | every "
              "gradient kept | |\n|---|---:|---:|---:|---:|---:|---:|---:|")
        for name in a.networks.split(","):
            self.make(name)
            captum, forward = (Peer(self.peer(what, name), self.environment) for what in ("ig", "forward"))
            captum.ask(a.batch), forward.ask(a.batch)
            rows = []
            for _ in range(a.rounds):
                rows.append((self.warm(name, a.steps), captum.ask(a.steps), 2 * forward.ask(a.steps),
                             self.warm(name, a.steps, "--out", self.folder / "{name}.npz")))
            captum.close(), forward.close()
            ig, peer, floor, kept = medians(rows)
            print(f"| {name} | {ig:.2f} s | {peer:.2f} s | {peer / ig:.2f} × faster | {floor:.2f} s | {ig / floor:.2f} × | "
                  f"{kept:.2f} s | {kept / floor:.2f} × |", flush=True)
        print()

    def ig_on_gpu(self):
        a = self.arguments
        print(f"| Integrated Gradients, {a.steps} steps, batch {a.batch}, {a.device} | lensor | Captum | |\n|---|---:|---:|---:|")
        for name in a.networks.split(","):
            self.make(name)
            captum = Peer(self.peer("ig", name), self.environment)
            for _ in range(2):
                captum.ask(a.steps)
            mine, theirs = medians([(self.warm(name, a.steps), captum.ask(a.steps)) for _ in range(a.rounds)])
            captum.close()
            print(f"| {name} | {a.steps / mine:.0f} a second | {a.steps / theirs:.0f} a second | {theirs / mine:.2f} × faster |",
                  flush=True)
        print()

    def memory(self):
        self.make("resnet18")
        print("| Integrated Gradients of ResNet-18, peak memory | 50 steps | 500 steps |\n|---|---:|---:|")
        for budget in (64, 512, 2048):
            peaks = [run(self.lensor("resnet18", self.folder / "0.jpg", "--method", "integrated-gradients", "--steps", steps,
                                     "--memory", budget, "--json"), self.environment)[1] for steps in (50, 500)]
            print(f"| --memory {budget} | {peaks[0]:.0f} MB | {peaks[1]:.0f} MB |", flush=True)
        print()

    def load(self):
        self.make("resnet152")
        rows = []
        plain = Peer(self.peer("load", "resnet152"), self.environment)
        for _ in range(self.arguments.rounds):
            with tempfile.TemporaryDirectory() as cache:
                fresh = dict(self.environment, XDG_CACHE_HOME=cache)
                command = self.lensor("resnet152", self.folder / "0.jpg", "--method", "gradient", "--json")
                rows.append((run(command, fresh)[0], run(command, fresh)[0], plain.ask(0)))
        plain.close()
        first, second, plain = medians(rows)
        print("| ResNet-152, start to gradient, whole process | first start | second start | ONNX Runtime loads the plain model |")
        print(f"|---|---:|---:|---:|\n| | {first:.2f} s | {second:.2f} s | {plain:.2f} s |\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", nargs="*", help="cold, ig, memory, load")
    arguments.add_argument("--lensor", default="target/release/lensor")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--batch", type=int, default=10)
    arguments.add_argument("--steps", type=int, default=50)
    arguments.add_argument("--networks", default=NETWORKS)
    arguments.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N:tf32")
    arguments.add_argument("--folder", type=Path, help="keeps the networks, for the next time")
    arguments = arguments.parse_args()
    print(f"224×224, {arguments.threads} threads, medians of {arguments.rounds} rounds in turns\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        comparison = Comparison(arguments, folder)
        for what in arguments.what or ("cold", "ig", "memory", "load"):
            getattr(comparison, what)()


if sys.argv[1:2] == ["peer"]:
    what, directory, network, size, count = sys.argv[2], Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]), int(sys.argv[6])
    if what in ("forward", "load"):
        serve(peer_forward(directory, network, size, count) if what == "forward" else
              lambda _: session(directory, network, count))
    else:
        import torch

        torch.set_num_threads(count)
        if what == "make":
            make(directory, network)
        elif what == "grad-cam":
            peer_grad_cam(directory, network)
        else:
            serve(peer_ig(directory, network, size, sys.argv[7]))
else:
    main()
