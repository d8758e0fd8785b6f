"""Makes BLIPs of true size with random weights, imports them for a Fast model, and prints how far Saccade's scores are from transformers'.

Usage: blip.py SACCADE FAST WORK [NAME ...]
(needs torch, transformers, pillow and the program ffmpeg; SACCADE is the program, FAST a model's folder with BERT's vocab.txt, such as
models/saccade-small, WORK an empty folder for some gigabytes)

Names: blip-itm and blip-captioning; both if none are given. Pictures have BLIP's own size. Saccade keeps a mean of each 2×2 patches in 8 bits: the first
difference is from transformers' text model on the same means, so that it is that of rounding; the second from transformers as it is. Then it indexes
SIXTEEN clips of four seconds, of which it keeps four frames, and re-ranks all of them for a query, with two threads.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipForImageTextRetrieval, BlipImageProcessor

from dual_encoders import CLIP, TEXTS, pictures, prepared, saccade

SIDE, SIXTEEN, DECODER, ENCODER = 384, 16, 30522, 30523


def config():
    sizes = dict(num_attention_heads=12, initializer_range=0.02)
    return BlipConfig(text_config=sizes, vision_config=sizes)


def pooled(tokens):
    """The class token, and means of 2×2 patches: [pictures, 1 + 12 · 12, 768]."""
    count, _, width = tokens.shape
    patches = tokens[:, 1:].reshape(count, 12, 2, 12, 2, width).mean((2, 4)).reshape(count, 144, width)
    return torch.cat([tokens[:, :1], patches], 1)


def matching(model, tokens, ids):
    ids[0, 0] = ENCODER
    states = model.text_encoder(input_ids=ids.expand(len(tokens), -1), encoder_hidden_states=tokens).last_hidden_state
    logits = model.itm_head(states[:, 0])
    return logits[:, 1] - logits[:, 0]


def captioning(model, tokens, ids):
    ids[0, 0] = DECODER
    return torch.stack([-model.text_decoder(input_ids=ids, encoder_hidden_states=one[None], labels=ids).loss for one in tokens])


MODELS = {
    "blip-itm": (BlipForImageTextRetrieval, matching), "blip-captioning": (BlipForConditionalGeneration, captioning),
}


def main():
    program, fast, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    tokenizer = BertTokenizer(vocab=str(fast / "vocab.txt"), do_lower_case=True)
    print("| model | parameters | import | frames/s | same means: largest difference | none: the same | spread of scores | a clip | K = 16 |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in sys.argv[4:] or MODELS:
        kind, score = MODELS[name]
        folder = work / name
        folder.mkdir(parents=True)
        torch.manual_seed(1)
        model = kind(config()).eval()
        model.save_pretrained(folder)
        BlipImageProcessor().save_pretrained(folder)
        (folder / "vocab.txt").write_bytes((fast / "vocab.txt").read_bytes())
        paths = pictures(folder, SIDE)
        start = time.monotonic()
        imported = work / f"{name}-imported"
        made = saccade(program, "import", folder, "--fast", fast, "--output", imported)
        seconds = time.monotonic() - start
        found = saccade(
            program, "embed", "--model", imported, *(x for text in TEXTS for x in ("--text", text)),
            *(x for path in paths for x in ("--image", path)))
        ours = np.array([text["rerank_scores"] for text in found["texts"]])
        tokens = model.vision_model(prepared(paths, *CLIP)).last_hidden_state
        ids = [tokenizer(text, return_tensors="pt").input_ids for text in TEXTS]
        means, exact = (
            np.array([score(model, some, one.clone()).tolist() for one in ids]) for some in (pooled(tokens), tokens))

        many = work / f"{name}-clips"
        many.mkdir()
        files = [many / f"{number}.mp4" for number in range(SIXTEEN)]
        for number, file in enumerate(files):
            source = f"testsrc=size={SIDE}x{SIDE}:rate=8:duration=4,hue=h={20 * number}"
            subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", file], check=True)
        environment = os.environ | {"SACCADE_MODEL": str(imported), "OPENBLAS_NUM_THREADS": "2"}
        state = ["--state", str(work / f"{name}-state")]
        subprocess.run([program, "index", *map(str, files), *state], check=True, capture_output=True, env=environment)
        search = [program, "search", "two dogs run on the beach at sunset", "--rerank", str(SIXTEEN), "--json", *state]
        times = []
        for _ in range(5):
            answer = json.loads(subprocess.run(search, check=True, capture_output=True, env=environment).stdout)
            assert answer["reranked"] == SIXTEEN
            times.append(answer["timings"]["rerank"])
        kept = sum(path.stat().st_size for path in (work / f"{name}-state").glob("memories.sqlite*")) / SIXTEEN
        parameters = (made["image_parameters"] + made["text_parameters"]) / 1e6
        print(
            f"| {name} | {parameters:.1f} M | {seconds:.0f} s | {made['frames_per_second']:.1f} | {np.abs(ours - means).max():.1e} "
            f"| {np.abs(ours - exact).max():.1e} | {exact.std(1).mean():.1e} | {kept / 1024:.0f} KB | {sorted(times)[2]:.0f} ms |", flush=True)


main()
