"""Writes Weights/reference.safetensors with the reference implementation, in every type that is read here.

Run with: pip install numpy torch safetensors; python make_safetensors.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

values = torch.tensor([[0.0, 1.0, -2.5, 3.140625], [65504.0, -6.103515625e-05, 5.9604644775390625e-08, -0.0]])
save_file(
    {
        "f32": values,
        "f16": values.to(torch.float16),
        "bf16": torch.tensor([1.0, -3.0, 0.15625, 3.3895313892515355e38]).to(torch.bfloat16),
        "i8": torch.tensor([[127, -127, 1], [-128, 0, 64]], dtype=torch.int8),
        "i8.scale": torch.tensor([0.5, 0.25]),
        "i64": torch.arange(3),
        "scalar": torch.tensor(7.5),
        "empty": torch.zeros(0, 3),
        'name "quoted" \\ é 😀': torch.ones(1),
    },
    Path(__file__).parent / "Weights" / "reference.safetensors",
    metadata={"format": "pt", "note": "tab\tline\nend"},
)
