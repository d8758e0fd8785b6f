"""Makes checkpoints of true size with random weights, imports them, and prints how far Saccade's vectors are from the reference's.

Usage: dual_encoders.py SACCADE WORK [--precision int8|float] [NAME ...]
(needs torch, transformers, open_clip_torch, timm, pillow; SACCADE is the program, WORK an empty folder for some gigabytes)

Names: clip-b32 and siglip2-b32 (transformers), clip-b16, clip-l14 and pe-b16 (open_clip); the first two if none are given. Weights are as the libraries
draw them. Pictures have the model's own size, so that nothing but the towers is compared. The vocabulary of SigLIP 2 is the small one of the tests.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

FIXTURES = Path(__file__).parents[2] / "Tests/ModelsTests/Fixtures"
sys.path.insert(0, str(FIXTURES))
TEXTS = ["a man playing guitar", "two dogs run on the beach at sunset, and one of them falls into the water", "volcano"]


def pictures(folder, side):
    random = np.random.default_rng(7)
    paths = []
    for i in range(3):
        # Large patches of colour and noise.
        coarse = random.integers(0, 200, (8, 8, 3)).repeat(side // 8, 0).repeat(side // 8, 1)
        pixels = (coarse + random.integers(0, 56, (side, side, 3))).astype(np.uint8)
        paths.append(folder / f"{i}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def prepared(paths, mean, deviation):
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths]).astype(np.float32) / 255
    return torch.from_numpy((pixels - np.float32(mean)) / np.float32(deviation)).permute(0, 3, 1, 2)


def openai_merges(folder):
    import gzip

    import open_clip.tokenizer as tokenizer

    (folder / "merges.txt").write_bytes(gzip.open(tokenizer.default_bpe()).read())
    return tokenizer.SimpleTokenizer()


CLIP = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
HALF = [0.5] * 3, [0.5] * 3


def clip_hugging_face(folder):
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    model = CLIPModel(CLIPConfig())
    model.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    tokenizer = openai_merges(folder)

    def reference(images, texts):
        image = model.visual_projection(model.vision_model(images).pooler_output)
        rows = []
        for text in texts:
            ids = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
            rows.append(model.text_projection(model.text_model(input_ids=torch.tensor([ids])).pooler_output))
        return image, torch.cat(rows)

    return 224, CLIP, reference


def siglip2_hugging_face(folder):
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    import make_tokenizers

    model = SiglipModel(SiglipConfig(text_config=dict(vocab_size=256_000), vision_config=dict(image_size=256, patch_size=32)))
    model.save_pretrained(folder)
    SiglipImageProcessor(size={"height": 256, "width": 256}, resample=2).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((FIXTURES / "Tokenizers/gemma.json").read_bytes())
    ids = make_tokenizers.gemma()["gemma"]

    def reference(images, texts):
        rows = torch.tensor([(found := ids(text)) + [0] * (64 - len(found)) for text in texts])
        return model.vision_model(images).pooler_output, model.text_model(input_ids=rows).pooler_output

    return 256, HALF, reference


def of_open_clip(name):
    def make(folder):
        import open_clip
        from safetensors.torch import save_file

        config = json.loads((Path(open_clip.__file__).parent / f"model_configs/{name}.json").read_text())
        kind = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
        model = kind(**{key: value for key, value in config.items() if key != "custom_text"}).eval()
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
        normal = HALF if name.startswith("PE") else CLIP
        preparation = dict(mean=normal[0], std=normal[1], interpolation="bicubic", resize_mode="squash")
        (folder / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=config, preprocess_cfg=preparation)))
        openai_merges(folder)
        tokenize = open_clip.get_tokenizer(name)

        def reference(images, texts):
            return model.encode_image(images), model.encode_text(tokenize(texts))

        return config["vision_cfg"]["image_size"], normal, reference

    return make


MODELS = {
    "clip-b32": clip_hugging_face, "siglip2-b32": siglip2_hugging_face, "clip-b16": of_open_clip("ViT-B-16"),
    "clip-l14": of_open_clip("ViT-L-14"), "pe-b16": of_open_clip("PE-Core-B-16"),
}


def saccade(program, *arguments):
    output = subprocess.run([program, "model", *map(str, arguments), "--json"], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def compare(ours, theirs):
    ours, theirs = np.array(ours), torch.nn.functional.normalize(theirs, dim=-1).double().numpy()
    return np.abs(ours - theirs).max(), (ours * theirs).sum(-1).min()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("work", type=Path)
    parser.add_argument("names", nargs="*", default=["clip-b32", "siglip2-b32"])
    parser.add_argument("--precision", default="float")
    options = parser.parse_args()
    program, work = options.program, options.work
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    print("| model | parameters | import | frames/s | pictures: largest difference, least cosine | texts: the same |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in options.names:
        folder = work / name
        folder.mkdir(parents=True)
        torch.manual_seed(1)
        side, normal, reference = MODELS[name](folder)
        paths = pictures(folder, side)
        start = time.monotonic()
        made = saccade(program, "import", folder, "--output", work / f"{name}-imported", "--precision", options.precision)
        seconds = time.monotonic() - start
        found = saccade(
            program, "embed", "--model", work / f"{name}-imported", *(x for text in TEXTS for x in ("--text", text)),
            *(x for path in paths for x in ("--image", path)))
        images, texts = reference(prepared(paths, *normal), TEXTS)
        image = compare([row["embedding"] for row in found["images"]], images)
        text = compare([row["embedding"] for row in found["texts"]], texts)
        parameters = (made["image_parameters"] + made["text_parameters"]) / 1e6
        print(
            f"| {name} | {parameters:.1f} M | {seconds:.0f} s | {made['frames_per_second']:.1f} | {image[0]:.1e}, {image[1]:.7f} "
            f"| {text[0]:.1e}, {text[1]:.7f} |", flush=True)


if __name__ == "__main__":
    main()
