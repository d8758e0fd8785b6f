"""Makes inverted-residual.json: inverted residuals and their gradients by PyTorch (2.13, double precision, rounded).

Usage: python make_inverted_residual.py > inverted-residual.json
"""

import json

import torch
import torch.nn.functional as F


def same(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def case(height, width, kernel, stride, inputs, wide, outputs, adds, seed):
    torch.manual_seed(seed)
    images = 2
    shapes = [
        (images, height * width, inputs), (wide, inputs), (wide,), (wide, kernel, kernel), (wide,), (outputs, wide), (outputs,),
    ]
    values = [(torch.randn(s) * (0.4 if len(s) == 3 and s[0] == wide else 1)).double().requires_grad_() for s in shapes]
    x, expand, e, depthwise, d, project, p = values
    y = x.view(images, height, width, inputs).permute(0, 3, 1, 2)
    y = F.relu6(F.conv2d(y, expand[:, :, None, None], e))
    y = F.pad(y, (*same(width, kernel, stride), *same(height, kernel, stride)))
    y = F.relu6(F.conv2d(y, depthwise[:, None], d, stride=stride, groups=wide))
    y = F.conv2d(y, project[:, :, None, None], p).permute(0, 2, 3, 1).reshape(images, -1, outputs)
    if adds:
        y = y + x
    weights = torch.randn(y.shape).double()
    (y * weights).sum().backward()
    flat = lambda t: [float(f"{v:.7g}") for v in t.detach().flatten().tolist()]
    return {
        "height": height, "width": width, "stride": stride, "adds": adds, "shapes": shapes,
        "inputs": [flat(v) for v in values], "weights": flat(weights), "output": flat(y),
        "gradients": [flat(v.grad) for v in values],
    }


print(json.dumps([
    case(5, 4, 3, 1, 6, 20, 6, True, 1),
    case(6, 6, 5, 1, 4, 17, 4, True, 2),
    case(7, 9, 5, 2, 5, 18, 3, False, 3),
    case(6, 8, 5, 2, 5, 16, 3, False, 4),
    case(5, 8, 3, 2, 4, 9, 6, False, 5),
    case(1, 2, 5, 1, 3, 8, 5, False, 6),
]))
