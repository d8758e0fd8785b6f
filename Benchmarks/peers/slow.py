"""Re-ranking and a training step of the Slow model, in PyTorch with the same weights.

Usage: slow.py MODEL THREADS. Prints `ready`, then answers `rerank` with `seconds` and the scores, `step` with `seconds loss`.
"""

import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from slow_model import Slow, named
from training_step import reproducible

folder = Path(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))
configuration = named(json.loads((folder / "config.json").read_text())["slow"])
stored = load_file(folder / "slow.safetensors")
parameters = {}
for name, value in stored.items():
    if name.endswith(".scale"):
        continue
    scale = stored.get(name + ".scale")
    value = value.float()
    parameters[name] = value if scale is None else value * scale.view(-1, *[1] * (value.dim() - 1))
words = configuration["vocabulary_size"]
sentence = lambda row, length: [3 + (row * 7919 + place * 104729) % (words - 3) for place in range(length)]


def maps(count):
    return {
        level: reproducible((count, size["side"] ** 2, size["channels"]), int(level[1]))
        for level, size in configuration["maps"].items()
    }


model = Slow(parameters, configuration)
with torch.no_grad():
    memory = model.memory(maps(32), [1] * 32)
query = [sentence(1, 12)] * 32
batch = maps(64)
captions = [sentence(row, 8 + row % 9) for row in range(64)]
learned = {name: value.clone().requires_grad_() for name, value in parameters.items()}
optimiser = torch.optim.AdamW(learned.values(), lr=1e-4, weight_decay=0, fused=True)
student = Slow(learned, configuration)
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    if line.strip() == "rerank":
        with torch.no_grad():
            scores = model.scores(query, memory)
        answer = " ".join(f"{score:.6f}" for score in scores.tolist())
    else:
        loss = student.loss(captions, student.memory(batch, [1] * 64))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        answer = f"{loss.item():.6f}"
    print(time.perf_counter() - begin, answer, flush=True)
