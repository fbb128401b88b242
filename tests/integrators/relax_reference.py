#!/usr/bin/env python3
"""Reference trajectories of the optimizers, with and without a moving cell, for test_relax.c.

    relax_reference.py > relax_reference.txt       writes them
    relax_reference.py --check relax_reference.txt exits 1 if the file is not what this script gives

Standard library only; shares nothing with the library. Row vectors: h = h0 F, r = y F, F = exp(X) or
1 + X. The model is a set of springs between atoms and images, so that energy, forces and stress are a
few lines. L-BFGS is the plain two-loop recursion over vectors, the exponential its series, and the
Frechet derivative a corner of the exponential of a 6 x 6 matrix. Form of the file: "system OPTIMIZER
ATOMS SPRINGS OPTIONS", the cell, ATOMS lines of mass, position, fixed, SPRINGS lines "i j a b c k
length"; then blocks "after K", the cell, and position and velocity of each atom.
"""
import math
import sys

FS = 10.180505710759414
GPA = 160.2176634
STEPS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 120, 150, 200]
I3 = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def mul(a, b):
    return [[math.fsum(x * b[k][j] for k, x in enumerate(row)) for j in range(len(b[0]))] for row in a]


def transpose(a):
    return [list(row) for row in zip(*a)]


def scale(s, a):
    return [[s * x for x in row] for row in a]


def add(a, b):
    return [[x + y for x, y in zip(p, q)] for p, q in zip(a, b)]


def det(a):
    return (a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0])
            + a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]))


def inverse(a):
    d = det(a)
    minor = lambda i, j: (a[(i + 1) % 3][(j + 1) % 3] * a[(i + 2) % 3][(j + 2) % 3]
                          - a[(i + 1) % 3][(j + 2) % 3] * a[(i + 2) % 3][(j + 1) % 3])
    return [[minor(j, i) / d for j in range(3)] for i in range(3)]


def exponential(a):
    n = len(a)
    out = term = [[1.0 if i == j else 0.0 for j in range(n)] for i in range(n)]
    for k in range(1, 40):
        term = scale(1.0 / k, mul(term, a))
        out = add(out, term)
    return out


def frechet(x, g):
    big = [list(p) + list(q) for p, q in zip(x, g)] + [[0.0] * 3 + list(p) for p in x]
    return [row[3:] for row in exponential(big)[:3]]


class Springs:
    """Energy of springs between atom i and the image (a, b, c) of atom j."""

    def __init__(self, springs):
        self.springs = springs

    def evaluate(self, h, r):
        f = [[0.0] * 3 for _ in r]
        virial = [[0.0] * 3 for _ in range(3)]
        for i, j, image, k, length in self.springs:
            d = [r[j][c] - r[i][c] + sum(image[l] * h[l][c] for l in range(3)) for c in range(3)]
            norm = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
            pull = k * (norm - length) / norm
            for c in range(3):
                f[i][c] += pull * d[c]
                f[j][c] -= pull * d[c]
                for e in range(3):
                    virial[c][e] += pull * d[c] * d[e]
        return f, scale(1.0 / abs(det(h)), virial)


