"""The networks that are tried, with random weights that leave no operator idle.

A name is `torchvision:NAME` or `timm:NAME`. Must not know how a network is exported or what is compared.
"""

import torch
from torch import nn

# Side of the picture: small, since only the operators matter. Some networks need more.
SIDE = 64
SIDES = {
    # They pool to 6 and 7 pixels a side, which is exported only where it divides.
    "torchvision:alexnet": 224,
    "torchvision:vgg11": 224,
    "torchvision:vgg16_bn": 224,
    "torchvision:inception_v3": 96,
    "timm:inception_v4": 96,
    "timm:inception_resnet_v2": 96,
    "timm:fastvit_t8": 128,
    "timm:levit_128s": 128,
    "torchvision:maxvit_t": 224,
}

# What a transformer has to be told to take a picture of that side.
SIZED = {"torchvision:vit_b_16": "image_size", "timm:vit_tiny_patch16_224": "img_size", "timm:levit_128s": "img_size",
         "timm:swin_tiny_patch4_window7_224": "img_size", "timm:efficientformerv2_s0": "img_size",
         "timm:visformer_tiny": "img_size"}

TORCHVISION = """
    alexnet squeezenet1_0 squeezenet1_1 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large mnasnet0_5 mnasnet1_0
    shufflenet_v2_x0_5 shufflenet_v2_x1_0 resnet18 resnet50 resnext50_32x4d wide_resnet50_2 googlenet regnet_x_400mf
    regnet_y_400mf efficientnet_b0 efficientnet_v2_s convnext_tiny densenet121 inception_v3 vgg11 vgg16_bn
""".split()

TIMM = """
    tinynet_e hardcorenas_a efficientnet_lite0 mixnet_s rexnet_100 ghostnet_100 mobileone_s0 repvgg_a0 edgenext_xx_small
    convnextv2_atto ese_vovnet19b_dw selecsls42 dla34 dla46_c hrnet_w18_small res2net50_26w_4s resnetv2_50
    resnetv2_50x1_bit cspdarknet53 eca_nfnet_l0 nfnet_f0 xception41 inception_v4 inception_resnet_v2
""".split()

TRANSFORMERS = ["torchvision:vit_b_16", "torchvision:swin_t", "torchvision:swin_v2_t", "timm:vit_tiny_patch16_224",
                "timm:swin_tiny_patch4_window7_224"]

MORE = ["torchvision:maxvit_t"] + ["timm:" + name for name in """
    lcnet_050 mobilenetv4_conv_small resnest14d skresnet18 dpn68 hgnetv2_b0 poolformer_s12 ghostnetv2_100 seresnet18
    ecaresnet26t repvit_m0_9 efficientformerv2_s0 mobilevit_xxs fastvit_t8 levit_128s visformer_tiny starnet_s050
    densenetblur121d darknetaa53 gcresnet33ts mobilenetv4_hybrid_medium regnetz_b16 semnasnet_050 fbnetc_100
    inception_next_atto
""".split()]

ALL = ["torchvision:" + name for name in TORCHVISION] + ["timm:" + name for name in TIMM] + TRANSFORMERS


def side(name: str) -> int:
    return SIDES.get(name, SIDE)


def make(name: str, seed: int = 0) -> nn.Module:
    """A network with random weights, whose every layer matters at a random picture."""
    torch.manual_seed(seed)
    library, _, model = name.partition(":")
    sized = {SIZED[name]: side(name)} if name in SIZED else {}
    if library == "torchvision":
        from torchvision import models

        quick = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
        network = models.get_model(model, weights=None, **quick, **sized)
    else:
        import timm

        network = timm.create_model(model, pretrained=False, **sized)
    return shake(network, name)


def shake(network: nn.Module, name: str, seed: int = 1) -> nn.Module:
    """Randomises what is initialised to ones, zeros or next to nothing, and the statistics of BatchNorm.

    The statistics are those of random pictures, moved: means by a tenth of a deviation, variances by a factor of 1/2 to
    3/2. They are set one after another on the way through the network, so that each layer is moved as the layers before
    it are, and values neither vanish nor explode.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    def settle(norm, inputs):
        across = [axis for axis in range(inputs[0].dim()) if axis != 1]
        deviation = inputs[0].std(across)
        # A feature map that hardly varies would be blown up with its rounding.
        deviation = deviation.clamp_min(0.2 * deviation.mean().item() + 1e-3)
        norm.running_mean.copy_(inputs[0].mean(across) + 0.1 * deviation * torch.randn(deviation.shape, generator=generator))
        norm.running_var.copy_(deviation.square() * uniform(deviation, 0.5, 1.5))

    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any() and parameter.dim() > 1:
                # A head that begins at nothing would make every gradient nothing.
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
            elif parameter.dim() <= 1 or parameter.numel() == max(parameter.shape):
                if (parameter - 1).abs().max() < 1e-6:
                    parameter.copy_(uniform(parameter, 0.5, 1.5))
                elif parameter.abs().max() < 1e-3:
                    # Biases, and scales that begin at nothing.
                    parameter.copy_(uniform(parameter, -0.3, 0.3))
        network.eval()
        norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        hooks = [norm.register_forward_pre_hook(settle) for norm in norms]
        network(torch.randn(8, 3, side(name), side(name), generator=generator))
        for hook in hooks:
            hook.remove()
    return network


def picture(name: str, seed: int = 2) -> torch.Tensor:
    """A random picture, as a network is fed it: `[1, 3, side, side]`."""
    return torch.randn(1, 3, side(name), side(name), generator=torch.Generator().manual_seed(seed))
