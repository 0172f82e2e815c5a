"""Trains one network on Fashion-MNIST and writes MODEL.onnx and MODEL.preprocess.json.

usage: /usr/bin/python3 train.py mlp|lenet5|resnet|transformer|lstm
"""
import math
import os
import sys
import time

import torch
from torch import nn

from common import MODELS, OUT, load, preprocess, write_preprocess

OPSETS = {"mlp": 13, "lenet5": 13, "resnet": 13, "transformer": 17, "lstm": 14}
SEED = 1
BATCH = 128
# epochs, peak learning rate, weight decay, random horizontal flip
RECIPES = {
    "mlp": (6, 1e-3, 1e-3, False),
    "lenet5": (10, 2e-3, 1e-3, True),
    "resnet": (5, 5e-3, 1e-2, True),
    "transformer": (20, 2e-3, 1e-2, True),
    "lstm": (12, 3e-3, 1e-2, True),
}


def train(name):
    epochs, peak, decay, flip = RECIPES[name]
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    model = MODELS[name]()
    images, labels = load("train")
    x = preprocess(images)
    y = torch.from_numpy(labels.astype("int64"))
    opt = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=decay)
    loss_fn = nn.CrossEntropyLoss()
    per_epoch = len(x) // BATCH
    total, warm, step = epochs * per_epoch, per_epoch // 2, 0
    start = time.time()
    model.train()
    for epoch in range(epochs):
        order = torch.randperm(len(x))
        sum_loss = 0.0
        for b in range(per_epoch):
            step += 1
            # linear warm-up over half an epoch, then cosine to zero
            lr = peak * min(step / warm, 0.5 * (1 + math.cos(math.pi * max(0, step - warm) / (total - warm))))
            for g in opt.param_groups:
                g["lr"] = lr
            pick = order[b * BATCH:(b + 1) * BATCH]
            xb = x[pick]
            if flip:
                mirror = torch.rand(BATCH) < 0.5
                xb = torch.where(mirror.view(-1, 1, 1, 1), xb.flip(3), xb)
            loss = loss_fn(model(xb), y[pick])
            opt.zero_grad()
            loss.backward()
            opt.step()
            sum_loss += loss.item()
        print("%s epoch %d/%d loss %.4f %.0f s"
              % (name, epoch + 1, epochs, sum_loss / per_epoch, time.time() - start), flush=True)
    return model.eval()


def export(model, name):
    # PRESERVE keeps BatchNormalization as nodes of its own; the exporter
    # would otherwise fold them into the convolutions.
    # The outermost training flag (no layer looks at it) keeps the exporter from
    # merging equal weights behind Identity nodes: the two BatchNormalizations
    # before an Add get the same gradient for their biases, so these stay equal.
    model.training = True
    torch.onnx.export(
        model, torch.zeros(1, 1, 28, 28), os.path.join(OUT, name + ".onnx"),
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        opset_version=OPSETS[name], input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}})
    write_preprocess(name)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in MODELS:
        sys.exit(__doc__)
    export(train(sys.argv[1]), sys.argv[1])
