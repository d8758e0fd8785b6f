"""Writes Sources/Models/Tokenizers/BERTCharacterTable.swift by asking the reference about every Unicode scalar.

Usage: python make_bert_character_table.py      (needs `tokenizers`; 0.23.3 made the committed table)

The reference mixes three versions of Unicode: its general categories come from Unicode 8, its canonical
decompositions from Unicode 9, its lower case from the Rust it was compiled with. Swift's own tables are newer than the
first two and move with the toolchain, so the tokenizer carries the reference's answers instead of Swift's.
"""

import unicodedata
from pathlib import Path

import tokenizers
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

normalize = BertNormalizer().normalize_str
clean = BertNormalizer(strip_accents=False, lowercase=False, handle_chinese_chars=False).normalize_str
decompose = NFD().normalize_str
words = BertPreTokenizer().pre_tokenize_str
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)


def reorders(c):
    """Whether canonical ordering moves c across a mark of class 240 before it, or one of class 1 after it."""
    x = chr(c)
    return (
        decompose("\u0345" + x) != "\u0345" + decompose(x)
        or decompose(x + "\u0334") != decompose(x) + "\u0334"
    )


def ranges(pairs):
    """Adjacent scalars of equal value as [first, last, value]."""
    out = []
    for scalar, value in pairs:
        if out and out[-1][1] == scalar - 1 and out[-1][2] == value:
            out[-1][1] = scalar
        else:
            out.append([scalar, scalar, value])
    return out


kinds, mappings, expansions, orders = [], [], [], []
for c in SCALARS:
    x, result = chr(c), normalize(chr(c))
    if result == "":
        kinds.append((c, "blockingMark" if clean(x) != "" and not reorders(c) else "removed"))
        continue
    if result == " ":
        kinds.append((c, "space"))
        continue
    if len(result) == 3 and result[0] == result[2] == " ":
        kinds.append((c, "ideograph"))
        result = result[1]
    elif len(words("a" + result + "b")) > 1:
        assert len(result) == 1, hex(c)
        kinds.append((c, "punctuation"))
    assert " " not in result, hex(c)
    if reorders(c) and result == x:
        orders.append((c, unicodedata.combining(x)))
    if c in HANGUL:
        index = c - 0xAC00
        jamo = [0x1100 + index // 588, 0x1161 + index % 588 // 28, 0x11A7 + index % 28]
        assert result == "".join(map(chr, jamo if index % 28 else jamo[:2])), hex(c)
    elif len(result) == 1 and result != x:
        mappings.append((c, ord(result)))
    elif len(result) > 1:
        expansions.append((c, *map(ord, result), *[0] * (3 - len(result))))


def rows(values, per_line):
    lines = [values[i : i + per_line] for i in range(0, len(values), per_line)]
    return "\n".join("        " + ", ".join(line) + "," for line in lines)


def numbers(tuples, per_line):
    return rows([", ".join(f"0x{v:X}" for v in t) for t in tuples], per_line)


kind_rows = [f"(0x{a:X}, 0x{b:X}, .{k})" for a, b, k in ranges(kinds)]
target = Path(__file__).parents[3] / "Sources/Models/Tokenizers/BERTCharacterTable.swift"
target.write_text(
    f"""// Written by Tests/ModelsTests/Fixtures/make_bert_character_table.py from tokenizers {tokenizers.__version__}; not by hand.

/// What the reference tokenizer does to each Unicode scalar; a scalar that no list names stays as it is.
enum BERTCharacterTable {{
    /// First scalar, last scalar, kind; in rising order.
    static let kinds: [(first: UInt32, last: UInt32, kind: BERTCharacterKind)] = [
{rows(kind_rows, 2)}
    ]

    /// Pairs of a scalar and the one scalar it becomes, in rising order of the first.
    static let mappings: [UInt32] = [
{numbers(mappings, 6)}
    ]

    /// Fours of a scalar and the two or three it becomes (0 fills up), in rising order of the first.
    static let expansions: [UInt32] = [
{numbers(expansions, 3)}
    ]

    /// Threes of a first scalar, a last scalar and their canonical combining class, for the marks that are kept.
    static let combiningClasses: [UInt32] = [
{numbers(ranges(orders), 4)}
    ]
}}
"""
)
print(f"{len(kind_rows)} ranges, {len(mappings)} mappings, {len(expansions)} expansions, {len(orders)} ordered marks")
