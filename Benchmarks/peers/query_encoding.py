"""One query through transformers' tokenizer and BertModel on PyTorch.

Usage: query_encoding.py MINILM THREADS QUERY. Prints `ready`, then answers each line with seconds and the mean-pooled state.
"""

import sys
import time

import torch
from transformers import AutoTokenizer, BertModel

torch.set_num_threads(int(sys.argv[2]))
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
tokenizer.backend_tokenizer.no_padding()
model = BertModel.from_pretrained(sys.argv[1], add_pooling_layer=False).eval()
print("ready", flush=True)
with torch.inference_mode():
    for _ in sys.stdin:
        start = time.perf_counter()
        batch = tokenizer(sys.argv[3], return_tensors="pt", padding=False)
        pooled = model(**batch).last_hidden_state.mean(1)[0]
        seconds = time.perf_counter() - start
        print(seconds, *pooled.tolist(), flush=True)
