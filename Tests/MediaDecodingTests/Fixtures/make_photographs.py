"""Writes what HuggingFace's processors make of photographs, for PhotographTests: pixels before their mean is taken off.

Usage: python make_photographs.py PHOTOGRAPHS FOLDER     (needs transformers, torch and Pillow; 5.24.0, 2.13.0, 13.0.0)

PHOTOGRAPHS have to be of other sizes than the models take, and some of them portraits, or nothing is resampled or cut.
FOLDER is what SACCADE_PHOTOGRAPHS names when the test runs. Nothing of it belongs into the repository.
"""

import sys
from pathlib import Path

import numpy
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

raw = {"do_rescale": False, "do_normalize": False}
PROCESSORS = {
    "224.cover.bicubic": CLIPImageProcessorPil(**raw),
    "224.squash.bicubic": SiglipImageProcessorPil(**raw),
    "256.squash.bilinear": SiglipImageProcessorPil(size={"height": 256, "width": 256}, resample=Image.BILINEAR, **raw),
}

photographs, folder = sorted(Path(sys.argv[1]).glob("*.jpg"))[:50], Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
for path in photographs:
    (folder / path.name).write_bytes(path.read_bytes())
    picture = Image.open(path).convert("RGB")
    for name, processor in PROCESSORS.items():
        pixels = numpy.asarray(processor(picture, return_tensors="np").pixel_values[0]).transpose(1, 2, 0)
        (folder / f"{path.name}.{name}").write_bytes(pixels.round().astype(numpy.uint8).tobytes())
