"""Writes slow-tiny.safetensors: a small Slow model, its inputs, and PyTorch's loss, scores and gradients.

Usage: python make_slow.py      (needs torch and safetensors)

Parameters are random, and large enough for a wrong one to show. All is computed in double precision and stored as F32.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "Benchmarks" / "peers"))
from slow_model import Slow  # noqa: E402

WIDTH, HEADS, FEED, WORDS, TOKENS, FRAMES = 16, 4, 24, 13, 9, 4
CONFIGURATION = {
    "width": WIDTH, "heads": HEADS, "feed_forward": FEED, "layers": ["c5", "c4", "c3"], "directions": "both",
    "maps": {"c5": {"side": 2, "channels": 5}, "c4": {"side": 4, "channels": 3}, "c3": {"side": 8, "channels": 2}},
    "frames": FRAMES,
}
SENTENCES = [[3, 4, 5, 2], [6], [7, 8, 3, 4, 9, 12], [10, 11]]
FRAME_COUNTS = [1, 2, 3, 4]

torch.manual_seed(7)


def shapes():
    yield "words.weight", (WORDS, WIDTH)
    yield "words.bias", (WORDS,)
    yield "memory.times", (1 + FRAMES, WIDTH)
    for index, level in enumerate(["c5", "c4", "c3"]):
        size, name = CONFIGURATION["maps"][level], f"memory.{level}"
        yield name + ".lateral.weight", (WIDTH, size["channels"])
        yield name + ".lateral.bias", (WIDTH,)
        if index:
            yield name + ".fusion.weights", (2,)
            yield name + ".fusion.depthwise", (3, 3, WIDTH)
            yield name + ".fusion.pointwise.weight", (WIDTH, WIDTH)
            yield name + ".fusion.pointwise.bias", (WIDTH,)
        yield name + ".norm.weight", (WIDTH,)
        yield name + ".norm.bias", (WIDTH,)
        yield name + ".positions", (size["side"] ** 2, WIDTH)
    for reader in ["forward", "backward"]:
        yield reader + ".positions", (TOKENS + 1, WIDTH)
        yield reader + ".norm.weight", (WIDTH,)
        yield reader + ".norm.bias", (WIDTH,)
        for layer in range(3):
            name = f"{reader}.layer.{layer}"
            for part in ["self", "cross"]:
                yield f"{name}.{part}.norm.weight", (WIDTH,)
                yield f"{name}.{part}.norm.bias", (WIDTH,)
                for linear in ["query", "key", "value", "output"]:
                    yield f"{name}.{part}.{linear}.weight", (WIDTH, WIDTH)
                    yield f"{name}.{part}.{linear}.bias", (WIDTH,)
            yield name + ".feed.norm.weight", (WIDTH,)
            yield name + ".feed.norm.bias", (WIDTH,)
            yield name + ".feed.in.weight", (FEED, WIDTH)
            yield name + ".feed.in.bias", (FEED,)
            yield name + ".feed.out.weight", (WIDTH, FEED)
            yield name + ".feed.out.bias", (WIDTH,)


def start(name, shape):
    values = torch.randn(shape, dtype=torch.double) * 0.3
    if name.endswith("norm.weight") or name.endswith("fusion.weights"):
        values = values.abs() + 0.5
    # Single precision is what the file holds: the reference computes with just those numbers.
    return values.float().double()


parameters = {name: start(name, shape).requires_grad_() for name, shape in shapes()}
maps = {
    level: torch.randn(sum(FRAME_COUNTS), size["side"] ** 2, size["channels"]).double()
    for level, size in CONFIGURATION["maps"].items()
}
model = Slow(parameters, CONFIGURATION)
memory = model.memory(maps, FRAME_COUNTS)
loss = model.loss(SENTENCES, memory)
gradients = torch.autograd.grad(loss, list(parameters.values()))
tensors = {"parameter/" + name: value for name, value in parameters.items()}
tensors |= {"gradient/" + name: value for name, value in zip(parameters, gradients)}
tensors |= {"map/" + level: value for level, value in maps.items()}
tensors["loss"] = loss.reshape(1)
tensors["scores"] = model.scores(SENTENCES, memory)
save_file({name: value.detach().float().contiguous() for name, value in tensors.items()}, HERE / "slow-tiny.safetensors")
print("loss", loss.item())
