#!/usr/bin/env python3
"""Relaxations against ASE (https://wiki.fysik.dtu.dk/ase), which this script needs; exits 77 without it.

    alloys.py FOLDER NUMBER MODEL=STRUCTURES ... [options]

FOLDER is where relax_tool and force_tool are, which stand beside this script as C. NUMBER structures of each
extended XYZ file, evenly spread, are relaxed with MODEL by the optimizers of ours, and by ASE's BFGS from the same
start: with a fixed cell, and with a free one (those that are periodic along all three vectors; others keep
their cell), where BFGS works through ASE's FrechetCellFilter. All go on until forces are below 1e-6 eV/angstrom and
stresses below 1e-5 GPa. With emt the forces that BFGS sees are those of ASE's own EMT; with any other model they are
ours, so that what is compared is where minimizers end.

Two ends are the same minimum if their energies are within 1e-6 eV per atom and, after a shift of the whole (a
turn, too, where nothing is periodic), no atom is further away than 0.01 angstrom and no component of the cell
further than 1e-4 angstrom; or if the energies are and they are congruent: the same crystal with other lattice
vectors, or equal atoms in one another's places. Every end of ours has to be a minimum, which the smallest
eigenvalue of the matrix of second derivatives tells.

From a start that is far from any minimum, which one is reached is a matter of the path, and any two
minimizers may differ. The control is ASE's BFGSLineSearch, compared with ASE's BFGS in the same way. Where these two
agree, the start is said to be settled. Where ours differ, what is known is printed: whether both ends
are minima, where the control has ended, whether BFGS stays at our end, and how far the nearest
pair is from the cutoff (emt).

The exit status is 0 if all of ours have converged to minima and at least 99 % are the same, 77 also if there is no
such file of structures.
"""
import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
try:
    import numpy as np
    from ase.calculators.calculator import Calculator, all_changes
    from ase.calculators.emt import EMT
    from ase.io import read, write
    from ase.optimize import BFGS, BFGSLineSearch
    try:
        from ase.filters import FrechetCellFilter as CellFilter
        FACTOR = "exp_cell_factor"
    except ImportError:  # before 3.23; the same minima
        from ase.constraints import UnitCellFilter as CellFilter
        FACTOR = "cell_factor"
    from scipy.linalg import expm
    from scipy.optimize import linear_sum_assignment
except ImportError as error:
    print("skipped: %s" % error)
    sys.exit(77)

GPA = 160.21766208  # per eV/angstrom^3
FMAX, SMAX = 1e-6, 1e-5  # eV/angstrom, GPa
SAME_ENERGY, SAME_PLACE, SAME_CELL = 1e-6, 0.01, 1e-4  # eV per atom, angstrom, angstrom
EMT_CUTOFF = 5.876798  # angstrom


class Forces(Calculator):
    """Energy, forces and stress from force_tool, which runs as long as this."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, folder, model):
        super().__init__()
        self.process = subprocess.Popen([os.path.join(folder, "force_tool"), model], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        words = ["%d" % len(atoms)] + ["%d" % p for p in atoms.pbc]
        words += ["%.17g" % v for v in atoms.cell[:].ravel()]
        for z, r in zip(atoms.numbers, atoms.positions):
            words.append("%d %.17g %.17g %.17g" % (z, r[0], r[1], r[2]))
        print(" ".join(words), file=self.process.stdin, flush=True)
        values = np.array(self.process.stdout.readline().split(), float)
        assert len(values) == 10 + 3 * len(atoms), "no answer of force_tool"
        self.results = {"energy": values[0], "stress": values[[1, 5, 9, 6, 3, 2]],
                        "forces": values[10:].reshape(-1, 3)}


class End:
    """Where a relaxation has ended."""

    def __init__(self, atoms, energy, converged, steps):
        self.atoms, self.energy, self.converged, self.steps = atoms, energy, converged, steps


def ours(arguments, model, structures, optimizer, criteria):
    """The ends of `structures`, in order."""
    with tempfile.TemporaryDirectory() as folder:
        start, out = os.path.join(folder, "start.extxyz"), os.path.join(folder, "out.extxyz")
        write(start, structures)
        with open(out, "w") as file:
            subprocess.run([os.path.join(arguments.folder, "relax_tool"), model, optimizer,
                            criteria, start], check=True, stdout=file)
        ends = [None] * len(structures)
        for a in read(out, ":"):
            ends[a.info["number"]] = End(a, a.info["total"], a.info["reason"] == "converged",
                                         a.info["steps"])
    return ends


def small(atoms, cell, fmax):
    """Whether forces and stress are; the filter's forces are not quite those of the atoms."""
    stress = atoms.get_stress() if cell else np.zeros(6)
    return (np.linalg.norm(atoms.get_forces(), axis=1).max() <= 2.0 * fmax and
            np.abs(stress).max() * GPA <= 3.0 * SMAX)


