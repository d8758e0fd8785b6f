"""Writes Weights/*.pth: legacy PyTorch files that are odd in some way.

Run with: pip install torch; python make_pickles.py
"""

import os
from collections import OrderedDict
from pathlib import Path

import torch

folder = Path(__file__).parent / "Weights"


def save(name, value):
    torch.save(value, folder / name, _use_new_zipfile_serialization=False)


base = torch.arange(6.0).reshape(2, 3)
save(
    "views.pth",
    OrderedDict(
        transposed=base.t(),
        row=base[1],
        half=torch.tensor([0.5, -2.0]).half(),
        bfloat16=torch.tensor([1.5, -3.0]).bfloat16(),
        double=torch.tensor([0.25]).double(),
        scalar=torch.tensor(3.0),
        parameter=torch.nn.Parameter(torch.tensor([7.0])),
        empty=torch.zeros(0, 2),
        counter=torch.tensor(5),
    ),
)
save("expanded.pth", OrderedDict(huge=torch.ones(1).expand(1 << 40)))


class Code:
    def __reduce__(self):
        return os.system, ("true",)


save("code.pth", OrderedDict(x=Code()))
