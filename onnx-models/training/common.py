"""Data, preprocessing and network definitions shared by the scripts in this folder."""
import gzip
import json
import os
import struct

import numpy as np
import torch
from torch import nn

DATA = "/usr/share/datasets/fashion-mnist"  # Debian package dataset-fashion-mnist
OUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# real value = (uint8 * scale - mean) / std
PREPROCESS = {
    "scale": 0.00392156862745098,
    "mean": [0.2860],
    "std": [0.3530],
    "layout": "nchw",
}


def read_idx(path):
    """Reads a gzipped idx file of unsigned bytes into a numpy array."""
    with gzip.open(path, "rb") as f:
        data = f.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8:
        raise ValueError("%s: not an idx file of unsigned bytes" % path)
    dims = struct.unpack(">%dI" % rank, data[4:4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(dims)


def load(split):
    """Returns (images, labels) of the split "train" or "t10k" as numpy arrays."""
    return (read_idx(os.path.join(DATA, split + "-images-idx3-ubyte.gz")),
            read_idx(os.path.join(DATA, split + "-labels-idx1-ubyte.gz")))


def preprocess(images, p=PREPROCESS):
    """uint8 [N,28,28] -> float32 [N,1,28,28]."""
    x = torch.from_numpy(np.array(images)).float().unsqueeze(1)
    mean = torch.tensor(p["mean"]).view(1, -1, 1, 1)
    std = torch.tensor(p["std"]).view(1, -1, 1, 1)
    return (x * p["scale"] - mean) / std


def write_preprocess(name):
    with open(os.path.join(OUT, name + ".preprocess.json"), "w") as f:
        json.dump(PREPROCESS, f)
        f.write("\n")


class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Flatten(),
            nn.Linear(784, 256), nn.ReLU(),
            nn.Linear(256, 128), nn.ReLU(),
            nn.Linear(128, 10))


class LeNet5(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(),
            nn.Linear(120, 84), nn.ReLU(),
            nn.Linear(84, 10))


def conv_bn(cin, cout, k, stride=1, groups=1):
    return [nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout)]


class Basic(nn.Module):
    """Two 3x3 convolutions; the first one and the 1x1 shortcut have stride 2."""

    def __init__(self, cin, cout):
        super().__init__()
        self.body = nn.Sequential(*conv_bn(cin, cout, 3, 2), nn.ReLU(),
                                  *conv_bn(cout, cout, 3))
        self.shortcut = nn.Sequential(*conv_bn(cin, cout, 1, 2))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


class Inverted(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 projection, identity shortcut."""

    def __init__(self, c, hidden):
        super().__init__()
        self.body = nn.Sequential(*conv_bn(c, hidden, 1), nn.ReLU(),
                                  *conv_bn(hidden, hidden, 3, groups=hidden), nn.ReLU(),
                                  *conv_bn(hidden, c, 1))

    def forward(self, x):
        return x + self.body(x)


class ResNet(nn.Sequential):
    def __init__(self):
        super().__init__(
            *conv_bn(1, 16, 3), nn.ReLU(),
            Basic(16, 32), Inverted(32, 64),
            Basic(32, 64), Inverted(64, 128),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(64, 10))


MODELS = {"mlp": Mlp, "lenet5": LeNet5, "resnet": ResNet}