def theirs(job):
    """ASE's end for (minimizer, folder, model, atoms, cell, fmax)."""
    minimizer, folder, model, atoms, cell, fmax = job
    warnings.simplefilter("ignore")  # of the matrix logarithm in the filter
    atoms = atoms.copy()
    tool = None if model == "emt" else Forces(folder, model)
    atoms.calc = tool or EMT()
    # a strain is given the weight that ours give it: else other minima are found
    filtered = CellFilter(atoms, **{FACTOR: len(atoms)**0.5}) if cell else atoms
    steps, converged = 0, False
    for _ in range(3):  # BFGS can stick where its matrix has become too stiff; a new one goes on
        opt = minimizer(filtered, logfile=None, maxstep=0.2)
        try:
            opt.run(fmax=fmax, steps=300)
        except (RuntimeError, ValueError, np.linalg.LinAlgError):  # of line searches
            pass
        steps += opt.nsteps
        converged = small(atoms, cell, fmax)
        if converged:
            break
    end = End(atoms, atoms.get_potential_energy(), converged, steps)
    atoms.calc = None
    if tool:
        tool.close()
    return end


def standard(cell):
    """The cell, turned such that its first vector is along x and its second in the xy plane."""
    return np.linalg.cholesky(cell[:] @ cell[:].T)


def difference(a, b):
    """Of two ends: energy per atom, largest distance of an atom, largest of a cell's components."""
    a, b, energy = a.atoms, b.atoms, (a.energy - b.energy) / len(a.atoms)
    if not a.pbc.any():
        p, q = (x.positions - x.positions.mean(0) for x in (a, b))
        u, _, v = np.linalg.svd(p.T @ q)
        turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
        return energy, np.linalg.norm(p @ turn - q, axis=1).max(), 0.0
    h, g = standard(a.cell), standard(b.cell)
    s = np.linalg.solve(a.cell[:].T, a.positions.T).T - np.linalg.solve(b.cell[:].T,
                                                                        b.positions.T).T
    s -= s[0]
    s -= np.where(a.pbc, np.round(s), 0.0)
    s -= s.mean(0)
    return energy, np.linalg.norm(s @ g, axis=1).max(), np.abs(h - g).max()


def images(atoms, radius):
    """Vectors of all images of the cell that matter within `radius`."""
    width = 1.0 / np.maximum(np.linalg.norm(np.linalg.pinv(atoms.cell[:]), axis=0), 1e-9)
    spread = np.linalg.norm(np.ptp(atoms.positions, axis=0))
    reach = [int(np.ceil((radius + spread) / w)) if p else 0 for p, w in zip(atoms.pbc, width)]
    for image in np.ndindex(*(2 * k + 1 for k in reach)):
        yield (np.array(image) - reach) @ atoms.cell[:]


def surroundings(atoms, radius=8.0, width=0.25):
    """Of each atom, for each element, a smooth histogram of the distances to its neighbours."""
    d, centres = atoms.positions[None] - atoms.positions[:, None], np.arange(1.5, radius, width)
    elements = sorted(set(atoms.numbers))
    out = np.zeros((len(atoms), len(elements), len(centres)))
    for shift in images(atoms, radius):
        r = np.linalg.norm(d + shift, axis=2)
        for i, j in zip(*np.nonzero((r < radius) & (r > 0.1))):
            out[i, elements.index(atoms.numbers[j])] += (
                0.5 * (1.0 + np.cos(np.pi * r[i, j] / radius)) *
                np.exp(-0.5 * ((r[i, j] - centres) / width)**2))
    return out.reshape(len(atoms), -1)


def congruent(a, b, d):
    """Whether two ends are the same but for symmetry: other lattice vectors of the same crystal,
    mirror images, equal atoms that have changed places."""
    if abs(d[0]) > SAME_ENERGY:
        return False
    a, b = a.atoms, b.atoms
    cost = np.abs(surroundings(a)[:, None] - surroundings(b)[None]).max(2)
    cost[a.numbers[:, None] != b.numbers[None]] = np.inf
    row, column = linear_sum_assignment(np.minimum(cost, 1e3))
    return cost[row, column].max() < 0.02


def same(d):
    return abs(d[0]) <= SAME_ENERGY and d[1] <= SAME_PLACE and d[2] <= SAME_CELL


def alike(a, b):
    d = difference(a, b)
    return same(d) or congruent(a, b, d)