class Problem:
    """A system as one vector: y of the atoms, then the nine numbers c X if the cell moves."""

    def __init__(self, mass, h, r, fixed, model, cell="none", form="frechet", mask="111111", cell_factor=0.0,
                 max_strain=0.05, pressure=0.0, extra=(0.0,) * 6):
        self.mass, self.h0, self.y, self.model = mass, h, [list(x) for x in r], model
        self.fixed, self.cell, self.form, self.max_strain = fixed, cell, form, max_strain
        self.c = cell_factor if cell_factor > 0.0 else math.sqrt(len(r))
        places = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
        self.free = [[False] * 3 for _ in range(3)]
        self.target = [[0.0] * 3 for _ in range(3)]
        for digit, p, (i, j) in zip(mask, extra, places):
            self.free[i][j] = self.free[j][i] = digit == "1"
            self.target[i][j] = self.target[j][i] = (p + (pressure if i == j else 0.0)) / GPA
        self.x = [[0.0] * 3 for _ in range(3)]

    def moves(self):
        return self.cell != "none"

    def project(self, a):
        a = [[x if ok else 0.0 for x, ok in zip(p, q)] for p, q in zip(a, self.free)]
        axes = [i for i in range(3) if self.free[i][i]]
        mean = sum(a[i][i] for i in axes) / len(axes) if axes else 0.0
        if self.cell == "iso":
            return scale(mean, I3)
        if self.cell == "shape":
            for i in axes:
                a[i][i] -= mean
        return a

    def stretch(self, y):
        """Diagonal of D for form unit and fixed volume."""
        axes = [i for i in range(3) if self.free[i][i]]
        s = det(y) ** (-0.5 / len(axes))
        return [s if i in axes else 1.0 for i in range(3)], axes

    def deformation(self):
        if self.form == "frechet":
            return exponential(self.x)
        f = add(I3, self.x)
        if self.cell == "shape":
            d, _ = self.stretch(f)
            f = [[d[i] * f[i][j] * d[j] for j in range(3)] for i in range(3)]
        return f

    def place(self):
        f = self.deformation()
        return mul(self.h0, f), mul(self.y, f)

    def forces(self):
        """Force on every number, atoms first."""
        h, r = self.place()
        f, stress = self.model.evaluate(h, r)
        f = [[0.0 if no else x for x, no in zip(p, q)] for p, q in zip(f, self.fixed)]
        if not self.moves():
            return [x for row in f for x in row]
        big = self.deformation()
        f = mul(f, transpose(big))
        f = [[0.0 if no else x for x, no in zip(p, q)] for p, q in zip(f, self.fixed)]
        w = scale(abs(det(h)), add(stress, self.target))
        g = mul(inverse(big), w)
        g = scale(0.5, add(g, transpose(g)))
        if self.form == "frechet":
            g = frechet(self.x, g)
        elif self.cell == "shape":
            y = add(I3, self.x)
            d, axes = self.stretch(y)
            fg = mul(big, g)
            q = sum(fg[a][a] for a in axes) / len(axes)
            back = inverse(y)
            g = [[d[i] * g[i][j] * d[j] - q * back[i][j] for j in range(3)] for i in range(3)]
        g = self.project(g)
        return [x for row in f for x in row] + [-x / self.c for row in g for x in row]

    def move(self, d):
        n = len(self.y)
        for i in range(n):
            for k in range(3):
                self.y[i][k] += d[3 * i + k]
        if self.moves():
            dx = [[d[3 * n + 3 * i + j] / self.c for j in range(3)] for i in range(3)]
            self.x = self.project(add(self.x, dx))

    def lengths(self, d):
        """Displacements of the atoms, and the change of X."""
        n = len(self.y)
        atoms = [math.sqrt(sum(d[3 * i + k] ** 2 for k in range(3))) for i in range(n)]
        return atoms, math.sqrt(math.fsum(x * x for x in d[3 * n:])) / self.c


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


class Fire:
    def __init__(self, problem, dt, dt_max, dt_min, max_step=0.2, n_min=5, f_dec=0.5, f_inc=1.1, alpha_start=0.1,
                 f_alpha=0.99):
        self.p, self.dt, self.dt_max, self.dt_min = problem, dt / FS, dt_max / FS, dt_min / FS
        self.max_step, self.n_min, self.f_dec, self.f_inc = max_step, n_min, f_dec, f_inc
        self.alpha = self.alpha_start = alpha_start
        self.f_alpha, self.n = f_alpha, 0
        mass = problem.mass
        self.m = [m for m in mass for _ in range(3)]
        self.m += [sum(mass) / len(mass)] * (9 if problem.moves() else 0)
        self.v = [0.0] * len(self.m)

    def step(self):
        f, old = self.p.forces(), self.dt
        power, vv, ff = dot(self.v, f), dot(self.v, self.v), dot(f, f)
        if power > 0.0:
            self.n += 1
            if self.n >= self.n_min:
                self.dt = min(self.dt * self.f_inc, self.dt_max)
                self.alpha *= self.f_alpha
            pull = self.alpha * math.sqrt(vv / ff)
            self.v = [(1.0 - self.alpha) * v + pull * x for v, x in zip(self.v, f)]
        else:
            self.n, self.dt, self.alpha = 0, max(self.dt * self.f_dec, self.dt_min), self.alpha_start
            self.v = [0.0] * len(f)
        self.v = [v + old * x / m for v, x, m in zip(self.v, f, self.m)]
        d = [old * v for v in self.v]
        atoms, strain = self.p.lengths(d)
        factors = [min(1.0, self.max_step / a if a > 0.0 else 1.0) for a in atoms for _ in range(3)]
        factors += [min(1.0, self.p.max_strain / strain if strain > 0.0 else 1.0)] * (len(d) - len(factors))
        self.p.move([x * c for x, c in zip(d, factors)])


