"""Trains lensor's bundled network on rendered scenes and writes it as ONNX with its card.

The network has ResNet-18's layout and torchvision's layer names, with 16 channels in the first stage instead of 64.
The last stage keeps stride 1, so that its maps are 8x8 for a 128x128 picture (the original's are 7x7 for 224x224).

    python train.py --data DIR --heldout DIR --out scenes.onnx
    python train.py --data DIR --heldout DIR --out scenes-robust.onnx --robust 2 --epochs 40

Both folders come from `scenes dataset`: images.npy, labels.npy, masks.npy and labels.txt.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import BasicBlock, ResNet

SIZE = 128
WIDTH = 16
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class NarrowResNet18(ResNet):
    """ResNet-18 with `width` channels in the first stage and stride 1 in the last."""

    def __init__(self, classes: int, width: int = WIDTH):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=classes)
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._make_layer(BasicBlock, width, 2)
        self.layer2 = self._make_layer(BasicBlock, 2 * width, 2, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * width, 2, stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * width, 2)
        self.fc = nn.Linear(8 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Scenes:
    """Pictures (u8, NHWC), soft targets and masks of one rendered set."""

    def __init__(self, folder: Path):
        self.labels = (folder / "labels.txt").read_text().split("\n")[:-1]
        self.images = np.load(folder / "images.npy", mmap_mode="r")
        self.masks = np.load(folder / "masks.npy", mmap_mode="r")
        self.classes = np.load(folder / "labels.npy")

    def __len__(self) -> int:
        return len(self.classes)

    def batch(self, index: np.ndarray) -> torch.Tensor:
        """Pictures as the network's input, float32 NCHW."""
        return normalise(torch.from_numpy(self.images[np.sort(index)]).permute(0, 3, 1, 2).float())

    def targets(self, index: np.ndarray) -> torch.Tensor:
        """Probabilities: one for a single thing, a half each for two."""
        first, second = torch.from_numpy(self.classes[np.sort(index)].astype(np.int64)).T
        one = F.one_hot(first, len(self.labels)).float()
        two = F.one_hot(second.clamp(min=0), len(self.labels)).float()
        return torch.where((second >= 0)[:, None], (one + two) / 2, one)


