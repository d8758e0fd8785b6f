"""Writes wordpiece-*.txt: what the reference tokenizer makes of texts in all scripts.

Usage: python make_wordpiece.py [DATA]      (needs `tokenizers`; 0.23.3 made the committed files)

DATA is a folder of captions as JSON lines; with it wordpiece-captions.txt is written too, which holds digests only.
"""

import sys

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from texts import BATCH, BATCHES, BROKEN, CHOSEN, HERE, LONG, POOLS, VOCABULARY, Digest, SplitMix64, captions, drawn_text

tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
tokenizer.normalizer = BertNormalizer()
tokenizer.pre_tokenizer = BertPreTokenizer()
tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 101), ("[SEP]", 102)])
tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")])


def ids(data):
    return tokenizer.encode(data.decode("utf-8", errors="replace")).ids


def scalars():
    """A digest of the words that each 4,096 scalars make, alone and between letters.

    From U+40000 on, where all but the tags are unassigned or private, every 16th stands for the others.
    """
    lines = []
    for block in range(0, 0x110000, 4096):
        digest = Digest()
        for c in range(block, block + 4096):
            if 0xD800 <= c <= 0xDFFF or (c >= 0x40000 and c >> 12 != 0xE0 and c % 16):
                continue
            text = chr(c) + " A" + chr(c) + "b"
            words = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
            digest.add("\n".join(word for word, _ in words).encode() + b"\0")
        lines.append(f"{digest.state:016x}")
    return lines


(HERE / "wordpiece-scalars.txt").write_text("\n".join(scalars()) + "\n")

random = SplitMix64(20130403)
lines = [f"{first:x} {last:x}" for first, last in POOLS] + [""]
samples = [t.encode() for t in CHOSEN] + BROKEN
for _ in range(BATCHES):
    digest = Digest()
    for i in range(BATCH):
        text = drawn_text(random)
        digest.add(text)
        digest.add_ids(ids(text))
        if i % 12 == 0:
            samples.append(text)
    lines.append(f"{digest.state:016x}")
(HERE / "wordpiece-drawn.txt").write_text("\n".join(lines) + "\n")
(HERE / "wordpiece-samples.txt").write_text(
    "".join(f"{text.hex()}\t{' '.join(map(str, ids(text)))}\n" for text in samples)
)

lines = []
for part in LONG:
    data = part.encode() * (1_000_000 // len(part.encode()))
    digest = Digest()
    result = ids(data)
    digest.add_ids(result)
    lines.append(f"{part.encode().hex()} {len(data) // len(part.encode())} {len(result)} {digest.state:016x}")
(HERE / "wordpiece-long.txt").write_text("\n".join(lines) + "\n")

if len(sys.argv) > 1:
    lines = []
    for name, texts in captions(sys.argv[1]):
        digest = Digest()
        for caption in texts:
            digest.add_ids(ids(caption.encode("utf-8", errors="replace")))
        lines.append(f"{name} {len(texts)} {digest.state:016x}")
    (HERE / "wordpiece-captions.txt").write_text("\n".join(lines) + "\n")
