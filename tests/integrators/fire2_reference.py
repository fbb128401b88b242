#!/usr/bin/env python3
"""Reference trajectories of FIRE 2 for test_fire2.c, from a plain reading of the published algorithm.

    fire2_reference.py > fire2_reference.txt       writes them
    fire2_reference.py --check fire2_reference.txt exits 1 if the file is not what this script gives

Standard library only; shares nothing with the library. The systems are those of fire_reference.py,
and so is the form of the file.
"""
import math
import sys

from fire_reference import FS, cluster, fixed_wells, main


class Fire2:
    def __init__(self, mass, r, fixed, force, dt, t_min, t_max, max_step=0.1, delay_step=60,
                 dt_grow=1.05, dt_shrink=0.75, alpha_shrink=0.985, alpha0=0.09):
        del mass  # every atom counts as 1 amu
        self.r, self.fixed, self.force = r, fixed, force
        self.v = [[0.0] * 3 for _ in r]
        self.dt, self.t_min, self.t_max = dt / FS, t_min / FS, t_max / FS
        self.max_step, self.delay_step = max_step, delay_step
        self.dt_grow, self.dt_shrink = dt_grow, dt_shrink
        self.alpha_shrink, self.alpha0 = alpha_shrink, alpha0
        self.alpha, self.n = alpha0, 0
        self.clamped = 0

    def step(self):
        atoms = range(len(self.r))
        f = self.force(self.r)
        f = [[0.0 if self.fixed[i][k] else f[i][k] for k in range(3)] for i in atoms]
        u = [[self.v[i][k] + f[i][k] * self.dt for k in range(3)] for i in atoms]
        power = math.fsum(u[i][k] * f[i][k] for i in atoms for k in range(3))
        uu = math.fsum(u[i][k] * u[i][k] for i in atoms for k in range(3))
        ff = math.fsum(f[i][k] * f[i][k] for i in atoms for k in range(3))
        dt = self.dt
        if power > 0.0:
            self.n += 1
            if self.n > self.delay_step:
                dt = min(dt * self.dt_grow, self.t_max)
                self.alpha *= self.alpha_shrink
        else:
            self.n = 0
            self.alpha = self.alpha0
            dt = max(dt * self.dt_shrink, self.t_min)
        ratio = math.sqrt(uu / ff) if ff > 0.0 else 0.0
        self.v = [[(1.0 - self.alpha) * u[i][k] + self.alpha * ratio * f[i][k] for k in range(3)]
                  for i in atoms]
        scale = dt if power > 0.0 else -0.5 * dt
        d = [[scale * x for x in v] for v in self.v]
        longest = max(math.sqrt(x * x + y * y + z * z) for x, y, z in d)
        c = 1.0
        if longest > self.max_step:
            c = self.max_step / longest
            self.clamped += 1
        for i in atoms:
            for k in range(3):
                self.r[i][k] += c * d[i][k]
        if not power > 0.0:
            self.v = [[0.0] * 3 for _ in atoms]
        self.dt = max(c * dt, self.t_min)


def systems():
    name, mass, r, fixed, force, _ = cluster()
    yield name, mass, r, fixed, force, dict(dt=3.0, t_min=0.5, t_max=12.0, delay_step=4)
    name, mass, r, fixed, force, _ = fixed_wells()
    yield name, mass, r, fixed, force, dict(dt=1.5, t_min=0.2, t_max=6.0, max_step=0.15, delay_step=7,
                                            dt_grow=1.11, dt_shrink=0.6, alpha_shrink=0.97,
                                            alpha0=0.15)


if __name__ == "__main__":
    sys.exit(main(systems(), Fire2))
