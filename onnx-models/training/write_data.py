"""Writes the small data files beside the models.

usage: /usr/bin/python3 write_data.py
"""
import gzip
import os
import struct

from common import OUT, load


def write_idx(name, array):
    header = struct.pack(">HBB%dI" % array.ndim, 0, 8, array.ndim, *array.shape)
    with open(os.path.join(OUT, name), "wb") as f:
        # no file name and no time in the header: the same bytes every time
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=f, mtime=0) as z:
            z.write(header + array.tobytes())


if __name__ == "__main__":
    images, labels = load("t10k")
    write_idx("fashion-mnist-test1000-images.idx3-ubyte.gz", images[:1000])
    write_idx("fashion-mnist-test1000-labels.idx1-ubyte.gz", labels[:1000])
    images, _ = load("train")
    write_idx("fashion-mnist-calibration512-images.idx3-ubyte.gz", images[:512])
