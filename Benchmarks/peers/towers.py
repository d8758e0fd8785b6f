"""The towers of a CLIP or SigLIP in PyTorch, in ONNX Runtime, and in ONNX Runtime with its dynamic 8-bit quantisation; and what oneDNN multiplies.

Usage: towers.py FOLDER BATCH THREADS IDS
(FOLDER is a checkpoint of transformers with `model_type` clip or siglip, IDS the tokens of one query, with commas)

Started by `saccade-benchmarks towers`, which asks it a line at a time: `image ENGINE` or `text ENGINE`, with the engine `onnx`, `onnx-int8` or
`torch`, is answered with the seconds of one batch and the embeddings' sum of magnitudes; `peak` with operations a second, two a multiplication, of
the image tower's largest product. The pictures are drawn, the same as `drawnPicture` of the benchmark draws, and normalised before.
"""

import os
import sys
import tempfile
import time

import numpy
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoConfig, CLIPTextModelWithProjection, CLIPVisionModelWithProjection, SiglipTextModel, SiglipVisionModel

folder, batch, threads = sys.argv[1], *map(int, sys.argv[2:4])
ids = torch.tensor([[int(number) for number in sys.argv[4].split(",")]])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
# The fused layer isn't one that ONNX has.
torch.backends.mha.set_fastpath_enabled(False)
if AutoConfig.from_pretrained(folder).model_type == "clip":
    kinds, output = (CLIPVisionModelWithProjection, CLIPTextModelWithProjection), ("image_embeds", "text_embeds")
    mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
else:
    kinds, output = (SiglipVisionModel, SiglipTextModel), ("pooler_output", "pooler_output")
    mean, deviation = [0.5] * 3, [0.5] * 3
vision, text = (kind.from_pretrained(folder, attn_implementation="eager").eval() for kind in kinds)
if vision.config.model_type != "clip_vision_model":
    # SigLIP's texts are filled up.
    ids = torch.nn.functional.pad(ids, (0, text.config.max_position_embeddings - ids.shape[1]))
side = vision.config.image_size
n, y, x, c = torch.meshgrid(*(torch.arange(k) for k in (batch, side, side, 3)), indexing="ij")
pixels = ((x * (3 + c) + y * (5 + 2 * c) + x * y // 32 + 40 * n) % 256).float() / 255
images = ((pixels - torch.tensor(mean)) / torch.tensor(deviation)).permute(0, 3, 1, 2).contiguous()


class Embedding(torch.nn.Module):
    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, values):
        return getattr(self.model(values), self.name)


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


towers = {"image": (Embedding(vision, output[0]), images), "text": (Embedding(text, output[1]), ids)}
sessions = {}
with tempfile.TemporaryDirectory() as work:
    for name, (tower, values) in towers.items():
        floats, integers = os.path.join(work, name + ".onnx"), os.path.join(work, name + "-int8.onnx")
        torch.onnx.export(tower, (values,), floats, opset_version=17, dynamo=False)
        quantize_dynamic(floats, integers, weight_type=QuantType.QInt8, per_channel=True)
        sessions[name, "onnx"], sessions[name, "onnx-int8"] = session(floats), session(integers)


def embeddings(name, engine):
    tower, values = towers[name]
    if engine == "torch":
        return tower(values).numpy()
    found = sessions[name, engine]
    return found.run(None, {found.get_inputs()[0].name: values.numpy()})[0]


def peak():
    """oneDNN's product of unsigned by signed bytes, as PyTorch calls it."""
    tokens, width, wide = batch * ((side // vision.config.patch_size) ** 2 + 1), vision.config.hidden_size, vision.config.intermediate_size
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
    if line.strip() == "peak":
        print(peak(), flush=True)
        continue
    name, engine = line.split()
    start = time.perf_counter()
    found = embeddings(name, engine)
    seconds = time.perf_counter() - start
    print(seconds, float(numpy.abs(found).astype(numpy.float64).sum()), flush=True)
