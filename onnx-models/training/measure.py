"""Measures the shipped models with torch.

The weights come from the ONNX files, the numbers of the preprocessing from the
json files beside them, and the network definitions from common.py.

usage: /usr/bin/python3 measure.py [MODEL ...]
"""
import json
import os
import sys

import numpy as np
import torch

from common import MODELS, OUT, load, preprocess, read_idx
from onnxfile import read


def accuracy(model, x, labels):
    with torch.no_grad():
        got = torch.cat([model(part).argmax(1) for part in x.split(500)])
    return float((got.numpy() == labels).mean() * 100)


def main(names):
    torch.set_num_threads(1)
    images, labels = load("t10k")
    small = read_idx(os.path.join(OUT, "fashion-mnist-test1000-images.idx3-ubyte.gz"))
    small_labels = read_idx(os.path.join(OUT, "fashion-mnist-test1000-labels.idx1-ubyte.gz"))
    for name in names:
        path = os.path.join(OUT, name + ".onnx")
        opset, ops, weights = read(path)
        with open(os.path.join(OUT, name + ".preprocess.json")) as f:
            p = json.load(f)
        model = MODELS[name]().eval()
        state = {k: torch.from_numpy(np.array(v)) for k, v in weights.items()}
        missing, unexpected = model.load_state_dict(state, strict=False)
        missing = [k for k in missing if not k.endswith("num_batches_tracked")]
        if missing or unexpected:
            sys.exit("%s: missing %s, unexpected %s" % (path, missing, unexpected))
        print("%s: %.2f %% of 10000, %.1f %% of %d, %d parameters, %d bytes, opset %d" % (
            name, accuracy(model, preprocess(images, p), labels),
            accuracy(model, preprocess(small, p), small_labels), len(small),
            sum(t.numel() for t in model.parameters()), os.path.getsize(path), opset))
        print("  " + ", ".join("%d %s" % (ops[k], k) for k in sorted(ops)))


if __name__ == "__main__":
    main(sys.argv[1:] or list(MODELS))
