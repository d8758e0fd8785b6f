"""Writes DualEncoders/*.json: what transformers and open_clip compute with small models of the kinds that are imported.

Usage: python make_dual_encoders.py [NAME ...]
(needs torch, transformers, open_clip_torch and timm; 2.13, 5.24.0, 3.3.0 and 1.0.31 made the committed files)

The weights are in no file: the tests draw the same ones (DrawnCheckpoint.swift) from a tensor's name and shape. References are computed in double
precision. Tokenizers are those of make_tokenizers.py.
"""

import json
import sys
from pathlib import Path

import numpy as np
import open_clip
import timm
import torch
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

import make_tokenizers

OUT = Path(__file__).parent / "DualEncoders"
TEXTS = [
    "a man playing guitar", "Two dogs run &amp; play on the beach!", "Ein Café in 東京 🎸",
    "a very long sentence about a cat that sits on a mat in the sun and looks at birds", "",
]
SIDE, CONTEXT, DIMENSIONS = 32, 16, 40
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def drawn(seed_text, count):
    """24-bit numbers of SplitMix64, seeded by the FNV-1a of a text."""
    seed = 0xCBF29CE484222325
    for byte in seed_text.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) >> np.uint64(40)


def weights(name, shape):
    if name == "logit_scale":
        return np.full(shape, 2.0)
    if name == "logit_bias":
        return np.full(shape, -3.0)
    values = drawn(name, int(np.prod(shape))) / 2.0**23 - 1
    if len(shape) == 1:
        values = 1 + 0.3 * values if name.endswith("weight") else 0.3 * values
    else:
        values = values * np.sqrt(3 / np.prod(shape[1:]))
    return values.astype(np.float32).reshape(shape)


def fill(model):
    """Draws a model's parameters, and returns their shapes by name."""
    state = model.state_dict()
    for name, tensor in state.items():
        tensor.copy_(torch.from_numpy(np.asarray(weights(name, tuple(tensor.shape)))))
    model.double().eval()
    return {name: list(tensor.shape) for name, tensor in state.items()}


def pictures(mean, deviation):
    pixels = np.stack([(drawn(f"picture {i}", SIDE * SIDE * 3) >> np.uint64(16)).reshape(SIDE, SIDE, 3) for i in range(3)])
    pixels = torch.from_numpy(pixels.astype(np.float64) / 255).permute(0, 3, 1, 2)
    mean, deviation = (torch.tensor(v, dtype=torch.float64)[None, :, None, None] for v in (mean, deviation))
    return (pixels - mean) / deviation


def cut(ids):
    return [*ids[: CONTEXT - 1][: len(ids) - 1], ids[-1]]


def padded(ids, padding):
    ids = cut(ids)
    return ids + [padding] * (CONTEXT - len(ids))


def rows(embeddings):
    embeddings = torch.nn.functional.normalize(embeddings, dim=-1)
    return [[float(f"{value:.8g}") for value in row] for row in embeddings.tolist()]


def write(name, files, shapes, weights_file, tokenizer, images, texts):
    tensors = dict(sorted(shapes.items()))
    content = dict(
        files=files, tensors=tensors, weights=weights_file, tokenizer=tokenizer, texts=TEXTS, images=rows(images),
        sentences=rows(torch.cat(texts)))
    (OUT / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    print(name, flush=True)


def hugging_face_files(model, **preparation):
    config = json.loads(model.config.to_json_string(use_diff=True))
    return {"config.json": config, "preprocessor_config.json": preparation}


def tower(**sizes):
    return dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4) | sizes


def clip_hugging_face():
    ids = make_tokenizers.clip(make_tokenizers.MERGES)["clip-hf"]
    count = 512 + make_tokenizers.MERGES + 2
    model = CLIPModel(CLIPConfig(
        text_config=tower(vocab_size=count, max_position_embeddings=CONTEXT, eos_token_id=count - 1, hidden_size=48),
        vision_config=tower(image_size=SIDE, patch_size=8), projection_dim=DIMENSIONS))
    shapes = fill(model)
    images = model.visual_projection(model.vision_model(pictures(CLIP_MEAN, CLIP_STD)).pooler_output)
    texts = [
        model.text_projection(model.text_model(input_ids=torch.tensor([cut(ids(text))])).pooler_output) for text in TEXTS]
    files = hugging_face_files(
        model, do_resize=True, size={"shortest_edge": SIDE}, do_center_crop=True, crop_size={"height": SIDE, "width": SIDE},
        resample=3, image_mean=CLIP_MEAN, image_std=CLIP_STD)
    return files, shapes, "model.safetensors", {"merges.txt": "clip-merges.txt"}, images, texts


def siglip_hugging_face(ids, vocabulary, padding, tokenizer, resample):
    model = SiglipModel(SiglipConfig(
        text_config=tower(vocab_size=vocabulary, max_position_embeddings=CONTEXT, projection_size=64),
        vision_config=tower(image_size=SIDE, patch_size=16)))
    shapes = fill(model)
    images = model.vision_model(pictures([0.5] * 3, [0.5] * 3)).pooler_output
    texts = [
        model.text_model(input_ids=torch.tensor([padded(ids(text), padding)])).pooler_output for text in TEXTS]
    files = hugging_face_files(
        model, do_resize=True, size={"height": SIDE, "width": SIDE}, resample=resample, image_mean=[0.5] * 3,
        image_std=[0.5] * 3)
    return files, shapes, "model.safetensors", tokenizer, images, texts