def curvature(job):
    """The smallest eigenvalue of the second derivatives, eV/angstrom^2, without shifts and turns,
    for (folder, model, end, cell); strains are measured in sqrt(atoms) angstrom."""
    folder, model, end, cell = job
    atoms, n = end.atoms.copy(), len(end.atoms)
    tool = Forces(folder, model)
    r, h, step, weight = atoms.positions.copy(), atoms.cell[:].copy(), 1e-3, np.sqrt(n)
    strains = [(i, j) for i in range(3) for j in range(i, 3)] if cell else []

    def gradient(u):
        x = np.zeros((3, 3))
        for k, (i, j) in enumerate(strains):
            x[i, j] += 0.5 * u[3 * n + k] / weight * (2.0 if i == j else np.sqrt(2.0))
            x[j, i] = x[i, j]
        f = expm(x)
        atoms.set_cell(h @ f)
        atoms.set_positions((r + u[:3 * n].reshape(-1, 3)) @ f)
        tool.calculate(atoms)
        g = [-(tool.results["forces"] @ f).ravel()]
        xx, yy, zz, yz, xz, xy = tool.results["stress"]
        stress = {(0, 0): xx, (1, 1): yy, (2, 2): zz, (1, 2): yz, (0, 2): xz, (0, 1): xy}
        for i, j in strains:
            g.append([atoms.get_volume() * stress[i, j] / weight * (1.0 if i == j else np.sqrt(2.0))])
        return np.concatenate(g)

    size = 3 * n + len(strains)
    hessian = np.zeros((size, size))
    for k in range(size):
        u = np.zeros(size)
        u[k] = step
        hessian[k] = (gradient(u) - gradient(-u)) / (2.0 * step)
    tool.close()
    free = np.zeros((6, size))
    for k in range(3):
        free[k, k:3 * n:3] = 1.0
        if not atoms.pbc.any():
            axis = np.zeros(3)
            axis[k] = 1.0
            free[3 + k, :3 * n] = np.cross(axis, r - r.mean(0)).ravel()
    u, s, _ = np.linalg.svd(free.T, full_matrices=False)
    u = u[:, s > 1e-6 * s.max()]
    rest = np.eye(size) - u @ u.T
    values, vectors = np.linalg.eigh(rest @ (0.5 * (hessian + hessian.T)) @ rest)
    inside = np.linalg.norm(u.T @ vectors, axis=0) < 0.5
    return values[inside].min() if inside.any() else np.inf


def to_cutoff(end):
    """How far the nearest pair is from EMT's cutoff, angstrom."""
    d = end.atoms.positions[None] - end.atoms.positions[:, None]
    return min(np.abs(np.linalg.norm(d + shift, axis=2) - EMT_CUTOFF).min()
               for shift in images(end.atoms, 6.5))


def cause(arguments, pool, model, cell, item):
    """Prints what is known of a structure where ours and ASE's end are not the same."""
    start, optimizers, mine, other, control = item
    after = theirs((BFGS, arguments.folder, model, mine.atoms, cell, 0.1 * FMAX))
    k = pool.map(curvature, [(arguments.folder, model, e, cell) for e in (mine, other)])
    where = ("not converged" if not control.converged else "at ours" if alike(control, mine) else
             "at ASE's" if alike(control, other) else "at a third")
    d, moved = difference(mine, other), difference(mine, after)
    text = ("    %s %s, %d atoms, pbc %s: ours - ASE's %.2e eV/atom, %.2f A, cell %.2f A; "
            "ours %s, ASE's %s, eigenvalues %.4f, %.4f eV/A^2; control %s; from ours BFGS goes "
            "%.0e eV/atom, %.0e A" %
            ("+".join(optimizers), start.info["key"], len(start),
             "".join("FT"[int(p)] for p in start.pbc), *d,
             "a minimum" if mine.converged and k[0] > 0.0 else "NOT a minimum",
             "a minimum" if other.converged and k[1] > 0.0 else "NOT a minimum", *k, where,
             *moved[:2]))
    if model == "emt":
        text += "; cutoff %.3f, %.3f A away" % (to_cutoff(mine), to_cutoff(other))
    print(text, flush=True)


def criteria(cell, fmax, smax):
    return "fmax=%g" % fmax + (",smax=%g" % smax if cell else "")


