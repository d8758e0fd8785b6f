"""What the scripts that check tokenizers share: texts in all scripts, and digests of what is made of them.

Texts are bytes, and are decoded with errors="replace". Digests are FNV-1a of 64 bits. The tests draw the same texts (DrawnTexts.swift).
"""

import json
from pathlib import Path

HERE = Path(__file__).parent
VOCABULARY = (HERE.parents[2] / "models/saccade-small/vocab.txt").read_text("utf-8").split("\n")[:-1]
MASK64 = (1 << 64) - 1


class Digest:
    def __init__(self):
        self.state = 0xCBF29CE484222325

    def add(self, data):
        state = self.state
        for byte in data:
            state = ((state ^ byte) * 0x100000001B3) & MASK64
        self.state = state

    def add_ids(self, ids):
        self.add(b"".join(i.to_bytes(4, "little") for i in ids) + b"\xff" * 4)


class SplitMix64:
    """Steele, Lea and Flood's generator, so that the tests make the same texts."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return (z ^ (z >> 31)) % bound


# Scripts and kinds of scalars that texts are drawn from: first and last.
POOLS = [
    (0x20, 0x7E), (0x61, 0x7A), (0x61, 0x7A), (0x41, 0x5A), (0x30, 0x39), (0x00, 0x1F), (0x7F, 0xA0), (0xA0, 0xFF),
    (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x58F), (0x590, 0x5FF),
    (0x600, 0x6FF), (0x700, 0x8FF), (0x900, 0x97F), (0x980, 0xBFF), (0xC00, 0xDFF), (0xE00, 0xEFF), (0xF00, 0xFFF),
    (0x1000, 0x10FF), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x139F), (0x13A0, 0x167F), (0x1680, 0x17FF),
    (0x1800, 0x1AAF), (0x1AB0, 0x1BFF), (0x1C00, 0x1CFF), (0x1D00, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F),
    (0x2070, 0x218F), (0x2190, 0x23FF), (0x2400, 0x27BF), (0x2E00, 0x2FDF), (0x3000, 0x30FF), (0x302A, 0x302F),
    (0x3100, 0x33FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x9FF0, 0xA4CF), (0xA4D0, 0xABFF), (0xAC00, 0xD7FF),
    (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFE6F), (0xFF00, 0xFFFF), (0x10000, 0x107FF),
    (0x10800, 0x10FFF), (0x11000, 0x11FFF), (0x12000, 0x16FFF), (0x1B000, 0x1CFFF), (0x1D100, 0x1D1FF),
    (0x1D165, 0x1D172), (0x1D400, 0x1DFFF), (0x1E000, 0x1E02F), (0x1E030, 0x1EFFF), (0x1F000, 0x1FAFF),
    (0x1F1E6, 0x1F1FF), (0x1F3FB, 0x1F3FF), (0x1F600, 0x1F64F), (0x200B, 0x200F), (0xFE0F, 0xFE0F),
    (0x20000, 0x2FFFF), (0x30000, 0x3FFFF), (0xE0000, 0xE01FF), (0xF0000, 0x10FFFF),
]
BATCHES, BATCH = 24, 1000


def drawn_text(random):
    """One text of up to 40 parts from a few pools; one in eight is broken by a random byte or cut short."""
    pools = [POOLS[random.below(len(POOLS))] for _ in range(1 + random.below(4))]
    text = b""
    for _ in range(1 + random.below(40)):
        kind = random.below(8)
        if kind == 0:
            text += b" "
        elif kind == 1:
            piece = VOCABULARY[random.below(len(VOCABULARY))]
            text += piece.removeprefix("##").encode()
        else:
            first, last = pools[random.below(len(pools))]
            text += chr(first + random.below(last - first + 1)).encode()
    if random.below(8) == 0:
        place, byte = random.below(len(text)), random.below(256)
        text = text[:place] + bytes([byte]) + text[place + 1 :]
    if random.below(16) == 0:
        text = text[: random.below(len(text)) + 1]
    return text


CHOSEN = [
    "", " ", "a man playing guitar", "Two DOGS, running!", "don't stop...", "un-fucking-believable", "[CLS] a [SEP] [sep]",
    "[[MASK]] x[PAD]y [UNK", "naïve café ÉCOLE Ångström", "e\u0301\u0327\u0300", "İstanbul ıI ŞŞ ß ẞ ŉ ǰ ﬃ",
    "ΑΣ ΌΣΟΣ ς", "Ꭰꭰ ᏸ", "москва Ёж Йод", "日本語のテスト", "東京タワー2024", "한국어 각 갂 힣", "ภาษาไทย", "नमस्ते दुनिया",
    "السلام عليكم", "שָׁלוֹם", "বাংলা", "தமிழ்", "አማርኛ", "ქართული ᲐᲑ", "👨‍👩‍👧‍👦 family", "🏳️‍🌈🇫🇷👍🏽", "a\u200db a\u200cb a\u00adb a\ufeffb",
    "tab\there\nnew\r\nline\x0bv\x0cf\x85n\u2028l\u2029p", "\x00\x01\x02\ufffd", "\ue000\uf8ff\U000f0000", "\u0378\u0380 \U0001ffff",
    "x" * 100, "x" * 101, "é" * 100, "é" * 101, "각" * 33 + "x", "각" * 33 + "xy", "a" * 99 + "\u0301b", "中" * 120,
    "\u302e\U0001d165\u302f\u1b44", "a\u302e\u034f\U0001d165b", "\U0001d160\U0001d15e", "℡ ™ ① ½ ﬀ", "$5.99 @user #tag a_b ^`~",
    "“quotes” ‘and’ — dashes – … ¿qué?", "http://example.com/a?b=c&d=e", "10,000.50km/h", "ⅣⅣ Ⓐⓐ Ａａ", "\u1e9b\u0323",
]
BROKEN = [
    b"a\xffb", b"\xc0\x80", b"\xe2\x28\xa1", b"\xf0\x9f\x98", b"a\xed\xa0\x80b", b"\xed\xb0\x80\xed\xa0\x80", b"\xf4\x90\x80\x80x",
    b"caf\xe9 society", b"\xf0\x80\x80\x41", b"[CL\xffS] [SEP\xe2\x82]", b"\x80\x80abc\x80def", b"\xfe\xfe\xff\xff", b"man\xe2\x82man",
]
# Repeated to a million bytes.
LONG = ["a", "dog ", "中", "e\u0301", "\u302e\U0001d165", "[SEP]", "\x00", "👩\u200d"]


def captions(folder):
    """The name of each file of captions in a folder, with its captions."""
    for path in sorted(Path(folder).glob("*.jsonl")):
        lines = path.read_text("utf-8").splitlines()
        yield path.name, [caption for line in lines for caption in json.loads(line).get("captions", [])]
