#!/usr/bin/env python3
"""A second evaluation of NEP energies, for tests of the model "nep", and small files to use it on.

    nep_reference.py OUTDIR      writes NAME.txt (models with random parameters) and energies.txt

energies.txt: for each case a line `case MODEL N`, the cell (9 numbers), pbc (3), and for each atom
number, x, y, z (angstrom) and its energy (eV, exact to the last digit that Python has). Nothing is
shared with the library: Chebyshev polynomials are cos(k acos x), harmonics are complex, 4-body
invariants are sums over Wigner 3j symbols, neighbours are found by trying all images.
"""
import itertools
import math
import os
import random
import sys

NUMBERS = {"H": 1, "O": 8, "Al": 13, "Cu": 29, "Au": 79}
# covalent radii of type-wise ZBL, angstrom
RADII = {1: 0.426667, 8: 0.84, 13: 1.50667, 29: 1.34667, 79: 1.49333}
SWITCHES = ["222", "1111", "112", "123", "233", "134"]
FACTORIAL = math.factorial

# name, tag, elements, zbl line, cutoffs, n_max, basis_size, l_max line, neurons
MODELS = [
    ("typewise_nep5", "nep5_zbl", "Cu O", "zbl 1.0 2.0 0.65", "5.0 4.0 60 40", (4, 4), (6, 5),
     (4, 2, 1), 6),
    ("all_nep5", "nep5", "Al Cu Au", None, "4.5 4.0", (3, 2), (3, 4), (4, 1, 1, 1, 1, 1, 1), 5),
    ("typewise_nep4", "nep4_zbl", "O H", "zbl 0.5 1.8 1.2", "4.5 3.5 60 40", (2, 2), (4, 4),
     (3, 2, 0), 9),
    ("flexible_nep3", "nep3_zbl", "Cu O H", "zbl 0 0", "4.0 4.6 5.0 3.5 3.0 3.8 60 40", (2, 3),
     (3, 4), (8, 2, 1), 7),
    ("top_nep4", "nep4", "Cu", None, "4.5 4.5 60 40", (0, 0), (0, 0), (1, 0, 0, 0, 0, 0, 1), 3),
    ("wide_nep4", "nep4", "Cu Al", None, "4.4 4.2 60 40", (9, 8), (9, 8), (2, 2), 17),
    ("radial_nep4", "nep4", "O Cu", None, "5.0 4.0 60 40", (5, 4), (5, 4), (0,), 8),
    ("tall_nep4", "nep4", "Cu O", None, "4.0 3.5", (0, 1), (31, 20), (1,), 2),
]


def blocks(l_max):
    return l_max[0] + sum(1 for v in l_max[1:] if v)


