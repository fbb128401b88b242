#!/usr/bin/env python3
"""Makes the structures in this folder: bulk.extxyz, slabs.extxyz, clusters.extxyz.

Fcc metals and alloys of the elements that the built-in potential knows (Al Cu Ag Au Ni Pd Pt),
strained and rattled so that there is something to relax: vacancies, an interstitial, random and
ordered alloys, surfaces with an adatom or a missing atom, clusters and a dimer. Needs nothing but
Python 3; run in this folder. It does not try to be a structure builder.
"""
import math
import random

LATTICE = {"Al": 4.05, "Cu": 3.61, "Ag": 4.09, "Au": 4.08, "Ni": 3.52, "Pd": 3.89, "Pt": 3.92}
BASIS = [(0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)]


def fcc(symbol, n, a=None):
    """n = (nx, ny, nz) conventional cells; rows of (symbol, [x, y, z]) and the cell."""
    a = a or LATTICE[symbol]
    atoms = [(symbol, [a * (i + b[0]), a * (j + b[1]), a * (k + b[2])])
             for i in range(n[0]) for j in range(n[1]) for k in range(n[2]) for b in BASIS]
    return atoms, [[a * n[0], 0.0, 0.0], [0.0, a * n[1], 0.0], [0.0, 0.0, a * n[2]]]


def alloy(atoms, other, share, rng):
    """Replaces a share of the atoms, at random."""
    for i in rng.sample(range(len(atoms)), round(share * len(atoms))):
        atoms[i] = (other, atoms[i][1])


def rattle(atoms, sigma, rng):
    for _, x in atoms:
        for k in range(3):
            x[k] += rng.gauss(0.0, sigma)


def strain(atoms, cell, e):
    """x -> x (1 + e), rows; e is 3 x 3."""
    for x in [x for _, x in atoms] + cell:
        old = list(x)
        for k in range(3):
            x[k] += sum(old[m] * e[m][k] for m in range(3))


def ball(symbol, radius):
    """Atoms of the crystal within radius of an octahedral hole, without a cell."""
    a = LATTICE[symbol]
    n = math.ceil(radius / a) + 1
    atoms, _ = fcc(symbol, (2 * n, 2 * n, 2 * n))
    centre = [a * (n + 0.5)] * 3
    shifted = [(s, [x[k] - centre[k] for k in range(3)]) for s, x in atoms]
    return [(s, x) for s, x in shifted if math.hypot(*x) <= radius]


def icosahedron(symbol, bond):
    phi = (1.0 + math.sqrt(5.0)) / 2.0
    scale = bond / math.hypot(1.0, phi)
    corners = []
    for s in (-1.0, 1.0):
        for t in (-phi, phi):
            corners += [[0.0, s, t], [s, t, 0.0], [t, 0.0, s]]
    return [(symbol, [0.0, 0.0, 0.0])] + [(symbol, [scale * v for v in c]) for c in corners]


def write(path, frames):
    with open(path, "w", encoding="ascii") as f:
        for name, atoms, cell, pbc in frames:
            f.write(f"{len(atoms)}\n")
            if cell:
                f.write('Lattice="%s" ' % " ".join(f"{v:.6f}" for row in cell for v in row))
            f.write(f'Properties=species:S:1:pos:R:3 name={name} pbc="{pbc}"\n')
            for symbol, x in atoms:
                f.write(f"{symbol:2s} {x[0]:11.6f} {x[1]:11.6f} {x[2]:11.6f}\n")


def bulk(rng):
    frames = []
    for name, symbol, missing, sigma in (("Cu-vacancy", "Cu", [0], 0.05),
                                         ("Ag-divacancy", "Ag", [0, 1], 0.05)):
        atoms, cell = fcc(symbol, (3, 3, 3))
        atoms = [a for i, a in enumerate(atoms) if i not in missing]
        rattle(atoms, sigma, rng)
        frames.append((name, atoms, cell, "T T T"))
    atoms, cell = fcc("Ni", (2, 2, 2))
    a = LATTICE["Ni"]
    atoms[0] = ("Ni", [0.0, 0.0, 0.25 * a])
    atoms.append(("Ni", [0.0, 0.0, -0.25 * a]))
    rattle(atoms, 0.02, rng)
    frames.append(("Ni-dumbbell", atoms, cell, "T T T"))
    atoms, cell = fcc("Al", (2, 2, 2))
    strain(atoms, cell, [[0.02, 0.01, 0.0], [0.0, -0.01, 0.015], [0.0, 0.0, 0.01]])
    rattle(atoms, 0.1, rng)
    frames.append(("Al-strained", atoms, cell, "T T T"))
    for name, host, guest, share, n, lattice in (
            ("CuAu-random", "Cu", "Au", 0.5, (2, 2, 2), 3.87),
            ("AgPd-random", "Ag", "Pd", 0.25, (2, 2, 3), 4.04),
            ("NiAl-dilute", "Ni", "Al", 0.1, (2, 2, 2), 3.56)):
        atoms, cell = fcc(host, n, lattice)
        alloy(atoms, guest, share, rng)
        rattle(atoms, 0.05, rng)
        frames.append((name, atoms, cell, "T T T"))
    half = LATTICE["Pt"] / 2.0
    frames.append(("Pt-primitive", [("Pt", [0.0, 0.0, 0.0])],
                   [[0.0, half, half], [half, 0.0, half], [half, half, 0.0]], "T T T"))
    frames.append(("Pt-two-atoms", [("Pt", [0.0, 0.0, 0.0]), ("Pt", [0.1, half + 0.05, half])],
                   [[2.0 * half, 0.0, 0.0], [0.0, 2.0 * half, 0.0], [half, 0.0, half]], "T T T"))
    return frames


def slabs(rng):
    frames = []
    for name, symbol, missing, adatom in (("Cu100-adatom", "Cu", None, True),
                                          ("Pd100-vacancy", "Pd", -1, False),
                                          ("Au100-clean", "Au", None, False)):
        a = LATTICE[symbol]
        atoms, cell = fcc(symbol, (3, 3, 2))
        atoms.sort(key=lambda row: row[1][2])
        if missing is not None:
            del atoms[missing]
        if adatom:
            atoms.append((symbol, [1.0 * a, 1.5 * a, 2.0 * a]))
        for _, x in atoms:
            x[2] += 6.0
        cell[2][2] = 2.0 * a + 12.0
        rattle(atoms, 0.04, rng)
        frames.append((name, atoms, cell, "T T F"))
    return frames


def clusters(rng):
    frames = [("Cu13-icosahedron", icosahedron("Cu", 2.6), None, "F F F"),
              ("Au-ball", ball("Au", 1.6 * LATTICE["Au"]), None, "F F F")]
    mixed = ball("Pt", 1.75 * LATTICE["Pt"])
    alloy(mixed, "Ni", 0.3, rng)
    frames.append(("PtNi-ball", mixed, None, "F F F"))
    frames.append(("Ag-dimer", [("Ag", [0.0, 0.0, 0.0]), ("Ag", [2.9, 0.1, 0.0])], None, "F F F"))
    for _, atoms, _, _ in frames[:3]:
        rattle(atoms, 0.05, rng)
    return frames


if __name__ == "__main__":
    random_numbers = random.Random(2024)
    write("bulk.extxyz", bulk(random_numbers))
    write("slabs.extxyz", slabs(random_numbers))
    write("clusters.extxyz", clusters(random_numbers))