def siglip():
    return siglip_hugging_face(make_tokenizers.siglip()["siglip"], 2000, 1, {"spiece.model": "siglip.model"}, 3)


def siglip2():
    return siglip_hugging_face(make_tokenizers.gemma()["gemma"], 2100, 0, {"tokenizer.json": "gemma.json"}, 2)


def open_clip_files(model, **preparation):
    return {"open_clip_config.json": {"model_cfg": model, "preprocess_cfg": preparation}}


def clip_open_clip():
    ids = make_tokenizers.clip(make_tokenizers.MERGES)["clip"]
    config = dict(
        embed_dim=DIMENSIONS,
        vision_cfg=dict(image_size=SIDE, layers=2, width=64, head_width=16, patch_size=8),
        text_cfg=dict(context_length=CONTEXT, vocab_size=512 + make_tokenizers.MERGES + 2, width=48, heads=4, layers=2))
    model = open_clip.CLIP(**config)
    shapes = fill(model)
    images = model.encode_image(pictures(CLIP_MEAN, CLIP_STD))
    texts = [model.encode_text(torch.tensor([padded(ids(text), 0)])) for text in TEXTS]
    files = open_clip_files(config, mean=CLIP_MEAN, std=CLIP_STD, interpolation="bicubic", resize_mode="shortest")
    return files, shapes, "open_clip_model.safetensors", {"merges.txt": "clip-merges.txt"}, images, texts


class Parts(torch.nn.Module):
    """A tower of timm and one of open_clip, as CustomTextCLIP has them, but of a size that its configuration can't ask for."""

    def __init__(self, trunk, dimensions, text, has_bias):
        super().__init__()
        self.visual = torch.nn.Module()
        self.visual.trunk = trunk
        self.text = open_clip.model._build_text_tower(dimensions, text)
        self.logit_scale = torch.nn.Parameter(torch.ones([]))
        if has_bias:
            self.logit_bias = torch.nn.Parameter(torch.ones([]))


def siglip2_open_clip():
    ids = make_tokenizers.gemma()["gemma-openclip"]
    name = "vit_base_patch32_siglip_256"
    trunk = timm.create_model(
        name, num_classes=0, global_pool="map", img_size=SIDE, patch_size=8, embed_dim=128, depth=2, num_heads=2,
        mlp_ratio=1.5)
    text = dict(
        context_length=CONTEXT, vocab_size=2100, hf_tokenizer_name="timm/ViT-B-32-SigLIP2-256",
        tokenizer_kwargs={"clean": "canonicalize"}, width=128, heads=4, layers=2, mlp_ratio=1.5, no_causal_mask=True,
        proj_bias=True, pool_type="last", norm_kwargs={"eps": 1e-06}, act_kwargs={"approximate": "tanh"})
    model = Parts(trunk, 128, text, True)
    shapes = fill(model)
    images = model.visual.trunk(pictures([0.5] * 3, [0.5] * 3))
    texts = [model.text(torch.tensor([padded(ids(text), 0)])) for text in TEXTS]
    config = dict(
        embed_dim=128, init_logit_bias=-10, custom_text=True,
        vision_cfg=dict(
            image_size=SIDE, timm_model_name=name, timm_model_pretrained=False, timm_pool="map", timm_proj="none"),
        text_cfg=text)
    files = open_clip_files(
        config, mean=[0.5] * 3, std=[0.5] * 3, interpolation="bicubic", resize_mode="squash", size=[SIDE, SIDE], mode="RGB")
    return files, shapes, "open_clip_model.safetensors", {"tokenizer.json": "gemma.json"}, images, texts


def perception_encoder():
    ids = make_tokenizers.clip(make_tokenizers.MERGES)["clip"]
    name = "vit_pe_core_base_patch16_224"
    trunk = timm.create_model(
        name, num_classes=DIMENSIONS, global_pool="map", img_size=SIDE, patch_size=8, embed_dim=128, depth=2, num_heads=2,
        mlp_ratio=1.5)
    text = dict(
        context_length=CONTEXT, vocab_size=512 + make_tokenizers.MERGES + 2, width=64, heads=4, layers=2)
    model = Parts(trunk, DIMENSIONS, text, False)
    shapes = fill(model)
    images = model.visual.trunk(pictures([0.5] * 3, [0.5] * 3))
    texts = [model.text(torch.tensor([padded(ids(text), 0)])) for text in TEXTS]
    config = dict(
        embed_dim=DIMENSIONS, custom_text=True,
        vision_cfg=dict(image_size=SIDE, timm_model_name=name, timm_model_pretrained=False, timm_pool="map", timm_proj=None),
        text_cfg=text)
    files = open_clip_files(
        config, mean=[0.5] * 3, std=[0.5] * 3, interpolation="bilinear", resize_mode="squash")
    return files, shapes, "open_clip_model.safetensors", {"merges.txt": "clip-merges.txt"}, images, texts


MODELS = {
    "clip": clip_hugging_face, "siglip": siglip, "siglip2": siglip2, "clip-openclip": clip_open_clip,
    "siglip2-openclip": siglip2_open_clip, "pe-openclip": perception_encoder,
}

if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    torch.set_grad_enabled(False)
    for name in sys.argv[1:] or MODELS:
        write(name, *MODELS[name]())
