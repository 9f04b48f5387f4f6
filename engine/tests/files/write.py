"""Writes the files of this folder, with NumPy: `python write.py`."""

import numpy as np
from numpy.lib import format as npy

grid = np.arange(24, dtype=np.float64).reshape(2, 3, 4) / 8 - 1


def save(name, array, version=(1, 0)):
    with open(name, "wb") as file:
        npy.write_array(file, array, version=version)


save("f8.npy", grid)
save("f4-big.npy", grid.astype(">f4"))
save("f2.npy", grid.astype("<f2"))
save("fortran.npy", np.asfortranarray(grid))
save("fortran-i2-big.npy", np.asfortranarray((8 * grid).astype(">i2")))
save("version-2.npy", grid.astype("<f4"), (2, 0))
save("version-3.npy", grid.astype("<f4"), (3, 0))
for kind in ["i1", "i4", "i8"]:
    save(f"{kind}.npy", (8 * grid).astype(kind))
for kind in ["u1", "u2", "u4", "u8"]:
    save(f"{kind}.npy", (8 * grid + 8).astype(kind))
save("bool.npy", grid > 0)
save("scalar.npy", np.array(2.5))
save("empty.npy", np.zeros((0, 3), np.float32))
save("complex.npy", grid.astype("c16"))
save("text.npy", np.array(["a", "b"]))
save("record.npy", np.zeros(2, [("a", "f4"), ("b", "i4")]))
np.savez("stored.npz", grid=grid, half=grid.astype("f2"), count=np.array([1, 2, 3]))
np.savez_compressed("deflated.npz", grid=grid, half=grid.astype("f2"), count=np.array([1, 2, 3]))
