"""Writes resampled.txt: digests of pictures that Pillow has resampled.

Usage: python make_resampled.py         (needs Pillow; 13.0.0 made the committed file)

Each line: filter, width and height before, width and height after, digest (FNV-1a of 64 bits) of the pixels. The pictures are of
random bytes (SplitMix64 of the width, the lowest byte of each number).
"""

from pathlib import Path

from PIL import Image

MASK64 = (1 << 64) - 1
SIZES = [
    (64, 48, 22, 22), (48, 64, 22, 29), (1, 1, 7, 9), (97, 3, 17, 25), (30, 30, 30, 30), (31, 20, 31, 7), (20, 31, 7, 31),
    (320, 180, 64, 64), (7, 7, 200, 150), (200, 2, 1, 1),
]


def picture(width, height):
    state, pixels = width, bytearray()
    for _ in range(width * height * 3):
        state = (state + 0x9E3779B97F4A7C15) & MASK64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        pixels.append((z ^ (z >> 31)) & 255)
    return Image.frombytes("RGB", (width, height), bytes(pixels))


def digest(data):
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & MASK64
    return f"{state:016x}"


lines = []
for width, height, columns, rows in SIZES:
    for name, kind in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
        made = picture(width, height).resize((columns, rows), kind)
        lines.append(f"{name} {width} {height} {columns} {rows} {digest(made.tobytes())}")
(Path(__file__).parent / "resampled.txt").write_text("\n".join(lines) + "\n")
