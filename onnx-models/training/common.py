"""Data, preprocessing and network definitions shared by the scripts in this folder."""
import gzip
import json
import math
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


class Projection(nn.Module):
    """x W + b with W [inputs, outputs]: a MatMul with a constant right side and an Add."""

    def __init__(self, inputs, outputs):
        super().__init__()
        bound = inputs ** -0.5
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    """Self-attention over [N, tokens, width]."""

    def __init__(self, tokens, width, heads):
        super().__init__()
        self.split = (-1, tokens, heads, width // heads)
        self.join = (-1, tokens, width)
        self.query = Projection(width, width)
        self.key = Projection(width, width)
        self.value = Projection(width, width)
        self.output = Projection(width, width)

    def forward(self, x):
        query = self.query(x).reshape(self.split).permute(0, 2, 1, 3)
        key = self.key(x).reshape(self.split).permute(0, 2, 3, 1)
        value = self.value(x).reshape(self.split).permute(0, 2, 1, 3)
        scores = query @ key / math.sqrt(self.split[-1])
        mixed = torch.softmax(scores, -1) @ value
        return self.output(mixed.permute(0, 2, 1, 3).reshape(self.join))


class EncoderLayer(nn.Module):
    """Pre-norm: each half normalizes its input and is added to it."""

    def __init__(self, tokens, width, heads, hidden, dropout):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(tokens, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.up = Projection(width, hidden)
        self.down = Projection(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.down(nn.functional.gelu(self.up(self.norm2(x)))))


class Transformer(nn.Module):
    """The 28 rows of the image are 28 tokens; mean over the tokens before the last layer."""

    def __init__(self):
        super().__init__()
        self.embed = Projection(28, 64)
        self.position = nn.Parameter(0.02 * torch.randn(28, 64))
        self.layers = nn.Sequential(*[EncoderLayer(28, 64, 4, 128, 0.1) for _ in range(2)])
        self.norm = nn.LayerNorm(64)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.embed(x.reshape(-1, 28, 28)) + self.position
        return self.head(self.norm(self.layers(x)).mean(1))


def recurrent(x, w, r, b, directions, hidden):
    """The last hidden states [directions, N, hidden] for x [time, N, inputs] and weights as ONNX's LSTM has them."""

    def gates(t):
        i, o, f, c = t.chunk(4)
        return torch.cat([i, f, c, o])  # torch's order

    weights = []
    for d in range(directions):
        weights += [gates(w[d]), gates(r[d]), gates(b[d, :4 * hidden]), gates(b[d, 4 * hidden:])]
    zero = x.new_zeros(directions, x.shape[1], hidden)
    return torch.lstm(x, (zero, zero), weights, True, 1, 0.0, False, directions == 2, False)[1]


class OnnxLstm(torch.autograd.Function):
    """Takes the place of recurrent() in the exporter: one LSTM node without initial states."""

    @staticmethod
    def forward(ctx, *args):
        return recurrent(*args)

    @staticmethod
    def symbolic(g, x, w, r, b, directions, hidden):
        _, last, _ = g.op("LSTM", x, w, r, b, outputs=3, hidden_size_i=hidden,
                          direction_s="bidirectional" if directions == 2 else "forward")
        return last


class Recurrent(nn.Module):
    """An LSTM layer with its weights in ONNX's layout: gates in the order i, o, f, c."""

    def __init__(self, inputs, hidden, directions):
        super().__init__()
        self.hidden = hidden
        self.directions = directions
        bound = hidden ** -0.5
        self.W = nn.Parameter(torch.empty(directions, 4 * hidden, inputs).uniform_(-bound, bound))
        self.R = nn.Parameter(torch.empty(directions, 4 * hidden, hidden).uniform_(-bound, bound))
        self.B = nn.Parameter(torch.empty(directions, 8 * hidden).uniform_(-bound, bound))

    def forward(self, x):
        run = OnnxLstm.apply if torch.onnx.is_in_onnx_export() else recurrent
        return run(x, self.W, self.R, self.B, self.directions, self.hidden)


class Lstm(nn.Module):
    """Reads the image row by row, downwards and upwards; both last hidden states go to the last layer."""

    def __init__(self):
        super().__init__()
        self.lstm = Recurrent(28, 128, 2)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        last = self.lstm(x.reshape(-1, 28, 28).permute(1, 0, 2))
        return self.head(self.dropout(last.permute(1, 0, 2).reshape(-1, 256)))


MODELS = {"mlp": Mlp, "lenet5": LeNet5, "resnet": ResNet, "transformer": Transformer, "lstm": Lstm}
