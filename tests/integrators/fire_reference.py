#!/usr/bin/env python3
"""Reference trajectories of FIRE for test_fire.c, from a plain reading of the published algorithm.

    fire_reference.py > fire_reference.txt      writes them
    fire_reference.py --check fire_reference.txt  exits 1 if the file is not what this script gives

Standard library only; shares nothing with the library. Time is in units of angstrom sqrt(amu/eV),
10.180505710759414 fs; a step is given in fs. Two systems: a cluster of 13 Lennard-Jones atoms that
starts badly packed, so that displacements are clamped at first, and five atoms in harmonic wells,
some components of which are fixed. File: lines "system NAME ATOMS OPTIONS", ATOMS lines of mass,
position, fixed; then blocks "after K dt alpha n_positive" with position and velocity of each atom.
"""
import math
import sys

FS = 10.180505710759414
STEPS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 120, 150, 200]


def lennard_jones(r):
    epsilon, sigma = 0.0104, 3.4
    f = [[0.0] * 3 for _ in r]
    for i in range(len(r)):
        for j in range(i):
            d = [r[i][k] - r[j][k] for k in range(3)]
            d2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
            s2 = sigma * sigma / d2
            s6 = s2 * s2 * s2
            scale = 24.0 * epsilon * (2.0 * s6 * s6 - s6) / d2
            for k in range(3):
                f[i][k] += scale * d[k]
                f[j][k] -= scale * d[k]
    return f


def wells(r):
    return [[-(1.0 + ((3 * i + k) % 5) * 0.25) * (x[k] - (5.0 + ((3 * i + k) % 7) * 0.125))
             for k in range(3)] for i, x in enumerate(r)]


class Fire:
    def __init__(self, mass, r, fixed, force, dt, dt_max=None, dt_min=None, max_step=0.2, n_min=5,
                 f_dec=0.5, f_inc=1.1, alpha_start=0.1, f_alpha=0.99):
        self.mass, self.r, self.fixed, self.force = mass, r, fixed, force
        self.v = [[0.0] * 3 for _ in r]
        self.dt = dt / FS
        self.dt_max = (10.0 * dt if dt_max is None else dt_max) / FS
        self.dt_min = (0.02 * dt if dt_min is None else dt_min) / FS
        self.max_step, self.n_min, self.f_dec, self.f_inc = max_step, n_min, f_dec, f_inc
        self.alpha = self.alpha_start = alpha_start
        self.f_alpha = f_alpha
        self.n = 0
        self.clamped = 0

    def step(self):
        atoms = range(len(self.r))
        f = self.force(self.r)
        f = [[0.0 if self.fixed[i][k] else f[i][k] for k in range(3)] for i in atoms]
        power = math.fsum(self.v[i][k] * f[i][k] for i in atoms for k in range(3))
        vv = math.fsum(self.v[i][k] * self.v[i][k] for i in atoms for k in range(3))
        ff = math.fsum(f[i][k] * f[i][k] for i in atoms for k in range(3))
        old = self.dt
        if power > 0.0:
            self.n += 1
            if self.n >= self.n_min:
                self.dt = min(self.dt * self.f_inc, self.dt_max)
                self.alpha *= self.f_alpha
            ratio = math.sqrt(vv / ff) if ff > 0.0 else 0.0
            self.v = [[(1.0 - self.alpha) * self.v[i][k] + self.alpha * ratio * f[i][k]
                       for k in range(3)] for i in atoms]
        else:
            self.n = 0
            self.dt = max(self.dt * self.f_dec, self.dt_min)
            self.alpha = self.alpha_start
            self.v = [[0.0] * 3 for _ in atoms]
        for i in atoms:
            for k in range(3):
                self.v[i][k] += old * f[i][k] / self.mass[i]
            d = [old * self.v[i][k] for k in range(3)]
            length = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
            if length > self.max_step:
                self.clamped += 1
                d = [x * self.max_step / length for x in d]
            for k in range(3):
                self.r[i][k] += d[k]


def random_numbers(seed):
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        yield (seed >> 33) / 2.0 ** 31


def cluster():
    u = random_numbers(4)
    places = [(x, y, z) for x in range(3) for y in range(3) for z in range(3)][:13]
    r = [[3.3 * p + 1.1 * (next(u) - 0.5) for p in place] for place in places]
    mass = [39.948 if i % 3 else 20.18 for i in range(13)]
    options = dict(dt=20.0, dt_max=120.0)
    return "cluster", mass, r, [[0] * 3 for _ in r], lennard_jones, options


def fixed_wells():
    u = random_numbers(5)
    r = [[5.0 + 6.0 * (next(u) - 0.5) for _ in range(3)] for _ in range(5)]
    mass = [1.008, 12.011, 15.999, 55.845, 2.014]
    fixed = [[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0]]
    options = dict(dt=0.9, dt_max=4.0, dt_min=0.05, max_step=0.11, n_min=3, f_dec=0.4, f_inc=1.25,
                   alpha_start=0.2, f_alpha=0.97)
    return "wells", mass, r, fixed, wells, options


def lines(systems, optimizer):
    """The text of a reference file: `systems` is what cluster() gives, and more of the like."""
    for name, mass, r, fixed, force, options in systems:
        text = ",".join("%s=%r" % item for item in options.items())
        yield "system %s %d %s" % (name, len(r), text)
        for m, x, c in zip(mass, r, fixed):
            yield " ".join([repr(m)] + [repr(a) for a in x] + [str(a) for a in c])
        fire = optimizer(mass, r, fixed, force, **options)
        for step in range(1, STEPS[-1] + 1):
            fire.step()
            if step in STEPS:
                yield "after %d %r %r %d" % (step, fire.dt, fire.alpha, fire.n)
                for x, v in zip(fire.r, fire.v):
                    yield " ".join(repr(a) for a in x + v)
        if not fire.clamped:
            raise SystemExit("no displacement was clamped: the reference would not test it")


def main(systems, optimizer):
    text = "".join(line + "\n" for line in lines(systems, optimizer))
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2]) as file:
            return 0 if file.read() == text else 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main([cluster(), fixed_wells()], Fire))
