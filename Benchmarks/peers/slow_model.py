"""The Slow model in PyTorch, from the paper's description and the names in slow.safetensors; for benchmarks and fixtures."""

import torch
import torch.nn.functional as F

LEVELS = ["c5", "c4", "c3"]


def named(configuration):
    """The `slow` object of a config.json of format 2, whose maps have places, as format 1 has it, whose maps have names."""
    if isinstance(configuration["maps"], dict):
        return configuration
    return configuration | {
        "layers": [LEVELS[index] for index in configuration["layers"]],
        "maps": dict(zip(LEVELS, configuration["maps"])),
    }


class Slow:
    """parameters: name -> tensor. configuration: the `slow` object of config.json, with its maps named."""

    def __init__(self, parameters, configuration):
        self.p = parameters
        self.c = configuration
        finest = max(LEVELS.index(level) for level in configuration["layers"])
        self.levels = LEVELS[: finest + 1]

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p[name + ".bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.p[name + ".weight"], self.p[name + ".bias"], 1e-5)

    def memory(self, maps, frame_counts):
        """maps: level -> [frames, side², channels]. Returns level -> (tokens [clips, longest, width], mask [clips, longest])."""
        memory, above = {}, None
        for level in self.levels:
            name, side = f"memory.{level}", self.c["maps"][level]["side"]
            x = self.linear(maps[level], name + ".lateral")
            frames, width = x.shape[0], x.shape[2]
            x = x.view(frames, side, side, width)
            if above is not None:
                w = self.p[name + ".fusion.weights"].clamp(min=0)
                w = w / (w.sum() + 1e-4)
                up = above.repeat_interleave(2, 1).repeat_interleave(2, 2)
                x = F.silu(w[0] * x + w[1] * up).permute(0, 3, 1, 2)
                kernel = self.p[name + ".fusion.depthwise"].permute(2, 0, 1).unsqueeze(1)
                x = F.conv2d(x, kernel, padding=1, groups=width).permute(0, 2, 3, 1)
                x = self.linear(x, name + ".fusion.pointwise")
            above = x
            if level in self.c["layers"]:
                memory[level] = self.tokens(x, name, frame_counts)
        return memory

    def tokens(self, x, name, frame_counts):
        frames, side, _, width = x.shape
        x = self.norm(x.reshape(frames, side * side, width), name + ".norm") + self.p[name + ".positions"]
        times, kept = self.p["memory.times"], self.c["frames"]
        clips, first = [], 0
        for count in frame_counts:
            own = x[first : first + count]
            first += count
            if count == 1:
                clips.append(own[0] + times[0])
                continue
            pooled = F.avg_pool2d(own.view(count, side, side, width).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
            when = torch.tensor([1 + (2 * i + 1) * kept // (2 * count) for i in range(count)])
            clips.append((pooled.reshape(count, -1, width) + times[when][:, None, :]).reshape(-1, width))
        lengths = torch.tensor([len(clip) for clip in clips])
        tokens = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
        return tokens, torch.arange(tokens.shape[1])[None, :] < lengths[:, None]

    def attend(self, q, k, v, mask):
        heads = self.c["heads"]
        split = lambda x: x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
        out = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=mask)
        return out.transpose(1, 2).reshape(q.shape)

    def layer(self, x, name, tokens, token_mask, causal):
        y = self.norm(x, name + ".self.norm")
        y = self.attend(*(self.linear(y, f"{name}.self.{part}") for part in ("query", "key", "value")), causal)
        x = x + self.linear(y, name + ".self.output")
        y = self.linear(self.norm(x, name + ".cross.norm"), name + ".cross.query")
        k, v = (self.linear(tokens, f"{name}.cross.{part}") for part in ("key", "value"))
        mask = None if token_mask.all() else token_mask[:, None, None, :]
        x = x + self.linear(self.attend(y, k, v, mask), name + ".cross.output")
        y = F.gelu(self.linear(self.norm(x, name + ".feed.norm"), name + ".feed.in"))
        return x + self.linear(y, name + ".feed.out")

    def costs(self, sentences, memory):
        """-log p of each word, sentence after sentence, in each direction; sentence i is about clip i."""
        lengths = [len(s) + 1 for s in sentences]
        longest = max(lengths)
        real = torch.arange(longest)[None, :] < torch.tensor(lengths)[:, None]
        beginnings = torch.zeros(len(sentences), longest, dtype=torch.long)
        endings = torch.zeros(len(sentences), longest, dtype=torch.long)
        for row, sentence in enumerate(sentences):
            beginnings[row, : lengths[row]] = torch.tensor([0] + sentence)
            endings[row, : lengths[row]] = torch.tensor(sentence + [1])
        steps = torch.arange(longest)
        result = []
        for reader in ["forward", "backward"] if self.c["directions"] == "both" else ["forward"]:
            ahead = reader == "forward"
            places = steps[None, :] if ahead else torch.tensor(lengths)[:, None] - 1 - steps[None, :]
            x = F.embedding(beginnings if ahead else endings, self.p["words.weight"])
            x = x + self.p[reader + ".positions"][places.clamp(min=0)]
            seen = steps[None, :] <= steps[:, None] if ahead else steps[None, :] >= steps[:, None]
            causal = (seen[None] & real[:, None, :])[:, None]
            # A padding row must see something.
            causal = causal | torch.eye(longest, dtype=torch.bool)[None, None]
            for index, level in enumerate(self.c["layers"]):
                x = self.layer(x, f"{reader}.layer.{index}", *memory[level], causal)
            x = self.norm(x[real], reader + ".norm")
            logits = F.linear(x, self.p["words.weight"], self.p["words.bias"])
            result.append(F.cross_entropy(logits, (endings if ahead else beginnings)[real], reduction="none"))
        return result

    def loss(self, sentences, memory):
        costs = self.costs(sentences, memory)
        return sum(costs).mean() / len(costs)

    def scores(self, sentences, memory):
        """h / 2(L + 1) of each sentence."""
        costs = sum(self.costs(sentences, memory)) / (2 if self.c["directions"] == "both" else 1)
        return torch.stack([-part.mean() for part in costs.split([len(s) + 1 for s in sentences])])
