#!/usr/bin/env python3
"""Reference values for test_sw_lammps.c: structures with energy, forces and stress of LAMMPS.

    python3 tests/models/sw_lammps.py [lmp] > tests/data/sw_lammps.extxyz

writes the file anew (about 20 s). It needs LAMMPS with the package MANYBODY; the numbers that are
kept were made with version 29 Sep 2021, update 2 (Debian 12). Structures are made here from a
generator of our own, so that they are the same everywhere. Every frame names its parameters, "sw=":
a set of the model, or "two" for tests/data/sw_two.sw. Pressures of LAMMPS are divided by its own
conversion factor, 1.6021765e6 bar per eV/angstrom^3.
"""
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TWO = os.path.join(HERE, "..", "data", "sw_two.sw")
BAR = 1.6021765e6
MASS = {"Si": 28.085, "Ge": 72.63, "O": 15.999, "Cd": 112.414, "Te": 127.6, "Ga": 69.723, "N": 14.007}
KCAL = 4184.0 / (6.02214076e23 * 1.602176634e-19)

# pairs: epsilon, sigma, a, lambda, A, B; gamma = 1.2, c0 = -1/3, p = 4, q = 0
OLD = (7.049556277, 0.6022245584)
SETS = {
    "Si": {"Si Si": (2.1683, 2.0951, 1.8, 21.0) + OLD},
    "Si-Vink": {"Si Si": (1.64833, 2.0951, 1.8, 31.5) + OLD},
    "Ge": {"Ge Ge": (1.93, 2.181, 1.8, 31.0) + OLD},
    "mW": {"O O": (6.189 * KCAL, 2.3925, 1.8, 23.15) + OLD},
    "CdTe": {"Cd Cd": (1.03, 2.51, 1.8, 25.0, 5.1726, 0.8807),
             "Te Te": (1.03, 2.51, 1.8, 25.0, 8.1415, 0.6671),
             "Cd Te": (1.03, 2.51, 1.8, 25.0, 7.0496, 0.6022)},
    "GaN": {"Ga Ga": (1.2, 2.1, 1.6, 32.5, 7.917, 0.72),
            "N N": (1.2, 1.3, 1.8, 32.5, 7.917, 0.72),
            "Ga N": (2.17, 1.695, 1.8, 32.5, 7.917, 0.72)},
}


class Random:
    """xorshift64*"""

    def __init__(self, seed):
        self.state = (seed * 0x9E3779B97F4A7C15 + 1) % 2**64

    def next(self):
        x = self.state
        x ^= x >> 12
        x = (x ^ (x << 25)) % 2**64
        x ^= x >> 27
        self.state = x
        return ((x * 0x2545F4914F6CDD1D) % 2**64 >> 11) / 2.0**53

    def signed(self):
        return 2.0 * self.next() - 1.0


DIAMOND = [(0, 0, 0), (0, .5, .5), (.5, 0, .5), (.5, .5, 0),
           (.25, .25, .25), (.25, .75, .75), (.75, .25, .75), (.75, .75, .25)]


def diamond(n, a, rattle, seed, tilt=(0.0, 0.0, 0.0)):
    """n^3 cubic cells; tilt: xy, xz, yz per cell length."""
    r = Random(seed)
    cell = [[a * n, 0, 0], [a * n * tilt[0], a * n, 0], [a * n * tilt[1], a * n * tilt[2], a * n]]
    atoms = []
    for i in range(n):
        for j in range(n):
            for k in range(n):
                for b in DIAMOND:
                    f = [(i + b[0]) / n, (j + b[1]) / n, (k + b[2]) / n]
                    atoms.append([sum(f[m] * cell[m][c] for m in range(3)) + rattle * r.signed()
                                  for c in range(3)])
    return cell, atoms


def disordered(n, edge, nearest, seed):
    """Atoms at random, no two of them nearer than `nearest`."""
    r = Random(seed)
    atoms = []
    while len(atoms) < n:
        x = [edge * r.next() for _ in range(3)]
        if all(sum(((p - q + edge / 2) % edge - edge / 2) ** 2 for p, q in zip(x, y)) >= nearest ** 2
               for y in atoms):
            atoms.append(x)
    return [[edge, 0, 0], [0, edge, 0], [0, 0, edge]], atoms


