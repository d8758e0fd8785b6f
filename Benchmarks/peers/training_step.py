"""One training step of the graphs of TrainingStepBenchmark.swift, in PyTorch's fastest way on a CPU.

Usage: training_step.py minilm|decoder|backbone THREADS. Prints `ready`, then answers each line with `seconds loss`.
"""

import sys
import time

import numpy as np
import torch
import torch.nn.functional as F


def reproducible(shape, seed, scale=1.0, offset=0.0):
    i = np.arange(int(np.prod(shape)), dtype=np.uint32)
    seed = np.uint32(seed)
    h = (i * np.uint32(2654435761) + seed * np.uint32(40503)) ^ (seed << np.uint32(7))
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    x = ((h >> np.uint32(8)).astype(np.float32) / np.float32(8388608) - 1) * np.float32(scale) + np.float32(offset)
    return torch.from_numpy(x.reshape(shape))


def linear_shapes(outputs, inputs):
    return [((outputs, inputs), 0.05, 0), ((outputs,), 0.01, 0)]


def norm_shapes(width):
    return [((width,), 0.1, 1), ((width,), 0.1, 0)]


class Taker:
    def __init__(self, parameters):
        self.parameters = iter(parameters)

    def take(self):
        return next(self.parameters)

    def linear(self, x):
        return F.linear(x, self.take(), self.take())

    def norm(self, x, epsilon):
        return F.layer_norm(x, x.shape[-1:], self.take(), self.take(), epsilon)


def attend(q, k, v, heads, **options):
    split = lambda x: x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
    out = F.scaled_dot_product_attention(split(q), split(k), split(v), **options)
    return out.transpose(1, 2).reshape(q.shape)


def minilm():
    batch, length, width, heads, inner, layers, words = 128, 16, 384, 12, 1536, 6, 30522
    shapes = [((words, width), 0.05, 0), ((512, width), 0.05, 0), ((2, width), 0.05, 0)] + norm_shapes(width)
    for _ in range(layers):
        shapes += linear_shapes(width, width) * 4
        shapes += norm_shapes(width) + linear_shapes(inner, width) + linear_shapes(width, inner) + norm_shapes(width)
    ids = (torch.arange(batch * length) * 7919 % words).view(batch, length)
    lengths = 8 + torch.arange(batch) % 9
    real = torch.arange(length)[None, :] < lengths[:, None]
    mask = real[:, None, None, :].expand(batch, heads, length, length)
    clips = F.normalize(reproducible((batch, width), 777), dim=-1)
    targets = torch.arange(batch)

    def loss(p):
        t = Taker(p)
        x = t.norm(F.embedding(ids, t.take()) + t.take()[:length] + t.take()[0], 1e-12)
        for _ in range(layers):
            q, k, v = t.linear(x), t.linear(x), t.linear(x)
            x = t.norm(x + t.linear(attend(q, k, v, heads, attn_mask=mask)), 1e-12)
            x = t.norm(x + t.linear(F.gelu(t.linear(x))), 1e-12)
        texts = F.normalize((x * real[:, :, None]).sum(1) / lengths[:, None], dim=-1)
        logits = texts @ clips.t() * 20
        return F.cross_entropy(logits, targets) + F.cross_entropy(logits.t(), targets)

    return shapes, loss


def decoder():
    batch, length, width, heads, inner, words = 64, 16, 256, 8, 1024, 3756
    memories = [reproducible((batch, n, width), n) for n in (64, 64, 256)]
    shapes = [((words, width), 0.05, 0), ((length, width), 0.05, 0)]
    for _ in memories:
        for _ in range(2):
            shapes += norm_shapes(width) + linear_shapes(width, width) * 4
        shapes += norm_shapes(width) + linear_shapes(inner, width) + linear_shapes(width, inner)
    shapes += norm_shapes(width)
    ids = (torch.arange(batch * length) * 7919 % words).view(batch, length)
    targets = torch.arange(batch * length) * 104729 % words

    def loss(p):
        t = Taker(p)
        table = t.take()
        x = F.embedding(ids, table) + t.take()
        for memory in memories:
            own = t.norm(x, 1e-5)
            q, k, v = t.linear(own), t.linear(own), t.linear(own)
            x = x + t.linear(attend(q, k, v, heads, is_causal=True))
            q, k, v = t.linear(t.norm(x, 1e-5)), t.linear(memory), t.linear(memory)
            x = x + t.linear(attend(q, k, v, heads))
            x = x + t.linear(F.gelu(t.linear(t.norm(x, 1e-5))))
        return F.cross_entropy((t.norm(x, 1e-5) @ table.t()).view(batch * length, words), targets)

    return shapes, loss


def backbone():
    # EfficientNet-Lite2's blocks 15 to 20 and its head: kernel, stride, inputs, outputs, each six times as wide inside.
    blocks = [(5, 2, 120, 208)] + [(5, 1, 208, 208)] * 4 + [(3, 1, 208, 352)]
    batch, side, head = 128, 16, 1280
    shapes = []
    for kernel, _, inputs, outputs in blocks:
        wide = 6 * inputs
        shapes += [((wide, inputs), (6 / inputs) ** 0.5, 0), ((wide,), 0.1, 0)]
        shapes += [((wide, kernel, kernel), (6 / kernel**2) ** 0.5, 0), ((wide,), 0.1, 0)]
        shapes += [((outputs, wide), (3 / wide) ** 0.5, 0), ((outputs,), 0.1, 0)]
    shapes += [((head, 352), (6 / 352) ** 0.5, 0), ((head,), 0.1, 0)]
    frames = reproducible((batch, side * side, 120), 555, 2).view(batch, side, side, 120).permute(0, 3, 1, 2)
    frames = frames.contiguous(memory_format=torch.channels_last)
    of_pooled, of_map = reproducible((batch, head), 556), reproducible((batch, side * side // 4, 352), 557)

    def loss(p):
        t = Taker(p)
        x = frames
        for kernel, stride, inputs, outputs in blocks:
            y = F.relu6(F.conv2d(x, t.take()[:, :, None, None], t.take()))
            padding = kernel // 2
            if stride == 2:
                # TensorFlow's SAME for an even side: the odd zero goes to the end.
                y, padding = F.pad(y, (kernel // 2 - 1, kernel // 2, kernel // 2 - 1, kernel // 2)), 0
            y = F.relu6(F.conv2d(y, t.take()[:, None], t.take(), stride=stride, padding=padding, groups=6 * inputs))
            y = F.conv2d(y, t.take()[:, :, None, None], t.take())
            x = x + y if stride == 1 and inputs == outputs else y
        pooled = F.relu6(F.conv2d(x, t.take()[:, :, None, None], t.take())).mean((2, 3))
        map = x.permute(0, 2, 3, 1).reshape(of_map.shape)
        return (pooled * of_pooled).mean() + (map * of_map).mean()

    return shapes, loss


def main():
    torch.set_num_threads(int(sys.argv[2]))
    shapes, loss_of = {"minilm": minilm, "decoder": decoder, "backbone": backbone}[sys.argv[1]]()
    parameters = [
        torch.nn.Parameter(reproducible(shape, index + 1, scale, offset))
        for index, (shape, scale, offset) in enumerate(shapes)
    ]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01, fused=True)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(parameters)
        loss.backward()
        optimizer.step()
        print(time.perf_counter() - start, loss.item(), flush=True)


if __name__ == "__main__":
    main()
