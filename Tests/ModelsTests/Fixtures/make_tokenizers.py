"""Writes Tokenizers/*: what the reference tokenizers of CLIP, SigLIP 1 and SigLIP 2 make of texts in all scripts.

Usage: python make_tokenizers.py [--data DATA] [--long] [NAME ...]
(needs transformers, tokenizers, sentencepiece, open_clip_torch and ftfy; 5.24.0, 0.23.3, 0.2.3, 3.3.0 and 6.3.1 made the committed files)

The vocabularies are small: the first merges of CLIP's, and a unigram model and a byte-pair encoding of the kinds of SigLIP's, which
are trained on the texts of this repository if they aren't there. With DATA, a folder of captions as JSON lines, captions.txt is
written instead, which holds digests of what CLIP's whole vocabulary makes of them.

ftfy's repair of wrongly decoded text is switched off, as in our tokenizers; what that changes in captions is printed.
"""

import argparse
import gzip
import json
import tempfile
import unicodedata
from pathlib import Path

import ftfy
import open_clip.tokenizer as open_clip
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPTokenizer, SiglipTokenizer
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

from texts import BATCH, BROKEN, CHOSEN, HERE, VOCABULARY, Digest, SplitMix64, captions, drawn_text

OUT = HERE / "Tokenizers"
MERGES = 3000
BATCHES = 10
whole_fix = ftfy.fix_text
open_clip.ftfy = type("", (), {"fix_text": staticmethod(lambda text: whole_fix(text, fix_encoding=False))})


def training_lines():
    """Documents of the repository, words, and a few sentences of other scripts."""
    repository = HERE.parents[2]
    for path in sorted([*repository.glob("docs/*.md"), repository / "README.md", repository / "ARCHITECTURE.md"]):
        yield from (line.strip().lower() for line in path.read_text("utf-8").splitlines() if line.strip())
    words = [word for word in VOCABULARY if word.isalpha()]
    for start in range(0, len(words), 8):
        yield " ".join(words[start : start + 8])
    for text in CHOSEN:
        for line in text.splitlines():
            if line.strip() and "\0" not in line and len(line) < 100:
                yield line.strip().lower()