def normalise(pixels: torch.Tensor, factor: torch.Tensor | float = 1.0, shift: torch.Tensor | float = 0.0):
    """Network input from pixels in 0..255 that are first multiplied by `factor` and moved by `shift`."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return pixels * (factor / (255 * std)) + (shift / 255 - mean) / std


def augment(pixels: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """Crops, mirrors and recolours pictures (u8, NHWC) into a batch of network input, channels last in memory.

    One crop size a batch; places and colours picture by picture.
    """
    n = len(pixels)
    side = int(rng.integers(100, SIZE + 1))
    tops, lefts = rng.integers(0, SIZE - side + 1, (2, n))
    steps = rng.choice((-1, 1), n)
    cut = [p[top : top + side, left : left + side][:, ::step] for p, top, left, step in zip(pixels, tops, lefts, steps)]
    batch = torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).float()
    batch = F.interpolate(batch, (SIZE, SIZE), mode="bilinear", align_corners=False)

    def draw(spread: float, channels: int = 1) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(1 - spread, 1 + spread, (n, channels, 1, 1)).astype(np.float32))

    saturation, contrast = draw(0.35), draw(0.25)
    light = draw(0.25) * draw(0.1, 3)
    grey = batch.mean(1, keepdim=True)
    middle = grey.mean((2, 3), keepdim=True)
    mixed = batch.mul_(saturation).add_(grey * (1 - saturation))
    return normalise(mixed, contrast * light, (1 - contrast) * light * middle)


def worst_nearby(model: nn.Module, pixels: torch.Tensor, targets: torch.Tensor, radius: float, steps: int = 3):
    """The network input within an L2 distance of `radius` (pixels count 0..1) that the model likes least, by projected
    gradient ascent of its loss (Madry et al. 2018)."""
    std = torch.tensor(STD, device=pixels.device).view(1, 3, 1, 1)
    norm = lambda values: values.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
    moved = torch.zeros_like(pixels)
    for _ in range(steps):
        moved.requires_grad_(True)
        loss = F.cross_entropy(model(pixels + moved / std).float(), targets)
        (gradient,) = torch.autograd.grad(loss, moved)
        moved = moved.detach() + gradient * (1.5 * radius / steps / norm(gradient))
        moved = moved * (radius / norm(moved)).clamp_max(1.0)
    return pixels + moved / std


def train(model: nn.Module, data: Scenes, args: argparse.Namespace) -> None:
    """Stochastic gradient descent with Nesterov momentum, one warm-up epoch, then a cosine; on the worst pictures nearby
    where the network is to be robust."""
    rng = np.random.default_rng(args.seed)
    decay, plain = [], []
    for parameter in model.parameters():
        (decay if parameter.ndim > 1 else plain).append(parameter)
    groups = [{"params": decay, "weight_decay": args.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=args.lr, momentum=0.9, nesterov=True)
    steps = len(data) // args.batch
    total = steps * args.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, args.lr, total_steps=total, pct_start=1 / args.epochs, cycle_momentum=False
    )
    model.train()
    for epoch in range(args.epochs):
        order = rng.permutation(len(data))
        start, losses = time.time(), []
        for step in range(steps):
            index = order[step * args.batch : (step + 1) * args.batch]
            pixels = augment(data.images[np.sort(index)], rng).to(args.device)
            targets = data.targets(index).to(args.device)
            with torch.autocast(args.device, torch.bfloat16):
                if args.robust:
                    pixels = worst_nearby(model, pixels, targets, args.robust)
                logits = model(pixels)
            loss = F.cross_entropy(logits.float(), targets, label_smoothing=args.smoothing)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1} of {args.epochs}: loss {np.mean(losses):.3f}, {time.time() - start:.0f} s", flush=True)


@torch.no_grad()
def evaluate(model: nn.Module, data: Scenes) -> tuple[float, float, np.ndarray]:
    """Top-1 on pictures of one thing; median Grad-CAM energy ratio at layer4.1; confusion matrix.

    The ratio is the share of the map's energy inside the mask over the mask's share of the picture. The head is linear
    after global average pooling, so Grad-CAM at layer4.1 is ReLU(sum of fc weight x feature map) up to a factor.
    """
    model.eval()
    kept = []
    hook = model.layer4[1].register_forward_hook(lambda _m, _i, output: kept.append(output))
    confusion = np.zeros((len(data.labels), len(data.labels)), int)
    ratios = []
    for start in range(0, len(data), 100):
        index = np.arange(start, min(start + 100, len(data)))
        predicted = model(data.batch(index)).argmax(1)
        np.add.at(confusion, (data.classes[index, 0], predicted.numpy()), 1)
        weights = model.fc.weight[predicted][:, :, None, None]
        maps = (kept.pop() * weights).sum(1, keepdim=True).relu()
        maps = F.interpolate(maps, (SIZE, SIZE), mode="bilinear", align_corners=False)[:, 0].numpy()
        masks = data.masks[index] > 0
        inside = (maps * masks).sum((1, 2)) / np.maximum(maps.sum((1, 2)), 1e-12)
        ratios.extend(inside / masks.mean((1, 2)))
    hook.remove()
    return confusion.trace() / confusion.sum(), float(np.median(ratios)), confusion


def folded(model: nn.Module) -> nn.Module:
    """The same network with every BatchNorm folded into the convolution before it; the layers keep their names."""
    model = model.eval().to(memory_format=torch.contiguous_format)
    for module in model.modules():
        pairs = [(f"conv{i}", f"bn{i}") for i in (1, 2) if hasattr(module, f"bn{i}")]
        if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
            pairs = [("0", "1")]
        for conv, norm in pairs:
            setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
            setattr(module, norm, nn.Identity())
    return model


def export(model: nn.Module, data: Scenes, out: Path) -> None:
    """Writes the ONNX file and checks it against PyTorch."""
    import onnxruntime

    model = folded(model)
    pixels = data.batch(np.arange(8)).contiguous()
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
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"input": pixels.numpy()})
    with torch.no_grad():
        worst = np.abs(logits - model(pixels).numpy()).max()
    assert worst < 1e-3, f"ONNX Runtime differs from PyTorch by {worst}"
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, at most {worst:.1e} from PyTorch")


def write_card(out: Path, labels: list[str], provenance: dict) -> None:
    """Writes the model card beside the ONNX file."""
    robustly = " adversarially" if "robust_l2" in provenance else ""
    text = f'''name = "{out.stem}"
description = "ResNet-18 layout, width {WIDTH}, trained{robustly} on the project's own rendered scenes"

[input]
height = {SIZE}
width = {SIZE}
channels = "rgb"
resize = "squash"
interpolation = "bilinear"
scale = {1 / 255}
mean = {list(MEAN)}
std = {list(STD)}

[output]
logits = "logits"
labels = {json.dumps(labels)}

[provenance]
'''
    text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in provenance.items())
    out.with_suffix(".toml").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("scenes.onnx"))
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--weight-decay", type=float, default=1e-3)
    parser.add_argument("--smoothing", type=float, default=0.05)
    parser.add_argument("--robust", type=float, default=0.0, help="L2 radius of adversarial training, pixels being 0..1")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    data, heldout = Scenes(args.data), Scenes(args.heldout)
    model = NarrowResNet18(len(data.labels)).to(args.device, memory_format=torch.channels_last)
    train(model, data, args)
    model.cpu()
    top1, ratio, confusion = evaluate(model, heldout)
    print(f"held out: top-1 {top1:.4f}, Grad-CAM energy ratio {ratio:.2f}")
    for label, row in zip(heldout.labels, confusion):
        wrong = {heldout.labels[i]: int(n) for i, n in enumerate(row) if n and heldout.labels[i] != label}
        print(f"  {label}: {row.sum() - sum(wrong.values())} of {row.sum()}, taken for {wrong}")
    export(model, heldout, args.out)
    provenance = {
        "made_by": "models/train.py",
        "training_pictures": len(data),
        "epochs": args.epochs,
        "seed": args.seed,
        **({"robust_l2": args.robust} if args.robust else {}),
        "heldout_top1": round(float(top1), 4),
        "heldout_pictures": len(heldout),
        "gradcam_energy_ratio": round(ratio, 2),
    }
    write_card(args.out, heldout.labels, provenance)


if __name__ == "__main__":
    main()
