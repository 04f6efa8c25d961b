"""lensor's activation maximisation beside Lucent's: the same network, channel, size and threads, in turns.

    python benches/compare/maximization.py [--lensor target/release/lensor] [--threads 2] [--rounds 5] [--steps 64]

Needs torch, torchvision, torch-lucent, kornia, onnx. Prints a Markdown line of medians: steps a second of a channel of
layer3.1.conv2 of a ResNet-18 with seeded random weights, 224×224 pixels, with all transforms; warm, without start and
loading. Lucent is timed twice: as its users run it, and with the gradients of the weights, which nobody needs, turned off.
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

LAYER, CHANNEL = "layer3.1.conv2", 14
SIZE = 224


def network():
    import torch
    import torchvision

    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None).eval()


def export(folder):
    import torch

    torch.onnx.export(network(), torch.randn(1, 3, SIZE, SIZE), folder / "resnet18.onnx", input_names=["input"],
                      output_names=["logits"], dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
                      opset_version=17, dynamo=False)


def lucent(steps, weights):
    import kornia
    import torch
    from lucent.optvis import objectives, param, render

    # Newer versions of kornia have these two elsewhere.
    for name in ("get_rotation_matrix2d", "warp_affine"):
        if not hasattr(kornia, name):
            setattr(kornia, name, getattr(kornia.geometry.transform, name))
    model = network().to(torch.device("cpu"))
    for each in model.parameters():
        each.requires_grad_(weights)
    objective = objectives.channel(LAYER.replace(".", "_"), CHANNEL)
    climb = lambda count: render.render_vis(model, objective, lambda: param.image(SIZE), thresholds=(count,),
                                            fixed_image_size=(SIZE, SIZE), show_image=False, progress=False)
    climb(4)
    start = time.perf_counter()
    climb(steps)
    print(steps / (time.perf_counter() - start))


def run(command, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr}")
    return done.stdout


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lensor", default="target/release/lensor")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--steps", type=int, default=64)
    arguments = arguments.parse_args()
    threads, steps = arguments.threads, arguments.steps

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run([sys.executable, __file__, "peer", "export", folder, threads], threads)
        lensor = [arguments.lensor, "maximize", "--model", folder / "resnet18.onnx", "--layer", f"{LAYER}:{CHANNEL}",
                  "--steps", steps, "--device", "cpu", "--threads", threads, "--json"]
        rates = {"lensor": [], "lucent": [], "lucent alone": []}
        for _ in range(arguments.rounds):
            rates["lensor"].append(json.loads(run(lensor, threads))["steps_per_second"])
            for name, weights in (("lucent", 1), ("lucent alone", 0)):
                rates[name].append(float(run([sys.executable, __file__, "peer", steps, weights, threads], threads)))
    mine, theirs, alone = (statistics.median(rates[name]) for name in ("lensor", "lucent", "lucent alone"))
    print(f"ResNet-18, {LAYER}:{CHANNEL}, {SIZE}×{SIZE}, {threads} threads, medians of {arguments.rounds} rounds in turns\n")
    print("| | lensor | Lucent | |\n|---|---:|---:|---:|")
    print(f"| Activation maximisation, steps a second | {mine:.1f} | {theirs:.1f} | {mine / theirs:.2f} × faster |")
    print(f"| without gradients of the weights in Lucent | {mine:.1f} | {alone:.1f} | {mine / alone:.2f} × faster |")


if sys.argv[1:2] == ["peer"]:
    import torch

    torch.set_num_threads(int(sys.argv[4]))
    if sys.argv[2] == "export":
        export(Path(sys.argv[3]))
    else:
        lucent(int(sys.argv[2]), sys.argv[3] == "1")
else:
    main()