class Fire2:
    def __init__(self, problem, dt, t_min, t_max, max_step=0.1, delay_step=60, dt_grow=1.05, dt_shrink=0.75,
                 alpha_shrink=0.985, alpha0=0.09):
        self.p, self.dt, self.t_min, self.t_max = problem, dt / FS, t_min / FS, t_max / FS
        self.max_step, self.delay, self.grow, self.shrink = max_step, delay_step, dt_grow, dt_shrink
        self.alpha_shrink, self.alpha0, self.alpha, self.n = alpha_shrink, alpha0, alpha0, 0
        self.v = [0.0] * (3 * len(problem.y) + (9 if problem.moves() else 0))

    def step(self):
        f, dt = self.p.forces(), self.dt
        u = [v + x * dt for v, x in zip(self.v, f)]
        power, uu, ff = dot(u, f), dot(u, u), dot(f, f)
        if power > 0.0:
            self.n += 1
            if self.n > self.delay:
                dt, self.alpha = min(dt * self.grow, self.t_max), self.alpha * self.alpha_shrink
        else:
            self.n, self.alpha, dt = 0, self.alpha0, max(dt * self.shrink, self.t_min)
        pull = self.alpha * math.sqrt(uu / ff) if ff > 0.0 else 0.0
        self.v = [(1.0 - self.alpha) * a + pull * x for a, x in zip(u, f)]
        d = [(dt if power > 0.0 else -0.5 * dt) * v for v in self.v]
        atoms, strain = self.p.lengths(d)
        longest = max(max(atoms) / self.max_step, strain / self.p.max_strain)
        c = 1.0 / longest if longest > 1.0 else 1.0
        self.p.move([c * x for x in d])
        if not power > 0.0:
            self.v = [0.0] * len(f)
        self.dt = max(c * dt, self.t_min)


class Lbfgs:
    def __init__(self, problem, memory=10, max_step=0.2, curvature=70.0):
        self.p, self.memory, self.max_step, self.curvature = problem, memory, max_step, curvature
        self.pairs, self.last, self.radius, self.slope = [], None, 1.0, 0.0
        self.v = [0.0] * (3 * len(problem.y))

    def step(self):
        f = self.p.forces()
        if self.last:
            s, old = self.last
            y = [a - b for a, b in zip(old, f)]
            if not dot(f, s) > -0.9 * self.slope:
                self.radius = max(0.5 * self.radius, 0.05)
            else:
                self.radius = min(1.5 * self.radius, 1.0)
            if dot(s, y) > 1e-8 * math.sqrt(dot(s, s) * dot(y, y)):
                self.pairs = (self.pairs + [(s, y)])[-self.memory:]
            else:
                self.pairs = []
        d = self.direction(f) if self.pairs else None
        if d is None or not dot(d, f) > 0.0:
            self.pairs, d = [], [x / self.curvature for x in f]
        slope = dot(d, f)
        atoms, strain = self.p.lengths(d)
        longest = max(max(atoms) / self.max_step, strain / self.p.max_strain) / self.radius
        c = 1.0 / longest if longest > 1.0 else 1.0
        s = [c * x for x in d]
        self.last, self.slope = (s, f), c * slope
        self.p.move(s)

    def direction(self, f):
        q = [-x for x in f]
        a = []
        for s, y in reversed(self.pairs):
            a.append(dot(s, q) / dot(s, y))
            q = [p - a[-1] * x for p, x in zip(q, y)]
        s, y = self.pairs[-1]
        q = [dot(s, y) / dot(y, y) * x for x in q]
        for (s, y), w in zip(self.pairs, reversed(a)):
            b = dot(y, q) / dot(s, y)
            q = [p + (w - b) * x for p, x in zip(q, s)]
        return [-x for x in q]


