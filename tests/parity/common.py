"""Asking lensor, and judging what it says by a reference: what is the same for every framework.

Must not know the framework that the network comes from.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
# Largest relative L2 errors: of all, or so many times that of the framework itself in float32; without a proof that it is
# kinks; of smooth networks; of the same graph in float64.
OFF, ROUNDED, KINKS, SMOOTH, EXACT = 5e-3, 3, 1e-3, 1e-4, 1e-6


# Pictures that tell what is usual, if their medians are not too far off; else all that there are do.
FEW = 5


class Failed(Exception):
    """lensor said no."""


@dataclass
class Reference:
    """What the framework says in float64."""

    logits: np.ndarray
    target: int
    # [C, H, W]
    gradient: np.ndarray
    # The framework's own gradient in float32: what rounding alone does.
    rounded: np.ndarray
    # Grad-CAM [h, w] by the names under which feature maps were asked for, of those that the framework has; and in float32.
    cams: dict = field(default_factory=dict)
    rounded_cams: dict = field(default_factory=dict)


def distance(a, b) -> float:
    """‖a − b‖ / ‖b‖."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-300))


def lensor(binary, folder, *arguments, codes=(0,)):
    command = [*map(str, binary), *arguments, "--threads", "1", "--offline"]
    # It finds the ONNX Runtime of this Python, unless ORT_DYLIB_PATH names another.
    environment = os.environ | {"VIRTUAL_ENV": sys.prefix}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode not in codes:
        raise Failed(f"{' '.join(arguments)}: code {done.returncode}: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout)


def feature_maps(path, layers, fed):
    """The values `[1, C, h, w]` of layers' tensors by ONNX Runtime, at what the input is fed."""
    model = onnx.load(str(path), load_external_data=False)
    known = {output.name for output in model.graph.output}
    tensors = list(dict.fromkeys(layer["tensor"] for layer in layers))
    model.graph.output.extend(onnx.ValueInfoProto(name=tensor) for tensor in tensors if tensor not in known)
    tapped = path.with_name("tapped.onnx")
    tapped.write_bytes(model.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(tapped), options, providers=["CPUExecutionProvider"])
    first, *unused = session.get_inputs()
    feeds = {given.name: np.zeros(given.shape, np.float32) for given in unused} | {first.name: fed}
    values = dict(zip(tensors, session.run(tensors, feeds)))
    tapped.unlink()
    return {layer["name"]: values[layer["tensor"]] for layer in layers}


def three(layers, default, known):
    """An early, a middle and the default layer, of those that are known."""
    indices = [layer["index"] for layer in layers if layer["name"] in known]
    if not indices:
        return []
    last = default if default in indices else indices[-1]
    return sorted({indices[0], indices[len(indices) // 2], last})


def compare(binary, export, pictures, reference, check=False, exact=None):
    """What is compared of one network in one file, as a dictionary.

    `binary` is the command that runs lensor, `export(path)` writes the file, `pictures` are what its input takes, `[1, 3, H, W]` or `[1, H, W, 3]` each, and
    `reference(picture, maps)` gives the `Reference` with the Grad-CAM at those of the feature maps that it knows. Pictures
    after the first are looked at only where that one is off by more than rounding, to tell what is usual, and those after the first
    few only where the medians over those are too far off. `exact` tells how far
    lensor's graph is in float64, as `exact.errors` does.
    """
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        folder = Path(folder)
        path = folder / "network.onnx"
        began = time.time()
        export(path)
        described = lensor(binary, folder, "layers", "--model", "network.onnx", "--json")
        layers = described["layers"]
        result = {}
        for fed in pictures:
            picture = fed[0] if fed.shape[1] == 3 else fed[0].transpose(2, 0, 1)
            np.save(folder / "picture.npy", np.ascontiguousarray(picture))
            looked_at = [layer for layer in layers if not result or layer["name"] in result["cams"]]
            known = reference(fed, feature_maps(path, looked_at, fed) if looked_at else {})
            if not np.isfinite(known.gradient).all() or not known.gradient.any():
                raise ValueError("the framework's own gradient is zero or no number: the network says nothing")

            def explain(method, *more):
                report = lensor(binary, folder, "explain", "picture.npy", "--model", "network.onnx", "--method", method,
                                "--target", str(known.target), "--json", "--out", "out.npy", *more)
                return report, np.load(folder / "out.npy")

            report, gradient = explain("gradient")
            found = {
                "logit": abs(report["target"]["score"] - known.logits[known.target]) / known.logits.std(),
                "gradient": distance(gradient, known.gradient),
                "rounded": [distance(known.rounded, known.gradient)],
                "cams": {},
            }
            for index in three(layers, described["default_layer"], known.cams):
                layer = layers[index]["name"]
                _, cam = explain("grad-cam", "--layer", layer)
                found["cams"][layer] = distance(cam, known.cams[layer])
                if layer in known.rounded_cams:
                    found["rounded"].append(distance(known.rounded_cams[layer], known.cams[layer]))
            if result:
                result["others"].append(found)
                if 1 + len(result["others"]) == FEW and not unusual(result):
                    break
                continue
            result = found | {"layers": len(layers), "matched": len(known.cams), "others": []}
            if exact:
                tensors = {layer["name"]: layer["tensor"] for layer in layers if layer["name"] in found["cams"]}
                result["exact"] = exact(binary, folder, tensors, fed, known)
            if check:
                arguments = ("check", "network.onnx", "picture.npy", "--target", str(known.target), "--json")
                report = lensor(binary, folder, *arguments, codes=(0, 1))
                errors = [row.get("error") for row in report["gradients"]]
                methods = {row["method"]: row["note"] for row in report["methods"] if not row["works"]}
                worst = max((error if error is not None else float("inf")) for error in errors)
                result["check"] = {"holds": report["holds"], "error": worst, "without": methods}
            if not needs_proof(result):
                break
        result["seconds"] = time.time() - began
    return result


def numbers(result):
    """The errors of a result: the gradient's, then those of Grad-CAM."""
    return [result["gradient"], *result["cams"].values()]


def needs_proof(result):
    """Whether it is to be shown that what a result is off by are kinks."""
    return not max(numbers(result)) < KINKS


def usual(result, of):
    """The median over the pictures of a number of a result."""
    return float(np.median([of(picture) for picture in [result, *result.get("others", [])]]))


def unusual(result):
    """The medians over the pictures that are too far off, by what they are of."""
    limit = max(OFF, ROUNDED * usual(result, own))
    errors = {"the gradient": usual(result, lambda picture: picture["gradient"])}
    for layer in result["cams"]:
        errors[layer] = usual(result, lambda picture: picture["cams"].get(layer, 0.0))
    return {place: error for place, error in errors.items() if not error < limit}


def own(picture):
    """The largest error of the framework itself in float32."""
    return max(picture["rounded"])


def verdict(result):
    """Why a result is no agreement, or an empty string."""
    if "failed" in result:
        return result["failed"]
    faults = []
    if not result["logit"] < 1e-3:
        faults.append(f"logit off by {result['logit']:.1e}")
    faults += [f"{place} off by {error:.1e}" for place, error in unusual(result).items()]
    off = {place: error for place, error in result.get("exact", {}).items() if not error < EXACT}
    faults += [f"in float64 the gradient at {place or 'the input'} is off by {error:.1e}" for place, error in off.items()]
    proved = max(result.get("smooth", [1])) < SMOOTH or "exact" in result and not off
    if needs_proof(result) and not proved:
        faults.append(f"not kinks: smooth stand-ins off by {max(result.get('smooth', [1])):.1e}")
    if not result["cams"] and result["layers"]:
        faults.append("none of its layers was found in the framework")
    if "check" in result and not result["check"]["holds"]:
        faults.append(f"lensor check says wrong ({result['check']['error']:.1e})")
    return "; ".join(faults)


def table(results):
    """One line a network: how many exports agree, and the worst number of all, of the medians over pictures."""
    lines = ["| network | exports | gradient | Grad-CAM | the framework in float32 | smooth | exact | check |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    by_name = {}
    for (name, _), result in results.items():
        by_name.setdefault(name, []).append(result)
    for name, group in by_name.items():
        good = [result for result in group if "failed" not in result]

        def worst(values):
            values = list(values)
            return f"{max(values):.1e}" if values else ""

        cam = lambda picture: max(picture["cams"].values(), default=0.0)
        marks = [worst(usual(result, lambda picture: picture["gradient"]) for result in good),
                 worst(usual(result, cam) for result in good if result["cams"]),
                 worst(usual(result, own) for result in good),
                 worst(error for result in good for error in result.get("smooth", [])),
                 worst(error for result in good for error in result.get("exact", {}).values()),
                 worst(result["check"]["error"] for result in good if "check" in result)]
        right = sum(not verdict(result) for result in group)
        lines.append(f"| {name} | {right} of {len(group)} | {' | '.join(marks)} |")
    return "\n".join(lines)


def main(description, every, more, ways, one):
    """Runs what is not done yet and says what came out. `one(binary, name)` makes a function of a way that compares."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="names, or parts of them; all of the list by default")
    parser.add_argument("--more", action="store_true", help="networks beyond the list too")
    parser.add_argument("--ways", default=";".join(ways), help="kinds of export, by semicolons: " + "; ".join(ways))
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/lensor")
    parser.add_argument("--device", default="cpu", help="what lensor runs on: cpu, cuda, cuda:N, cuda:N:tf32")
    parser.add_argument("--results", type=Path, default=ROOT / "target/parity.jsonl", help="what is known, a line each")
    parser.add_argument("--again", action="store_true", help="also what agreed before")
    parser.add_argument("--table", action="store_true", help="only print what is known")
    args = parser.parse_args()

    results = {}
    if args.results.exists():
        for line in args.results.read_text().splitlines():
            result = json.loads(line)
            results[result["network"], result["way"]] = result
    every = every + (more if args.more else [])
    names = [name for name in every if not args.networks or any(part in name for part in args.networks)]
    chosen_ways = [way.strip() for way in args.ways.split(";")]
    for name in names if not args.table else []:
        todo = [way for way in chosen_ways if args.again or verdict(results.get((name, way), {"failed": "new"}))]
        make = one([args.binary.resolve(), "--device", args.device], name) if todo else None
        for way in todo:
            try:
                result = make(way)
            except Failed as error:
                result = {"failed": str(error)}
            except Exception as error:  # the script goes on with the next
                result = {"failed": f"{type(error).__name__}: {error}"[:600], "trace": traceback.format_exc()[-1500:]}
            results[name, way] = result = {"network": name, "way": way, **result}
            with args.results.open("a") as file:
                file.write(json.dumps(result) + "\n")
            numbers = ""
            if "failed" not in result:
                worst = max(result["cams"].values(), default=0)
                numbers = f"gradient {result['gradient']:.1e}, Grad-CAM {worst:.1e}, {result['seconds']:.0f} s: "
            print(f"{name}, {way}: {numbers}{verdict(result) or 'agrees'}", flush=True)
    chosen = {key: result for key, result in results.items() if key[0] in names and key[1] in chosen_ways}
    print(table(chosen))
    faults = {key: verdict(result) for key, result in chosen.items() if verdict(result)}
    for (name, way), words in faults.items():
        print(f"{name}, {way}: {words}")
    print(f"{len(chosen) - len(faults)} of {len(chosen)} agree")
    sys.exit(1 if faults or not chosen else 0)
