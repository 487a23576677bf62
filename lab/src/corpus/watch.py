"""Smartwatch recordings out of seglearn's pickle: FILE DIR, one CSV file a recording.

Run by the user's own Python, without any package: of a pickle nothing is called but what makes
arrays, and those only as plain bytes.
"""

import pickle
import struct
import sys

COUNT = {"f8": "d", "i8": "q"}


class Plain:
    """An array's state, or a type's name, as the pickle has it."""

    def __init__(self, *what):
        self.what = what

    def __setstate__(self, state):
        self.state = state


def empty(*_):
    return Plain()


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        module = module.replace("numpy._core", "numpy.core")
        known = {
            ("numpy.core.multiarray", "_reconstruct"): empty,
            ("numpy", "ndarray"): Plain,
            ("numpy", "dtype"): Plain,
            ("_codecs", "encode"): lambda text, coding: text.encode(coding),
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return known[module, name]


def values(array):
    """Shape and numbers of an array, row by row."""
    _, shape, dtype, by_column, data = array.state
    if isinstance(data, str):
        data = data.encode("latin1")
    size = 1
    for axis in shape:
        size *= axis
    numbers = struct.unpack(f"<{size}{COUNT[dtype.what[0]]}", data)
    if by_column and len(shape) == 2:
        rows = shape[0]
        numbers = [numbers[column * rows + row] for row in range(rows) for column in range(shape[1])]
    return shape, numbers


def held(file):
    """The dictionary in a .npy file of one object."""
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY":
        raise ValueError("it is no .npy file")
    length = struct.unpack("<H", file.read(2))[0]
    file.read(length)
    _, _, _, _, objects = Reader(file, encoding="latin1").load().state
    return objects[0]


def main(source, folder):
    with open(source, "rb") as file:
        data = held(file)
    exercises = values(data["y"])[1]
    subjects = values(data["subject"])[1]
    for number, array in enumerate(data["X"]):
        (rows, axes), numbers = values(array)
        name = f"{data['y_labels'][exercises[number]]}-{subjects[number]}-{number:03}.csv"
        with open(f"{folder}/{name}", "w", newline="\n") as out:
            out.write("# rate: 50 Hz\n")
            out.write("ax [g],ay [g],az [g],wx [rad/s],wy [rad/s],wz [rad/s]\n")
            for row in range(rows):
                of = numbers[row * axes : (row + 1) * axes]
                out.write(",".join(repr(value) for value in of) + "\n")


main(*sys.argv[1:])