def random_numbers(seed):
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        yield (seed >> 33) / 2.0 ** 31


def system(seed, n, strain, rattle, hold):
    """A random crystal: springs to images within reach, at rest in a cell that is then strained."""
    u = random_numbers(seed)
    h = [[(4.0 if i == j else 0.0) + 1.2 * (next(u) - 0.5) for j in range(3)] for i in range(3)]
    places = mul([[next(u) for _ in range(3)] for _ in range(n)], h)
    springs = []
    for i in range(n):
        for j in range(i, n):
            for image in [(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]:
                if i == j and image <= (0, 0, 0):
                    continue
                d = [places[j][c] - places[i][c] + sum(image[l] * h[l][c] for l in range(3)) for c in range(3)]
                norm = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
                if 0.8 < norm < 4.5:
                    springs.append((i, j, image, 0.3 + 2.0 * next(u), norm * (0.98 + 0.04 * next(u))))
    f = [[(1.0 if i == j else 0.0) + strain * (next(u) - 0.5) for j in range(3)] for i in range(3)]
    r = [[x + rattle * (next(u) - 0.5) for x in row] for row in mul(places, f)]
    mass = [5.0 + 60.0 * next(u) for _ in range(n)]
    fixed = [[1, 1, 1] if hold and i == 1 else [0, 1, 0] if hold and i == 3 else [0, 0, 0] for i in range(n)]
    return mass, mul(h, f), r, fixed, springs


OPTIMIZERS = {
    "fire": (Fire, dict(dt=2.0, dt_max=12.0, dt_min=0.05)),
    "fire2": (Fire2, dict(dt=1.0, t_min=0.1, t_max=3.0, delay_step=8)),
    "lbfgs": (Lbfgs, dict(memory=4, curvature=40.0)),
}
CELLS = [
    dict(),
    dict(cell="full"),
    dict(cell="full", form="unit", mask="110101", cell_factor=3.0, pressure=1.5),
    dict(cell="iso", pressure=-2.0, max_strain=0.01),
    dict(cell="shape", cell_factor=1.5, extra=(2.0, -1.0, 0.5, 0.3, -0.7, 1.1)),
    dict(cell="shape", form="unit", mask="011111"),
]
NAMES = ["pressure_" + name for name in ("xx", "yy", "zz", "yz", "xz", "xy")]


def text_of(options, cell):
    items = dict(options)
    for key, value in cell.items():
        items.update(zip(NAMES, value) if key == "extra" else [(key, value)])
    return ",".join("%s=%s" % (k, v if isinstance(v, str) else repr(v)) for k, v in items.items())


def row(numbers):
    return " ".join(repr(x) for x in numbers)


def lines():
    for name, (optimizer, options) in OPTIMIZERS.items():
        for number, cell in enumerate(CELLS):
            mass, h, r, fixed, springs = system(10 + number, 4 + number % 3, 0.16, 0.5, number % 2 == 1)
            yield "system %s %d %d %s" % (name, len(r), len(springs), text_of(options, cell))
            yield row(x for p in h for x in p)
            for m, x, c in zip(mass, r, fixed):
                yield row([m] + x) + " %d %d %d" % tuple(c)
            for i, j, image, k, length in springs:
                yield "%d %d %d %d %d %r %r" % (i, j, *image, k, length)
            problem = Problem(mass, h, r, fixed, Springs(springs), **cell)
            it = optimizer(problem, **options)
            for step in range(1, STEPS[-1] + 1):
                it.step()
                if step in STEPS:
                    h, r = problem.place()
                    yield "after %d" % step
                    yield row(x for p in h for x in p)
                    for i, x in enumerate(r):
                        yield row(x + it.v[3 * i:3 * i + 3])


def main():
    text = "".join(line + "\n" for line in lines())
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2]) as file:
            return 0 if file.read() == text else 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
