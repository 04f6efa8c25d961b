"""Exports a torchvision or timm classifier as ONNX with the card that lensor reads beside it.

    python export.py torchvision:resnet50
    python export.py timm:convnext_tiny.fb_in22k_ft_in1k -o convnext.onnx
    python export.py torchvision:resnet18 --weights none        # random weights, nothing is downloaded

The card has the input size, the preprocessing and the labels that the weights were trained with. It needs torch, onnx
and whichever of torchvision and timm the network comes from.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]


@dataclass
class Card:
    """What the card says of the input and the output."""

    height: int
    width: int
    resize_to: int | None
    interpolation: str
    mean: list[float]
    std: list[float]
    labels: list[str] = field(default_factory=list)

    def text(self, name: str, description: str) -> str:
        """The card as TOML; JSON's strings and lists are TOML too."""
        resize = '"squash"' if self.resize_to is None else f'"shortest-edge"\nresize_to = {self.resize_to}'
        labels = f"labels = {json.dumps(self.labels, ensure_ascii=False)}\n" if self.labels else ""
        return (
            f"name = {json.dumps(name)}\ndescription = {json.dumps(description)}\n\n"
            f'[input]\nheight = {self.height}\nwidth = {self.width}\nchannels = "rgb"\nresize = {resize}\n'
            f"interpolation = {json.dumps(self.interpolation)}\nscale = {1 / 255}\n"
            f"mean = {json.dumps(self.mean)}\nstd = {json.dumps(self.std)}\n\n"
            f'[output]\nlogits = "logits"\n{labels}\n'
            f'[provenance]\nmade_by = "models/export.py"\n'
        )


def from_torchvision(name: str, weights: str) -> tuple[nn.Module, Card]:
    """A torchvision classifier; preprocessing from the weights' transforms, those of the default weights if none."""
    from torchvision import models

    variants = models.get_model_weights(name)
    chosen = None if weights == "none" else variants[weights] if weights in variants.__members__ else variants.DEFAULT
    if chosen is not None and weights not in variants.__members__ and weights != "DEFAULT":
        raise SystemExit(f"{name} has no weights {weights}; it has {', '.join(variants.__members__)}")
    model = models.get_model(name, weights=chosen)
    preset = (chosen or variants.DEFAULT).transforms()
    (side,) = preset.crop_size
    (edge,) = preset.resize_size
    labels = list((chosen or variants.DEFAULT).meta.get("categories", []))
    return model, Card(side, side, edge, preset.interpolation.value, list(preset.mean), list(preset.std), labels)


def from_timm(name: str, weights: str) -> tuple[nn.Module, Card]:
    """A timm classifier; preprocessing and labels from its data configuration."""
    import timm
    from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_data_config

    model = timm.create_model(name, pretrained=weights != "none")
    config = resolve_data_config({}, model=model)
    _, height, width = config["input_size"]
    edge = None if config["crop_mode"] == "squash" else round(min(height, width) / config["crop_pct"])
    subset = infer_imagenet_subset(model)
    labels = ImageNetInfo(subset).label_descriptions() if subset else []
    card = Card(height, width, edge, config["interpolation"], list(config["mean"]), list(config["std"]), labels)
    return model, card


def export(model: nn.Module, card: Card, out: Path) -> None:
    """Writes the ONNX file (opset 17, any batch size) and, where ONNX Runtime is there, checks it."""
    model = model.eval()
    pixels = torch.randn(2, 3, card.height, card.width, generator=torch.Generator().manual_seed(0))
    torch.onnx.export(
        model,
        (pixels,),
        str(out),
        dynamo=False,
        opset_version=17,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
    )
    try:
        import onnxruntime
    except ImportError:
        print("not checked: onnxruntime is not installed")
        return
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"input": pixels[:1].numpy()})
    with torch.no_grad():
        expected = model(pixels[:1])
    error = ((torch.from_numpy(logits) - expected).norm() / expected.norm()).item()
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, relative difference from PyTorch {error:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="torchvision:NAME or timm:NAME")
    parser.add_argument("--weights", default="DEFAULT", help="DEFAULT, none (random), or a torchvision weights' name")
    parser.add_argument("-o", "--out", type=Path, help="the ONNX file; NAME.onnx by default")
    args = parser.parse_args()

    library, _, name = args.model.partition(":")
    makers = {"torchvision": from_torchvision, "timm": from_timm}
    if library not in makers or not name:
        parser.error("the model is torchvision:NAME or timm:NAME")
    torch.manual_seed(0)
    model, card = makers[library](name, args.weights)
    out = args.out or Path(f"{name}.onnx")
    export(model, card, out)
    out.with_suffix(".toml").write_text(card.text(out.stem, f"{args.model}, weights {args.weights}"), encoding="utf-8")
    print(out.with_suffix(".toml"))


if __name__ == "__main__":
    main()
