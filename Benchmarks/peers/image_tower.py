"""CLIP's image tower by ONNX Runtime in floats and in dynamic int8, by PyTorch, and the machine's rate of 8-bit products by oneDNN.

Usage: image_tower.py CHECKPOINT BATCH THREADS: a folder of transformers with model_type clip. Prints `ready`, then answers each line `onnx`,
`onnx-int8` or `torch` with the seconds of one batch and the embeddings' sum of magnitudes, and `peak` with operations a second, two a multiplication,
of the tower's largest product.
"""

import os
import sys
import tempfile
import time

import numpy
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import CLIPVisionModelWithProjection

folder, batch, threads = sys.argv[1], *map(int, sys.argv[2:4])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
# The fused layer isn't one that ONNX has.
torch.backends.mha.set_fastpath_enabled(False)
model = CLIPVisionModelWithProjection.from_pretrained(folder, attn_implementation="eager").eval()
side = model.config.image_size
n, y, x, c = torch.meshgrid(*(torch.arange(k) for k in (batch, side, side, 3)), indexing="ij")
pixels = ((x * (3 + c) + y * (5 + 2 * c) + x * y // 32 + 40 * n) % 256).float() / 255
mean, deviation = torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711])
images = ((pixels - mean) / deviation).permute(0, 3, 1, 2).contiguous()


class Embedding(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model(pixel_values=pixels).image_embeds


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


with tempfile.TemporaryDirectory() as work:
    floats, integers = os.path.join(work, "floats.onnx"), os.path.join(work, "integers.onnx")
    torch.onnx.export(Embedding(), (images,), floats, opset_version=17, dynamo=False)
    quantize_dynamic(floats, integers, weight_type=QuantType.QInt8, per_channel=True)
    sessions = {"onnx": session(floats), "onnx-int8": session(integers)}


def embeddings(engine):
    if engine == "torch":
        return Embedding()(images).numpy()
    found = sessions[engine]
    return found.run(None, {found.get_inputs()[0].name: images.numpy()})[0]


def peak():
    """oneDNN's product of unsigned by signed bytes, as PyTorch calls it."""
    tokens, width, wide = batch * ((side // model.config.patch_size) ** 2 + 1), model.config.hidden_size, model.config.intermediate_size
    torch.backends.quantized.engine = "onednn"
    weight = torch.quantize_per_channel(torch.randn(wide, width), torch.full((wide,), 0.02), torch.zeros(wide, dtype=torch.long), 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weight, None)
    rows = torch.quantize_per_tensor(torch.randn(tokens, width), 0.02, 128, torch.quint8)
    best = numpy.inf
    for _ in range(10):
        start = time.perf_counter()
        torch.ops.quantized.linear(rows, packed, 1.0, 0)
        best = min(best, time.perf_counter() - start)
    return 2 * tokens * width * wide / best


print("ready", flush=True)
for line in sys.stdin:
    engine = line.strip()
    if engine == "peak":
        print(peak(), flush=True)
        continue
    start = time.perf_counter()
    found = embeddings(engine)
    seconds = time.perf_counter() - start
    print(seconds, float(numpy.abs(found).astype(numpy.float64).sum()), flush=True)
