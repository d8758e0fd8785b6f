"""Writes bert-tiny.safetensors and minilm-sentences.safetensors: what PyTorch's BertModel computes.

Usage: python make_bert.py MINILM      (needs torch, transformers and safetensors)

MINILM is a folder with all-MiniLM-L6-v2. The tiny model is random, and large enough in every parameter for a wrong one
to show. All is computed in double precision and stored as F32.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertConfig, BertModel

HERE = Path(__file__).parent
SENTENCES = [
    "a man playing guitar",
    "Two brown dogs chase a red ball along the beach at sunset, and one of them falls into the water.",
    "volcano",
    "Eine Frau erklärt, wie man Brötchen bäckt",
    "日本の電車が駅に着く",
    "someone unboxes a 4K drone & flies it (badly) over a café",
]


def pooled(hidden, mask):
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


torch.manual_seed(5)
model = BertModel(
    BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=16, type_vocab_size=2, layer_norm_eps=1e-12, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    ),
    add_pooling_layer=False,
)
tensors = {}
for name, parameter in model.named_parameters():
    offset = 1.0 if "LayerNorm.weight" in name else 0.0
    parameter.data = (offset + 0.3 * torch.randn_like(parameter)).float()
    tensors["weights." + name] = parameter.detach().clone()
model = model.double()
lengths = [7, 3, 1, 5]
ids = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
mask = torch.zeros_like(ids)
for row, length in enumerate(lengths):
    ids[row, :length] = torch.randint(1, 100, (length,))
    mask[row, :length] = 1
ids[0, 4] = ids[0, 2]
hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
target = torch.randn(len(lengths), 32).float().double()
means = pooled(hidden, mask)
(means * target).sum().backward()
tensors["ids"] = ids.float()
tensors["lengths"] = torch.tensor(lengths).float()
tensors["target"] = target.float()
tensors["hidden"] = hidden.detach().float()
tensors["pooled"] = means.detach().float()
for name, parameter in model.named_parameters():
    tensors["gradients." + name] = parameter.grad.float()
save_file(tensors, HERE / "bert-tiny.safetensors")

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = BertModel.from_pretrained(sys.argv[1]).double().eval()
batch = tokenizer(SENTENCES, padding="longest", truncation=False, return_tensors="pt")
with torch.no_grad():
    hidden = model(**batch).last_hidden_state
save_file(
    {
        "pooled": pooled(hidden, batch["attention_mask"]).float(),
        "first_hidden": hidden[0, : int(batch["attention_mask"][0].sum())].float().contiguous(),
    },
    HERE / "minilm-sentences.safetensors",
    metadata={str(i): sentence for i, sentence in enumerate(SENTENCES)},
)