def gemma_vocabulary():
    path = OUT / "gemma.json"
    if not path.exists():
        special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        # Pieces may begin or end with a space, as Gemma's do.
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("\u2581?[^\u2581]+|\u2581+"), "isolated")
        trainer = trainers.BpeTrainer(vocab_size=1800, special_tokens=special, show_progress=False)
        tokenizer.train_from_iterator((line.replace(" ", "\u2581") for line in training_lines()), trainer)
        model = json.loads(tokenizer.to_str())["model"]
        pieces = special + [f"<0x{byte:02X}>" for byte in range(256)] + ["\n\n"]
        pieces += [piece for piece in sorted(model["vocab"], key=model["vocab"].get) if piece not in special]
        made = Siglip2Tokenizer(
            vocab={piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, merges=[tuple(m) for m in model["merges"]],
            add_bos_token=False, add_eos_token=True)
        made.add_tokens(["\n\n"])
        content = json.loads(made.backend_tokenizer.to_str())
        path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
    return path


def siglip_model():
    path = OUT / "siglip.model"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            rules = Path(folder) / "rules.tsv"
            chosen = [*range(0xA0, 0x180), *range(0x2000, 0x2070), 0x3000, *range(0xFF01, 0xFFEF), *range(0xFB00, 0xFB07)]
            keys = {chr(c): unicodedata.normalize("NFKC", chr(c)) for c in chosen}
            keys |= {unicodedata.normalize("NFD", chr(c)): chr(c) for c in range(0xC0, 0x180)}
            keys |= {"\t": " ", "\n": " ", "\u200b": " ", "\u00ad": "", "\u0000": ""} | {"\u200d": ""}
            code = lambda text: " ".join(f"{ord(c):X}" for c in text)
            rules.write_text("".join(f"{code(k)}\t{code(v)}\n" for k, v in sorted(keys.items()) if k != v and k != "\0"))
            text = Path(folder) / "text.txt"
            text.write_text("\n".join(training_lines()) + "\n")
            sentencepiece.SentencePieceTrainer.train(
                input=str(text), model_prefix=str(Path(folder) / "model"), vocab_size=2000, model_type="unigram",
                normalization_rule_tsv=str(rules), pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=0.999,
                user_defined_symbols=["qqq"], num_threads=2, minloglevel=2)
            path.write_bytes((Path(folder) / "model.model").read_bytes())
    return path


def clip_vocabulary(count):
    """OpenAI's vocabulary cut after some merges, as HuggingFace's tokenizer takes it."""
    lines = gzip.open(open_clip.default_bpe()).read().decode("utf-8").split("\n")[1 : count + 1]
    letters = list(open_clip.bytes_to_unicode().values())
    pieces = letters + [letter + "</w>" for letter in letters] + ["".join(line.split()) for line in lines]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return {piece: i for i, piece in enumerate(pieces)}, [tuple(line.split()) for line in lines], lines


def clip(count):
    vocabulary, merges, _ = clip_vocabulary(count)
    hugging_face = CLIPTokenizer(vocab=vocabulary, merges=merges)
    # OpenCLIP's own byte pairs take minutes for a long word; these are the same by HuggingFace's.
    fast = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pattern = open_clip.SimpleTokenizer().pat
    tokens = {"<start_of_text>": len(vocabulary) - 2, "<end_of_text>": len(vocabulary) - 1}

    def open_clip_ids(text):
        ids = [len(vocabulary) - 2]
        for word in pattern.findall(open_clip._clean_lower(text)):
            ids += [tokens[word]] if word in tokens else fast.encode(word).ids
        return ids + [len(vocabulary) - 1]

    return {"clip": open_clip_ids, "clip-hf": lambda text: hugging_face(text).input_ids}


def check_open_clip(texts):
    """That the quick way above is OpenCLIP's, with the whole vocabulary."""
    theirs, ours = open_clip.SimpleTokenizer(), clip(49152 - 256 - 2)["clip"]
    for text in texts:
        expected = [theirs.sot_token_id, *theirs.encode(text), theirs.eot_token_id]
        assert ours(text) == expected, (text, ours(text), expected)


def siglip():
    path = siglip_model()
    tokenizer = SiglipTokenizer(str(path))
    return {"siglip": lambda text: tokenizer(text).input_ids}


def siglip_open_clip():
    """The tokenizer.json of the same model, made as transformers makes T5's, which is what OpenCLIP loads."""
    path = OUT / "siglip.json"
    if not path.exists():
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString(siglip_model().read_bytes())
        made = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in model.pieces], unk_id=2, byte_fallback=False))
        made.normalizer = normalizers.Sequence([
            normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap),
            normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "\u2581")])
        made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
        made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
        made.add_special_tokens(["<pad>", "</s>", "<unk>"])
        content = json.loads(made.to_str())
        path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
    tokenizer = Tokenizer.from_file(str(path))
    return {"siglip-openclip": lambda text: tokenizer.encode(open_clip._clean_canonicalize(text)).ids}


def gemma():
    tokenizer = Tokenizer.from_file(str(gemma_vocabulary()))
    eos = tokenizer.token_to_id("<eos>")

    def ids(text):
        found = tokenizer.encode(text, add_special_tokens=False).ids
        return found + [eos]

    return {"gemma": ids, "gemma-openclip": lambda text: ids(open_clip._clean_canonicalize(text))}


def assigned(text):
    """Scalars that Unicode 14, which Python 3.11 has, assigns; the references know different later ones."""
    return "".join(c for c in text if unicodedata.category(c) != "Cn")


def decoded(data):
    return assigned(data.decode("utf-8", errors="replace"))


def scalars(ids):
    for block in range(0, 0x110000, 4096):
        digest = Digest()
        for c in range(block, block + 4096):
            if 0xD800 <= c <= 0xDFFF or (c >= 0x40000 and c >> 12 != 0xE0 and c % 256) or unicodedata.category(chr(c)) == "Cn":
                continue
            digest.add_ids(ids(chr(c) + " A" + chr(c) + "b"))
        yield f"{digest.state:016x}"