def chosen(path, number, cell):
    frames = read(path, ":")
    for k, a in enumerate(frames):
        name = a.info.get("name", "frame %d" % k)
        a.calc, a.info = None, {"key": "%s %s" % (name, a.info.get("kind", ""))}
    frames = [a for a in frames if a.pbc.all()] if cell else frames
    number = min(number, len(frames))
    return [frames[k * len(frames) // number] for k in range(number)]


class Score:
    """How ends compare with those of ASE's BFGS, and with which they agree."""

    def __init__(self, ends, reference, settled):
        self.diffs = [difference(*p) for p in zip(ends, reference)]
        self.plain = [same(d) for d in self.diffs]
        self.good = [p or congruent(*q) for p, q in zip(self.plain, zip(ends, reference,
                                                                        self.diffs))]
        self.n = sum(self.good)
        self.congruent = self.n - sum(self.plain)
        self.converged = sum(e.converged for e in ends)
        self.settled = sum(g for g, s in zip(self.good, settled) if s)
        self.worst = np.abs([d for d, p in zip(self.diffs, self.plain) if p] or
                            [[np.nan] * 3]).max(0)

    def show(self, model, cell, name, minima, n_settled, evaluations):
        print("%-8s %-5s %-7s %4d %5d %6s %5d %5d %4d/%-4d %8.1e %8.1e %8.1e %8s" %
              (os.path.basename(model.split("=")[-1])[:8], "free" if cell else "fixed", name,
               len(self.good), self.converged, minima, self.n, self.congruent, self.settled,
               n_settled, *self.worst, evaluations), flush=True)


def put(items, start, optimizer, end, *others):
    """The entry [start, optimizers, our end, ...] of a list; ends that are alike share one."""
    for item in items:
        if item[0] is start and alike(item[2], end):
            item[1].append(optimizer)
            return item
    items.append([start, [optimizer], end, *others])
    return items[-1]


def compare(arguments, pool, model, path, cell):
    """All optimizers on one set; whether goals are met."""
    starts = chosen(path, arguments.number, cell)
    reference, control = (pool.map(theirs, [(m, arguments.folder, model, a, cell, FMAX)
                                            for a in starts], 1) for m in (BFGS, BFGSLineSearch))
    score = Score(control, reference, [])
    settled = [g and e.converged and r.converged
               for g, e, r in zip(score.good, control, reference)]
    score.settled = sum(settled)
    score.show(model, cell, "control", "", sum(settled), "")
    met, cost, found, rest = True, {}, [], []
    for optimizer in arguments.optimizers.split(","):
        text = optimizer + (":cell=full" if cell else "")
        rough = ours(arguments, model, starts, text, criteria(cell, 1e-3, 1e-2))
        cost[optimizer] = sum(e.steps + 1 for e in rough) / len(rough)
        ends = ours(arguments, model, starts, text, criteria(cell, FMAX, SMAX))
        score = Score(ends, reference, settled)
        entries = [put(found, a, optimizer, e) for a, e in zip(starts, ends)]
        fresh = [item for item in entries if len(item) == 3]
        lowest = pool.map(curvature, [(arguments.folder, model, i[2], cell) for i in fresh], 1)
        for item, k in zip(fresh, lowest):
            item.append(k)
        minima = sum(item[3] > 0.0 for item in entries)
        for k, e in enumerate(ends):
            if not score.good[k]:
                put(rest, starts[k], optimizer, e, reference[k], control[k])
        score.show(model, cell, optimizer, minima, sum(settled), "%.1f" % cost[optimizer])
        reached = score.n >= 0.99 * len(ends)
        met &= reached and score.converged == minima == len(ends)
        print("    99 %% the same: %s; smallest eigenvalue %.4f eV/A^2" %
              ("met" if reached else "missed", min(item[3] for item in entries)))
    if "lbfgs" in cost and "fire2" in cost:
        print("    evaluations to 1e-3 eV/A, lbfgs / fire2: %.3f" % (cost["lbfgs"] / cost["fire2"]))
    print("    BFGS: %.1f evaluations; %d of BFGS and %d of the control not converged" %
          (np.mean([e.steps + 1 for e in reference]), sum(not e.converged for e in reference),
           sum(not e.converged for e in control)))
    for item in rest:
        cause(arguments, pool, model, cell, item)
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("number", type=int)
    parser.add_argument("sets", nargs="+", metavar="MODEL=STRUCTURES")
    parser.add_argument("--optimizers", default="lbfgs,fire2")
    parser.add_argument("--cell", choices=("fixed", "free", "both"), default="both")
    parser.add_argument("--jobs", type=int, default=2, help="processes for ASE")
    arguments = parser.parse_args()
    for text in arguments.sets:
        if not os.path.exists(text.rsplit("=", 1)[1]):
            print("skipped: no " + text.rsplit("=", 1)[1])
            return 77
    print("model    cell  with       n  conv minima  same  cong   settled  eV/atom  place A   "
          "cell A    evals", flush=True)
    met = True
    with multiprocessing.Pool(arguments.jobs) as pool:
        for text in arguments.sets:
            model, path = text.rsplit("=", 1)
            for cell in (False, True):
                if arguments.cell in ("both", "free" if cell else "fixed"):
                    met &= compare(arguments, pool, model, path, cell)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
