"""Writes BLIP/*.json and Tokenizers/bert-words.txt: what transformers computes with small BLIPs for matching and for captions.

Usage: python make_blip.py
(needs what make_dual_encoders.py needs; transformers 5.24.0 made the committed files)

As there, the weights are in no file but drawn from names and shapes, and references are in double precision. A matching score is the difference of the
head's two logits, of which σ is the softmax's second probability; a captioning score is minus the model's own loss. Sentences begin with [ENC] or [DEC],
as BLIP was trained with and evaluated by its authors (github.com/salesforce/BLIP: train_retrieval.py, models/blip.py).
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipForImageTextRetrieval

from make_dual_encoders import CLIP_MEAN, CLIP_STD, TEXTS, drawn, hugging_face_files, weights

OUT = Path(__file__).parent
SIDE, CONTEXT = 48, 24
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789!&.,"
WORDS = "man playing guitar two dogs run and play on the beach very long sentence about cat that sits mat in sun looks at birds"
VOCABULARY = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *("##" + letter for letter in LETTERS), *WORDS.split()]
DECODER, ENCODER = len(VOCABULARY), len(VOCABULARY) + 1


def pictures():
    pixels = np.stack([(drawn(f"picture {i}", SIDE * SIDE * 3) >> np.uint64(16)).reshape(SIDE, SIDE, 3) for i in range(3)])
    pixels = torch.from_numpy(pixels.astype(np.float64) / 255).permute(0, 3, 1, 2)
    mean, deviation = (torch.tensor(v, dtype=torch.float64)[None, :, None, None] for v in (CLIP_MEAN, CLIP_STD))
    return (pixels - mean) / deviation


def config():
    return BlipConfig(
        text_config=dict(
            vocab_size=len(VOCABULARY) + 2, hidden_size=32, encoder_hidden_size=40, intermediate_size=48, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=CONTEXT, bos_token_id=DECODER, sep_token_id=4),
        vision_config=dict(
            hidden_size=40, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4, image_size=SIDE, patch_size=8),
        image_text_hidden_size=16)


def fill(model):
    """Draws a model's parameters, and returns their shapes by name, without those that are others under a second name."""
    tied = set(getattr(model, "_tied_weights_keys", None) or {})
    state = {name: tensor for name, tensor in model.state_dict().items() if name not in tied}
    for name, tensor in state.items():
        tensor.copy_(torch.from_numpy(np.asarray(weights(name, tuple(tensor.shape)))))
    model.double().eval()
    return {name: list(tensor.shape) for name, tensor in state.items()}


def matching(model, picture, ids):
    ids[0, 0] = ENCODER
    no, yes = model(input_ids=ids, pixel_values=picture).itm_score[0].tolist()
    return yes - no


def captioning(model, picture, ids):
    ids[0, 0] = DECODER
    return -model(input_ids=ids, pixel_values=picture, labels=ids).loss.item()


def main():
    words = OUT / "Tokenizers/bert-words.txt"
    words.write_text("\n".join(VOCABULARY) + "\n")
    tokenizer = BertTokenizer(vocab=str(words), do_lower_case=True)
    (OUT / "BLIP").mkdir(exist_ok=True)
    torch.set_grad_enabled(False)
    for name, kind, score in [
        ("blip-itm", BlipForImageTextRetrieval, matching), ("blip-captioning", BlipForConditionalGeneration, captioning),
    ]:
        model = kind(config())
        shapes = fill(model)
        scores = []
        for text in TEXTS:
            ids = tokenizer(text, truncation=True, max_length=CONTEXT, return_tensors="pt").input_ids
            scores.append([float(f"{score(model, picture[None], ids.clone()):.9g}") for picture in pictures()])
        files = hugging_face_files(
            model, do_resize=True, size={"height": SIDE, "width": SIDE}, resample=3, image_mean=CLIP_MEAN, image_std=CLIP_STD)
        content = dict(
            files=files, tensors=dict(sorted(shapes.items())), weights="model.safetensors",
            tokenizer={"vocab.txt": "bert-words.txt"}, texts=TEXTS, scores=scores)
        (OUT / f"BLIP/{name}.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        print(name, scores)


main()