def write_model(folder, spec, seed, zero_bias=False, name=None, tag=None):
    model, own_tag, elements, zbl, cutoff, n_max, basis, l_max, neurons = spec
    tag = tag or own_tag
    rng = random.Random(seed)
    types = len(elements.split())
    dim = n_max[0] + 1 + (n_max[1] + 1) * blocks(l_max)
    number = lambda s: "%15.7e" % rng.gauss(0.0, s)
    out = ["%s %d %s " % (tag, types, elements)] + ([zbl] if zbl else [])
    out += ["cutoff " + cutoff, "n_max %d %d" % n_max, "basis_size %d %d" % basis,
            "l_max " + " ".join(map(str, l_max)), "ANN %d 0" % neurons]
    for _ in range(1 if own_tag.startswith("nep3") else types):
        out += [number(0.3) for _ in range(neurons * dim)]
        out += [number(0.5) for _ in range(neurons)]
        out += [number(1.0 / math.sqrt(neurons)) for _ in range(neurons)]
        if own_tag.startswith("nep5"):
            bias = number(1.0)
            if tag.startswith("nep5"):
                out.append("%15.7e" % 0.0 if zero_bias else bias)
    out.append(number(1.0))
    out += [number(0.5) for _ in range(types * types * ((n_max[0] + 1) * (basis[0] + 1) +
                                                        (n_max[1] + 1) * (basis[1] + 1)))]
    out += ["%15.7e" % (0.2 + 0.2 * rng.random()) for _ in range(dim)]
    if zbl == "zbl 0 0":
        for k in range(types * (types + 1) // 2):
            own = [0.4 + 0.1 * k, 1.9 + 0.1 * k, 0.18, 3.2, 0.51, 0.94, 0.28, 0.40, 0.03, 0.2]
            out += ["%15.7e" % v for v in own]
    with open(os.path.join(folder, (name or model) + ".txt"), "w") as f:
        f.write("\n".join(out) + "\n")


class Model:
    def __init__(self, path):
        lines = open(path).read().split("\n")
        head = lines.pop(0).split()
        self.version = int(head[0][3])
        self.elements = [NUMBERS[e] for e in head[2:]]
        self.types = int(head[1])
        self.zbl = None
        if "_zbl" in head[0]:
            self.zbl = list(map(float, lines.pop(0).split()[1:]))
        words = [lines.pop(0).split()[1:] for _ in range(5)]
        cutoff = list(map(float, words[0]))
        if len(cutoff) == 2 * self.types + 2 and self.types > 1:
            self.cutoff = [cutoff[0:-2:2], cutoff[1:-2:2]]
        else:
            self.cutoff = [[cutoff[0]] * self.types, [cutoff[1]] * self.types]
        self.n = [int(w) + 1 for w in words[1]]
        self.k = [int(w) + 1 for w in words[2]]
        l_max = list(map(int, words[3])) + [0] * 7
        self.l_max, self.switches = l_max[0], [s for s, on in zip(SWITCHES, l_max[1:]) if on]
        self.neurons = int(words[4][0])
        self.dim = self.n[0] + self.n[1] * (self.l_max + len(self.switches))
        values = iter([float(w) for w in lines if w.strip()])
        take = lambda count: [next(values) for _ in range(count)]
        self.networks = []
        for _ in range(1 if self.version == 3 else self.types):
            w0 = [take(self.dim) for _ in range(self.neurons)]
            b0, w1 = take(self.neurons), take(self.neurons)
            self.networks.append((w0, b0, w1, take(1)[0] if self.version == 5 else 0.0))
        self.bias = take(1)[0]
        t = self.types
        self.c = [[[[take(t) for _ in range(t)] for _ in range(self.k[a])]
                   for _ in range(self.n[a])] for a in range(2)]
        self.scalers = take(self.dim)
        self.pairs = {}
        if self.zbl == [0.0, 0.0]:
            for a in range(t):
                for b in range(a, t):
                    self.pairs[a, b] = self.pairs[b, a] = take(10)
        assert next(values, None) is None

    def radial(self, a, ti, tj, r):
        """g_n(r)"""
        rc = 0.5 * (self.cutoff[a][ti] + self.cutoff[a][tj])
        if r >= rc:
            return [0.0] * self.n[a]
        x = 2.0 * (r / rc - 1.0) ** 2 - 1.0
        fc = math.cos(0.5 * math.pi * r / rc) ** 2
        angle = math.acos(max(-1.0, min(1.0, x)))
        f = [fc] + [0.5 * (math.cos(k * angle) + 1.0) * fc for k in range(1, self.k[a])]
        return [math.fsum(self.c[a][n][k][ti][tj] * f[k] for k in range(self.k[a]))
                for n in range(self.n[a])]

    def repulsion(self, ti, tj, r):
        zi, zj = self.elements[ti], self.elements[tj]
        c, b = [0.18175, 0.50986, 0.28022, 0.02817], [3.1998, 0.94229, 0.4029, 0.20162]
        inner, outer = self.zbl[:2]
        if len(self.zbl) == 3:
            inner, outer = 0.0, min(outer, self.zbl[2] * (RADII[zi] + RADII[zj]))
        elif self.pairs:
            inner, outer = self.pairs[ti, tj][:2]
            c, b = self.pairs[ti, tj][2::2], self.pairs[ti, tj][3::2]
        if r >= outer or r >= 0.5 * (self.cutoff[1][ti] + self.cutoff[1][tj]):
            return 0.0
        u = r * 2.134563 * (zi ** 0.23 + zj ** 0.23)
        v = 14.399645 * zi * zj / r * math.fsum(x * math.exp(-y * u) for x, y in zip(c, b))
        if r <= inner:
            return v
        return v * math.cos(0.5 * math.pi * (r - inner) / (outer - inner)) ** 2


def legendre(l, m, z):
    """Derivative of order m of the Legendre polynomial."""
    return math.fsum((-1) ** k * FACTORIAL(2 * l - 2 * k) * z ** (l - 2 * k - m) /
                     (2 ** l * FACTORIAL(k) * FACTORIAL(l - k) * FACTORIAL(l - 2 * k - m))
                     for k in range(l // 2 + 1) if l - 2 * k - m >= 0)


def harmonic(l, m, u):
    """Complex Y_lm with the phase of Condon and Shortley."""
    if m < 0:
        return (-1) ** m * harmonic(l, -m, u).conjugate()
    norm = math.sqrt((2 * l + 1) / (4 * math.pi) * FACTORIAL(l - m) / FACTORIAL(l + m))
    return (-1) ** m * norm * legendre(l, m, u[2]) * complex(u[0], u[1]) ** m


def wigner(a, b, c, x, y, z):
    """3j symbol, by Racah's formula."""
    if x + y + z or c < abs(a - b) or c > a + b:
        return 0.0
    f = FACTORIAL
    norm = math.sqrt(f(a + b - c) * f(a - b + c) * f(b + c - a) / f(a + b + c + 1) *
                     f(a + x) * f(a - x) * f(b + y) * f(b - y) * f(c + z) * f(c - z))
    total = 0.0
    for t in range(a + b + c + 1):
        parts = [t, c - b + t + x, c - a + t - y, a + b - c - t, a - t - x, b - t + y]
        if min(parts) >= 0:
            total += (-1) ** t / math.prod(map(f, parts))
    return (-1) ** (a - b - z) * norm * total


def body(name, sums):
    """An invariant from A[l, m]."""
    if name == "1111":
        return 7.0 / 15.0 * sum(abs(sums[1, m]) ** 2 for m in range(-1, 2)) ** 2
    a, b, c = map(int, name)
    return sum(wigner(a, b, c, x, y, -x - y) * sums[a, x] * sums[b, y] * sums[c, -x - y]
               for x in range(-a, a + 1) for y in range(-b, b + 1) if abs(x + y) <= c).real


def neighbors(cell, pbc, positions, i, reach):
    """All (j, r_ij) with 0 < |r_ij| < reach."""
    spans = [range(-4, 5) if p else range(1) for p in pbc]
    for j, xj in enumerate(positions):
        for s in itertools.product(*spans):
            d = [xj[k] - positions[i][k] + sum(s[m] * cell[m][k] for m in range(3))
                 for k in range(3)]
            r = math.sqrt(sum(v * v for v in d))
            if (j != i or any(s)) and r < reach:
                yield j, d, r


def energy(model, cell, pbc, numbers, positions, i):
    types = [model.elements.index(z) for z in numbers]
    top = 4 if any(s not in ("222", "1111", "112") for s in model.switches) else 2
    top = max(top, model.l_max)
    reach = max(max(model.cutoff[0]), max(model.cutoff[1]))
    q = [0.0] * model.n[0]
    sums = [dict.fromkeys([(l, m) for l in range(1, top + 1) for m in range(-l, l + 1)], 0j)
            for _ in range(model.n[1])]
    repulsion = 0.0
    for j, d, r in neighbors(cell, pbc, positions, i, reach):
        q = [a + b for a, b in zip(q, model.radial(0, types[i], types[j], r))]
        u = [v / r for v in d]
        g = model.radial(1, types[i], types[j], r)
        for l, m in sums[0]:
            y = harmonic(l, m, u)
            for n in range(model.n[1]):
                sums[n][l, m] += g[n] * y
        if model.zbl:
            repulsion += 0.5 * model.repulsion(types[i], types[j], r)
    for l in range(1, model.l_max + 1):
        q += [sum(abs(s[l, m]) ** 2 for m in range(-l, l + 1)) for s in sums]
    for name in model.switches:
        q += [body(name, s) for s in sums]
    assert len(q) == model.dim
    w0, b0, w1, bias = model.networks[types[i] if model.version > 3 else 0]
    q = [a * b for a, b in zip(q, model.scalers)]
    return repulsion - model.bias - bias + math.fsum(
        w1[h] * math.tanh(math.fsum(w * x for w, x in zip(w0[h], q)) - b0[h])
        for h in range(model.neurons))


def structures(elements, rng):
    """A crystal cell smaller than the cutoffs, a slab and an open cluster with a close contact."""
    numbers = [NUMBERS[e] for e in elements.split()]
    jitter = lambda s: [s * (2.0 * rng.random() - 1.0) for _ in range(3)]
    small = [[3.1, 0.2, -0.1], [0.9, 3.3, 0.0], [-0.4, 0.6, 3.6]]
    sites = [[0.1, 0.0, 0.0], [1.9, 1.7, 0.3], [1.2, 0.2, 2.0]]
    slab = [[4.2, 0.0, 0.0], [0.0, 4.4, 0.5], [0.0, 0.0, 25.0]]
    layer = [[0.0, 0.0, 5.0], [2.1, 2.2, 5.3], [0.2, 2.0, 7.0], [2.0, 0.1, 7.1]]
    open_sites = [[0, 0, 0], [0.9, 0.2, 0.1], [-1.1, 1.2, 0.3], [0.3, -1.0, 1.5], [2.0, 2.1, -0.7]]
    for cell, pbc, sites_of, s in ((small, (1, 1, 1), sites, 0.1), (slab, (1, 1, 0), layer, 0.2),
                                   ([[0.0] * 3] * 3, (0, 0, 0), open_sites, 0.05)):
        x = [[a + b for a, b in zip(site, jitter(s))] for site in sites_of]
        yield cell, pbc, [rng.choice(numbers) for _ in x], x


def main(folder):
    out = open(os.path.join(folder, "energies.txt"), "w")
    for seed, spec in enumerate(MODELS):
        write_model(folder, spec, 1000 + seed)
        model = Model(os.path.join(folder, spec[0] + ".txt"))
        for cell, pbc, numbers, x in structures(spec[2], random.Random(2000 + seed)):
            out.write("case %s %d\n" % (spec[0], len(x)))
            out.write(" ".join("%.17g" % v for row in cell for v in row) + "\n")
            out.write("%d %d %d\n" % pbc)
            for i, z in enumerate(numbers):
                u = energy(model, cell, pbc, numbers, x, i)
                out.write("%d %.17g %.17g %.17g %.17g\n" % (z, *x[i], u))
    out.close()
    # the same parameters as NEP4, and as NEP5 with biases of zero
    write_model(folder, MODELS[0], 1000, name="twin_nep4", tag="nep4_zbl")
    write_model(folder, MODELS[0], 1000, name="twin_nep5", zero_bias=True)


if __name__ == "__main__":
    main(sys.argv[1])