ODD = [
    "It's the dog's, they're we've I'm he'll she'd O'S ''S 'ſ x'ſy", "<start_of_text>a<END_OF_TEXT>b",
    "<ſtart_of_text> <end_of_text", "a<|startoftext|>b<|endoftext|>", "<|STARTOFTEXT|>x<|EndOfText|>!?",
    "&amp;amp;lt; &lt;b&gt; &eacute; &EACUTE; &not it &notit; &#233;&#xe9", "a < b &amp; c\nd &amp; e",
    "c &amp; d\na < b &amp;", "&#0; &#128; &#x110000; &#xD800; &#1; &#xFDD0; &#99999999999999; &; &a; &#; &#x;",
    "&amp;#38;#38;", "&num;38; &&num;38;lt;", "&Jscr; &NotEqualTilde; &bne; &nGt; &AMP &AMPx &ampx",
    "&FRAC12; &SZLIG; &NBSP; &Szlig;", "“He said ‘hi’” ʼn ŉ Ĳ ǆ ﬃ ﬅ", "ＦＵＬＬ　ｗｉｄｔｈ ｶﾞ ﾡ ￦",
    "red \x1b[31;1mtext\x1b[0m \x1b[ \x1b[1;2", "a\r\nb\rc\u2028d\u2029e\x85f\x0cg\x0bh", "\u206a\ufeff\ufff9x\x7f\x00\x08",
    "\x80\x85\x91\x92\x93\x81", "ΑΣ ΑΣΑ Σ Α.Σ ΑΣ.Α ΑΣ' ΟΔΥΣΣΕΥΣ", "İI ıi ẞ Ǆǅ", "</s> a </s>b<unk> c <UNK>", "qqq Qqq xqqqy",
    "▁a ▁ ▁▁b a▁b", "a\n\nb\n\n\nc", "<eos> <pad>x <bos><unk> <mask> <0x41> <EOS>", "   lead  and   trail   ", "", " ", "\n",
    "!!!", "snake_case-and_more", "\u1680\u2003\u202f\u205f\u3000\x1c\x1d\x1e\x1f", "☃☃ ☃a☃", "☃", "1234567890 ½ ⅣⅣ ٣٤",
    "e\u0301\u0327 Å \u212b \u1e9b\u0323",
]
LONG = ["a", "dog ", "中", "e\u0301", "!", "7", "&amp;", "\x00", "👩\u200d", "'s", "ΑΣ"]


def write(name, ids):
    (OUT / f"{name}.scalars.txt").write_text("\n".join(scalars(ids)) + "\n")
    random = SplitMix64(20130403)
    samples = [t.encode() for t in ODD + CHOSEN] + BROKEN
    lines = []
    for _ in range(BATCHES):
        digest = Digest()
        for i in range(BATCH):
            text = drawn_text(random)
            digest.add_ids(ids(decoded(text)))
            if i % 100 == 0:
                samples.append(text)
        lines.append(f"{digest.state:016x}")
    (OUT / f"{name}.drawn.txt").write_text("\n".join(lines) + "\n")
    (OUT / f"{name}.samples.txt").write_text(
        "".join(f"{text.hex()}\t{' '.join(map(str, ids(decoded(text))))}\n" for text in samples))
    write_long(name, ids)


def write_long(name, ids):
    lines = []
    for part in LONG:
        # A million of the first alone: the tests' debug builds are slow.
        data = part.encode() * ((1_000_000 if part == LONG[0] else 50_000) // len(part.encode()))
        digest, result = Digest(), ids(decoded(data))
        digest.add_ids(result)
        lines.append(f"{part.encode().hex()} {len(data) // len(part.encode())} {len(result)} {digest.state:016x}")
    (OUT / f"{name}.long.txt").write_text("\n".join(lines) + "\n")


def main():
    OUT.mkdir(exist_ok=True)
    _, _, lines = clip_vocabulary(MERGES)
    (OUT / "clip-merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
    tokenizers = clip(MERGES) | siglip() | siglip_open_clip() | gemma()
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data")
    arguments.add_argument("--long", action="store_true", help="only what long texts are made into")
    arguments.add_argument("names", nargs="*")
    arguments = arguments.parse_args()
    for name in arguments.names or ([] if arguments.data else tokenizers):
        (write_long if arguments.long else write)(name, tokenizers[name])
        print(name, flush=True)
    if arguments.data:
        write_captions(arguments.data)


def write_captions(folder):
    tokenizers = clip(49152 - 256 - 2)
    lines, changed = [], 0
    for name, texts in captions(folder):
        digests = {key: Digest() for key in tokenizers}
        for caption in texts:
            for key, ids in tokenizers.items():
                digests[key].add_ids(ids(caption))
            changed += whole_fix(caption) != whole_fix(caption, fix_encoding=False)
        check_open_clip(texts[:2000])
        lines.append(f"{name} {len(texts)} {' '.join(f'{key}={digest.state:016x}' for key, digest in digests.items())}")
    (OUT / "captions.txt").write_text("\n".join(lines) + "\n")
    print(f"captions that ftfy would have decoded anew: {changed}")


if __name__ == "__main__":
    main()
