"""Reads the parts of an ONNX file that measure.py needs, without the onnx package.

Field numbers are those of onnx.proto: ModelProto {7 graph, 8 opset_import},
GraphProto {1 node, 5 initializer, 11 input, 12 output}, NodeProto {4 op_type, 5 attribute},
TensorProto {1 dims, 2 data_type, 8 name, 9 raw_data}.
"""
import collections

import numpy as np


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(data):
    """Yields (field number, value) of one protobuf message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at:at + 8], at + 8
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        elif kind == 5:
            value, at = data[at:at + 4], at + 4
        else:
            raise ValueError("unknown wire type %d" % kind)
        yield key >> 3, value


def tensor(data):
    dims, kind, name, raw = [], None, None, b""
    for number, value in fields(data):
        if number == 1:
            dims.append(value)
        elif number == 2:
            kind = value
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
    if kind != 1:
        raise ValueError("%s: not float32" % name)
    return name, np.frombuffer(raw, "<f4").reshape(dims)


def read(path):
    """Returns (opset, Counter of node kinds, {initializer name: array})."""
    with open(path, "rb") as f:
        model = list(fields(f.read()))
    opset = None
    for number, value in model:
        if number == 8:
            entry = dict(fields(value))
            if entry.get(1, b"") == b"":
                opset = entry[2]
    graph = next(value for number, value in model if number == 7)
    ops, weights = collections.Counter(), {}
    for number, value in fields(graph):
        if number == 1:
            ops[describe(value)] += 1
        elif number == 5:
            name, array = tensor(value)
            weights[name] = array
    return opset, ops, weights


def describe(node):
    """The operator, for Conv with its group and stride where they are not 1."""
    op, attributes = None, {}
    for number, value in fields(node):
        if number == 4:
            op = value.decode()
        elif number == 5:
            name, content = None, []
            for n, v in fields(value):
                if n == 1:
                    name = v.decode()
                elif n in (3, 8):  # i, ints
                    content.append(v)
            attributes[name] = content
    if op == "Conv":
        if attributes.get("group", [1]) != [1]:
            op += " group %d" % attributes["group"][0]
        if attributes.get("strides", [1, 1]) != [1, 1]:
            op += " stride %d" % attributes["strides"][0]
    return op
