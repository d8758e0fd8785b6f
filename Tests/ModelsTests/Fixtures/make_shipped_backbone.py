"""Writes Backbone/shipped.samples.safetensors: what PyTorch computes with the backbone of models/saccade-small.

Run it again whenever that file changes: pip install torch safetensors efficientnet_lite_pytorch; python make_shipped_backbone.py
"""

import hashlib
import json
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file, save_file

here = Path(__file__).parent
model_folder = here.parents[2] / "models" / "saccade-small"
configuration = json.loads((model_folder / "config.json").read_text())["backbone"]
side = configuration["frame_size"]
stored = load_file(model_folder / "backbone.safetensors")


def value(name):
    tensor = stored[name]
    if tensor.dtype == torch.int8:
        scale = stored[name + ".scale"].double()
        return tensor.double() * scale.reshape(-1, *[1] * (tensor.dim() - 1))
    return tensor.double()


def put(convolution, norm, name):
    """A plain convolution: batch norm that only adds the bias."""
    convolution.weight.copy_(value(name + ".weight").reshape(convolution.weight.shape))
    norm.weight.fill_(1)
    norm.running_mean.fill_(0)
    norm.running_var.fill_(1 - norm.eps)
    norm.bias.copy_(value(name + ".bias"))


net = EfficientNet.from_name(configuration["architecture"], image_size=side).double().eval()
with torch.no_grad():
    put(net._conv_stem, net._bn0, "stem")
    for index, block in enumerate(net._blocks):
        if hasattr(block, "_expand_conv"):
            put(block._expand_conv, block._bn0, f"blocks.{index}.expand")
        put(block._depthwise_conv, block._bn1, f"blocks.{index}.depthwise")
        put(block._project_conv, block._bn2, f"blocks.{index}.project")

    n, y, x, c = torch.meshgrid(*(torch.arange(k) for k in (2, side, side, 3)), indexing="ij")
    pixels = (x * (3 + c) + y * (5 + 2 * c) + x * y // 32 + 40 * n) % 256
    x = ((pixels.double() - 127) / 128).permute(0, 3, 1, 2)
    x = net._swish(net._bn0(net._conv_stem(x)))
    stride, last = 2, {}
    for block in net._blocks:
        x = block(x)
        stride *= block._depthwise_conv.stride[0]
        last[stride] = x
    maps = {"c3": last[8], "c4": last[16], "c5": last[32]}
    if "head.weight" in stored:
        put(net._conv_head, net._bn1, "head")
        maps["head"] = net._swish(net._bn1(net._conv_head(x)))

samples = {}
for name, map in maps.items():
    flat = map.permute(0, 2, 3, 1).reshape(-1).float()
    samples[name] = flat[torch.arange(1000) * 7919 % flat.numel()].contiguous()
save_file(
    samples,
    here / "Backbone" / "shipped.samples.safetensors",
    metadata={"architecture": configuration["architecture"], "frame_size": str(side)},
)
