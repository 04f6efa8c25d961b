"""lensor index beside ONNX Runtime's plain forward pass, on the same cores, one after the other in several rounds.

    python benches/compare/index.py --model resnet18.onnx --pictures FOLDER --lensor target/release/lensor [--rounds 5]

The forward pass runs random input at each of several batch sizes, and the best of them counts. lensor runs JPEGs of
500×375 pixels and some 100 kB, as ImageNet's are, cut out of the folder's pictures at random places, scaled and made
lighter or darker, so that each is a picture of its own; reading, decoding, scaling and the index are included. The rate is
what lensor reports of the run itself, without loading the network. Needs onnxruntime and Pillow.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime
from PIL import Image, ImageEnhance


def forward(session, batch, seconds):
    """Pictures a second of the plain forward pass."""
    name = session.get_inputs()[0].name
    x = np.random.default_rng(0).standard_normal((batch, 3, 224, 224), np.float32)
    session.run(None, {name: x})
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        session.run(None, {name: x})
        done += batch
    return done / (time.perf_counter() - begun)


def pictures(source, count, folder):
    """Writes `count` pictures, the same ones every time."""
    whole = [Image.open(path).convert("RGB") for path in sorted(source.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg")]
    dice = random.Random(7)
    for number in range(count):
        picture = whole[number % len(whole)]
        width = int(picture.width * dice.uniform(0.6, 1))
        height = min(picture.height, int(width * 0.75))
        x, y = dice.randint(0, picture.width - width), dice.randint(0, picture.height - height)
        part = picture.resize((500, 375), Image.LANCZOS, (x, y, x + width, y + height))
        part = ImageEnhance.Brightness(ImageEnhance.Color(part).enhance(dice.uniform(0.5, 1.5))).enhance(dice.uniform(0.7, 1.3))
        part.save(f"{folder}/{number:05}.jpg", quality=97)


def index(arguments, folder):
    with tempfile.TemporaryDirectory() as scratch:
        command = [arguments.lensor, "index", str(folder), "--model", arguments.model, "--json"]
        command += ["--index", f"{scratch}/i.sqlite", "--threads", str(arguments.threads), "--device", "cpu"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return report["run"]["rate"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--lensor", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--batches", default="1,4,8,16")
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(arguments.model, options, providers=["CPUExecutionProvider"])
    batches = [int(batch) for batch in arguments.batches.split(",")]
    rates = {batch: [] for batch in batches}
    ours = []
    with tempfile.TemporaryDirectory() as folder:
        pictures(arguments.pictures, arguments.count, folder)
        for _ in range(arguments.rounds):
            for batch in batches:
                rates[batch].append(forward(session, batch, arguments.seconds))
            ours.append(index(arguments, folder))
    medians = {batch: statistics.median(rate) for batch, rate in rates.items()}
    best = max(medians.values())
    print(" ".join(f"batch {batch}: {rate:.1f}/s" for batch, rate in medians.items()))
    print(f"lensor index: {statistics.median(ours):.1f}/s = {100 * statistics.median(ours) / best:.0f} % of {best:.1f}/s")


if __name__ == "__main__":
    main()
