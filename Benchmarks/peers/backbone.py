"""EfficientNet-Lite's C3, C4 and C5 by PyTorch (eager) and by ONNX Runtime, on the same weights.

Usage: backbone.py WEIGHTS.pth VARIANT SIDE BATCH THREADS. Prints `ready`, then answers each line `torch` or `onnx` with the
seconds of one batch and the maps' sums of magnitudes.
"""

import os
import sys
import tempfile
import time

import numpy
import onnxruntime
import torch
from efficientnet_lite_pytorch import EfficientNet

path, variant, side, batch, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
torch.set_num_threads(threads)


class Maps(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = EfficientNet.from_name(f"efficientnet-{variant}", image_size=side)
        self.net.load_state_dict(torch.load(path, weights_only=True))

    def forward(self, images):
        x = self.net._swish(self.net._bn0(self.net._conv_stem(images)))
        stride, last = 2, {}
        for block in self.net._blocks:
            x = block(x)
            stride *= block._depthwise_conv.stride[0]
            last[stride] = x
        return last[8], last[16], last[32]


model = Maps().eval()
n, y, x, c = torch.meshgrid(*(torch.arange(k) for k in (batch, side, side, 3)), indexing="ij")
images = (((x * (3 + c) + y * (5 + 2 * c) + x * y // 32 + 40 * n) % 256).float() - 127) / 128
images = images.permute(0, 3, 1, 2).contiguous()

with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "maps.onnx")
    torch.onnx.export(model, (images,), file, opset_version=17, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
feed = {session.get_inputs()[0].name: images.numpy()}


def by_torch():
    with torch.inference_mode():
        return [map.numpy() for map in model(images)]


def by_onnx():
    return session.run(None, feed)


print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    maps = by_torch() if line.strip() == "torch" else by_onnx()
    seconds = time.perf_counter() - start
    print(seconds, *(float(numpy.abs(map).astype(numpy.float64).sum()) for map in maps), flush=True)
