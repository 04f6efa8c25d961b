"""lensor index beside ONNX Runtime's plain forward pass, on the same cores, one after the other in several rounds.

    python benches/compare/index.py --model resnet18.onnx --pictures FOLDER --lensor target/release/lensor [--rounds 5]

The forward pass runs random input at each of several batch sizes, and the best of them counts. lensor runs the folder's
JPEGs, reading, decoding, scaling and the index included, in copies that differ by a byte behind their end, so that each is
a picture of its own. The rate is what lensor reports of the run itself, without loading the network. Needs onnxruntime.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime


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
    parser.add_argument("--count", type=int, default=200)
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
        files = sorted(path for path in arguments.pictures.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
        for number in range(arguments.count):
            source = files[number % len(files)]
            content = source.read_bytes() + number.to_bytes(4, "little")
            (pathlib.Path(folder) / f"{number}.jpg").write_bytes(content)
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
