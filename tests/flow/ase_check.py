"""Extended XYZ against ASE, both ways: what ASE writes means to us what it means to ASE, and what we
write means to ASE what it means to us. Usage: ase_check.py EXTXYZ_TOOL [FILE...]

Exits with 77 where ASE is not installed. Numbers must be equal, not close, except momenta, which are
stored as velocities here (2 ulp) and the constant of the virial.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from ase import Atoms
    from ase.build import bulk, fcc111, molecule
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.constraints import FixAtoms, FixCartesian
    from ase.io import read, write
except ImportError as error:
    print("ASE is not installed for", sys.executable, ":", error)
    sys.exit(77)

TOOL = sys.argv[1]
RESULTS = {"energy", "free_energy", "forces", "stress", "magmoms", "charges", "dipole", "magmom"}


def describe(path):
    text = subprocess.run([TOOL, "describe", path], check=True, capture_output=True).stdout
    return [json.loads(line) for line in text.decode().splitlines()]


def fixed_of(atoms):
    fixed = np.zeros((len(atoms), 3), int)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            fixed[constraint.index] = 1
        else:  # the mask of FixCartesian is what may move
            fixed[constraint.a] = 1 - np.asarray(constraint.mask, int)
    return fixed


def same(what, ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if theirs.dtype.kind == "O":  # words
        theirs = theirs.astype(str)
    if ours.dtype.kind != theirs.dtype.kind or ours.shape != theirs.shape or not np.array_equal(
            ours, theirs):
        sys.exit(f"{what}: ours {ours.dtype}{ours.shape} {ours}, ASE {theirs.dtype}{theirs.shape} "
                 f"{theirs}")


def compare_results(frame, atoms):
    results = dict(atoms.calc.results) if atoms.calc else {}
    if "energy" in results:
        same("energy", frame["energy"][0], results["energy"])
    if "forces" in results:
        same("forces", np.reshape(frame["forces"], (-1, 3)), results["forces"])
    if "stress" in results:
        s = frame["stress"]
        same("stress", [s[0], s[4], s[8], s[5], s[2], s[1]], results["stress"])
    for key in ("forces", "energy", "stress"):
        assert (key in frame) == (key in results), key


def compare(frame, atoms):
    n = len(atoms)
    same("numbers", frame["numbers"], atoms.numbers)
    same("positions", np.reshape(frame["positions"], (n, 3)), atoms.positions)
    same("cell", np.reshape(frame.get("cell", np.zeros(9)), (3, 3)), np.asarray(atoms.cell))
    same("pbc", np.array(frame["pbc"], bool), atoms.pbc)
    same("masses", frame.get("masses", Atoms(numbers=atoms.numbers).get_masses()),
         atoms.get_masses())
    same("fixed", np.reshape(frame.get("fixed", np.zeros(3 * n, int)), (n, 3)), fixed_of(atoms))
    assert ("velocities" in frame) == atoms.has("momenta")
    if atoms.has("momenta"):
        momenta = np.reshape(frame["velocities"], (n, 3)) * atoms.get_masses()[:, None]
        np.testing.assert_allclose(momenta, atoms.get_momenta(), rtol=5e-16, atol=0)
    compare_results(frame, atoms)
    info = {k: v for k, v in atoms.info.items() if k not in RESULTS}
    ours = {k: v for k, v in frame["info"].items() if k not in RESULTS}
    assert list(ours) == list(info), (list(ours), list(info))
    for key, value in info.items():
        if isinstance(value, dict) or (isinstance(value, list) and ours[key] == []):
            continue
        mine = ours[key]
        if isinstance(mine, list) and len(mine) == 1 and np.ndim(value) == 0:
            mine = mine[0]  # ASE makes a scalar of a list of one
        if isinstance(value, np.ndarray) and value.shape == (3, 3) and key == "virial":
            value = value.reshape(9, order="F")
        same(key, mine, value)
    for key, value in frame["arrays"].items():
        if key not in RESULTS:
            same(key, value, atoms.arrays[key])
    for key in atoms.arrays:
        assert key in ("numbers", "positions", "momenta", "masses", "forces") or key in frame[
            "arrays"], key


def systems():
    rng = np.random.default_rng(7)
    plain = bulk("Cu", cubic=True)
    yield plain
    yield molecule("H2O")
    moving = bulk("NaCl", "rocksalt", a=5.64)
    moving.rattle(0.1, seed=1)
    moving.set_momenta(rng.normal(size=(len(moving), 3)))
    moving.info.update(name="rock salt", number=5, real=1.5, whole=2.0, yes=True, no=False,
                       listed=[1, 2, 3], array=np.array([1.5, 2.0, 3.25]),
                       flags=np.array([True, False]), matrix=np.arange(6).reshape(2, 3),
                       floats=np.arange(4.0).reshape(2, 2), words=["a", "b c", "d-e"],
                       quote='say "hi"', brackets="[x] {y}", tricky="a=b, c", table={"a": [1, 2]})
    yield moving
    slab = fcc111("Pt", (2, 2, 3), vacuum=8.0)
    slab.info.clear()
    slab.set_constraint(FixAtoms(indices=[0, 1, 2, 3]))
    slab.calc = SinglePointCalculator(slab, energy=-7.25, free_energy=-7.5,
                                      forces=rng.normal(size=(len(slab), 3)),
                                      stress=rng.normal(size=6))
    slab.arrays["charges_of_mine"] = rng.normal(size=len(slab))
    slab.arrays["group"] = np.arange(2 * len(slab)).reshape(-1, 2)
    slab.arrays["label"] = np.array(["a", "bb", "c"] * 4)
    slab.arrays["marked"] = np.array([True, False] * 6)
    yield slab
    heavy = molecule("CH3OH")
    heavy.set_masses([12, 15.9, 2.014, 1.1, 1.2, 1.3])
    heavy.set_cell([8, 9, 10])
    heavy.pbc = (True, False, True)
    heavy.set_constraint([FixCartesian(i, mask=[i % 2, 1, 0]) for i in range(6)])
    yield heavy


def exchange(folder):
    theirs, ours = os.path.join(folder, "ase.xyz"), os.path.join(folder, "ours.xyz")
    open(theirs, "w").close()
    for atoms in systems():
        columns = ["symbols", "positions"] + [
            key for key in atoms.arrays if key not in ("numbers", "positions")]
        if atoms.constraints:
            columns.append("move_mask")
        write(theirs, atoms, format="extxyz", columns=columns, append=True)
    frames, images = describe(theirs), read(theirs, ":", format="extxyz")
    assert len(frames) == len(images) == 5
    for frame, atoms in zip(frames, images):
        compare(frame, atoms)
    subprocess.run([TOOL, "copy", theirs, ours], check=True)
    images = read(ours, ":", format="extxyz")
    assert len(images) == 5
    for frame, atoms in zip(frames, images):
        compare(frame, atoms)


def copies(folder, path, step):
    copy = os.path.join(folder, "copy.xyz")
    subprocess.run([TOOL, "copy", path, copy], check=True)
    frames = describe(path)
    first = [i for i in range(len(frames)) if i % step == 0]
    images = read(copy, f"::{step}", format="extxyz")
    originals = read(path, f"::{step}", format="extxyz")
    assert len(first) == len(images) == len(originals) > 0
    for i, atoms, original in zip(first, images, originals):
        compare(frames[i], atoms)
        compare(frames[i], original)
    return len(frames)


with tempfile.TemporaryDirectory() as folder:
    exchange(folder)
    for path in sys.argv[2:]:
        if os.path.exists(path):
            n = copies(folder, path, 20 if path.endswith("1000.extxyz") else 1)
            print(os.path.basename(path), ":", n, "frames agree")
print("what ASE writes and what we write mean the same to both")