def kinds(names, n, seed):
    r = Random(seed)
    return [names[int(r.next() * len(names))] for _ in range(n)]


def alternating(names, n):
    return [names[i % 8 // 4] for i in range(n)]


def cases():
    """name of the parameters, cell, positions, elements, pbc"""
    ppp, fff = (1, 1, 1), (0, 0, 0)
    cell, x = diamond(2, 5.431, 0.12, 1)
    yield "Si", cell, x, ["Si"] * 64, ppp
    cell, x = diamond(4, 5.431, 0.20, 2)
    yield "Si", cell, x, ["Si"] * 512, ppp
    cell, x = disordered(96, 12.4, 2.05, 3)
    yield "Si", cell, x, ["Si"] * 96, ppp
    yield "Si", [[2.45, 0, 0], [0, 2.5, 0], [0, 0, 2.6]], [[0.3, 0.2, 0.1]], ["Si"], ppp
    yield ("Si", [[3.84, 0, 0], [1.9, 3.3, 0], [1.93, 1.1, 3.15]],
           [[0.1, 0, 0], [1.97, 1.15, 0.75]], ["Si"] * 2, ppp)
    cell, x = diamond(2, 5.5, 0.15, 4, (0.21, -0.34, 0.4))
    yield "Si", cell, x, ["Si"] * 64, ppp
    cell, x = disordered(25, 8.0, 2.0, 5)
    yield "Si", cell, x, ["Si"] * 25, fff
    cell, x = diamond(2, 5.431, 0.15, 6)
    yield "Si", cell, x, ["Si"] * 64, (1, 1, 0)
    yield "Si", cell, x[:33], ["Si"] * 33, (0, 1, 0)
    cell, x = disordered(64, 10.9, 1.9, 7)
    yield "Si-Vink", cell, x, ["Si"] * 64, ppp
    cell, x = diamond(2, 5.6, 0.2, 8)
    yield "Ge", cell, x, ["Ge"] * 64, ppp
    cell, x = disordered(64, 12.6, 2.4, 9)
    yield "mW", cell, x, ["O"] * 64, ppp
    cell, x = diamond(2, 6.48, 0.3, 10)
    yield "CdTe", cell, x, alternating(["Cd", "Te"], 64), ppp
    yield "CdTe", cell, x, kinds(["Cd", "Te"], 64, 11), ppp
    cell, x = diamond(2, 4.5, 0.2, 12)
    yield "GaN", cell, x, alternating(["Ga", "N"], 64), ppp
    yield "GaN", cell, x, kinds(["Ga", "N"], 64, 13), ppp
    cell, x = diamond(2, 5.5, 0.25, 14)
    yield "two", cell, x, kinds(["Si", "Ge"], 64, 15), ppp
    cell, x = disordered(80, 11.8, 2.0, 16)
    yield "two", cell, x, kinds(["Si", "Ge"], 80, 17), ppp
    yield "two", cell, x[:30], kinds(["Si", "Ge"], 30, 18), fff
    yield ("two", [[3.1, 0, 0], [1.2, 2.9, 0], [0.7, 1.0, 3.3]],
           [[0.1, 0, 0], [1.6, 1.55, 1.5]], ["Si", "Ge"], ppp)
    cell, x = disordered(60, 10.9, 2.0, 19)
    yield "tol", cell, x, ["Si"] * 60, ppp


def write_set(name, path):
    pairs = SETS["Si" if name == "tol" else name]
    names = sorted({e for pair in pairs for e in pair.split()})
    with open(path, "w") as f:
        for i in names:
            for j in names:
                for k in names:
                    ij = pairs.get(i + " " + j) or pairs[j + " " + i]
                    ik = pairs.get(i + " " + k) or pairs[k + " " + i]
                    strength = math.sqrt((ij[3] * ij[0]) * (ik[3] * ik[0]))
                    f.write("%s %s %s %.17g %.17g %.17g %.17g 1.2 %.17g %.17g %.17g 4 0 %s\n" %
                            (i, j, k, ij[0], ij[1], ij[2], ij[3] if j == k else strength / ij[0],
                             -1.0 / 3.0, ij[4], ij[5], "1e-3" if name == "tol" else "0"))


def lammps(lmp, name, cell, atoms, elements, pbc, folder):
    names = sorted(set(elements))
    path = TWO if name == "two" else os.path.join(folder, "set.sw")
    if name != "two":
        write_set(name, path)
    low = [0.0 if pbc[c] else min(x[c] for x in atoms) - 20 for c in range(3)]
    high = [cell[c][c] if pbc[c] else max(x[c] for x in atoms) + 20 for c in range(3)]
    with open(os.path.join(folder, "data"), "w") as f:
        f.write("\n\n%d atoms\n%d atom types\n" % (len(atoms), len(names)))
        for c in range(3):
            f.write("%.17g %.17g %slo %shi\n" % (low[c], high[c], "xyz"[c], "xyz"[c]))
        f.write("%.17g %.17g %.17g xy xz yz\n" % (cell[1][0], cell[2][0], cell[2][1]))
        f.write("\nAtoms # atomic\n\n")
        for i, x in enumerate(atoms):
            f.write("%d %d %.17g %.17g %.17g\n" % (i + 1, names.index(elements[i]) + 1, *x))
    with open(os.path.join(folder, "in"), "w") as f:
        f.write("units metal\natom_style atomic\nbox tilt large\nboundary %s\n" %
                " ".join("p" if p else "f" for p in pbc))
        f.write("read_data %s/data\n" % folder)
        for k, e in enumerate(names):
            f.write("mass %d %g\n" % (k + 1, MASS[e]))
        f.write("pair_style sw\npair_coeff * * %s %s\nneighbor 1.0 bin\n" % (path, " ".join(names)))
        f.write("compute p all pressure NULL virial\nthermo_style custom pe c_p[1]\n")
        f.write("dump d all custom 1 %s/forces id fx fy fz\n" % folder)
        f.write("dump_modify d sort id format float %.17g\nrun 0\n")
        f.write('print "energy $(pe:%.17g)"\n')
        for k in range(1, 7):
            f.write('print "pressure $(c_p[%d]:%%.17g)"\n' % k)
    out = subprocess.run([lmp, "-in", os.path.join(folder, "in"), "-log", "none"], check=True,
                         stdout=subprocess.PIPE, universal_newlines=True).stdout
    energy = [float(l.split()[1]) for l in out.splitlines() if l.startswith("energy ")][0]
    p = [float(l.split()[1]) for l in out.splitlines() if l.startswith("pressure ")]
    with open(os.path.join(folder, "forces")) as f:
        forces = [[float(v) for v in l.split()[1:]] for l in f.read().splitlines()[9:]]
    s = [-v / BAR for v in p]  # xx yy zz xy xz yz
    return energy, forces, [s[0], s[3], s[4], s[3], s[1], s[5], s[4], s[5], s[2]]


def main():
    lmp = sys.argv[1] if len(sys.argv) > 1 else "lmp"
    for name, cell, atoms, elements, pbc in cases():
        with tempfile.TemporaryDirectory() as folder:
            energy, forces, stress = lammps(lmp, name, cell, atoms, elements, pbc, folder)
        text = " ".join("%.17g" % v for row in cell for v in row)
        print(len(atoms))
        print('Lattice="%s" Properties=species:S:1:pos:R:3:forces:R:3 sw=%s pbc="%s" energy=%.17g '
              'stress="%s"' % (text, name, " ".join("FT"[p] for p in pbc), energy,
                               " ".join("%.17g" % (v if all(pbc) else 0.0) for v in stress)))
        for e, x, f in zip(elements, atoms, forces):
            print(e, " ".join("%.17g" % v for v in x + f))


main()
