#!/usr/bin/env python3
"""Relaxations against ASE (https://wiki.fysik.dtu.dk/ase), which this script needs; exits 77 without it.

    ase_relax.py PROGRAM STRUCTURES [NUMBER]

PROGRAM is relax_tool, beside this script, STRUCTURES an extended XYZ file of elements that EMT knows. NUMBER of its
structures (default 10) are relaxed with EMT by fire, fire2 and lbfgs, with a fixed cell and with a free one,
until forces are below 1e-5 eV/angstrom and stresses below 2e-4 GPa. ASE's BFGS with its own EMT then goes on
from what came out, ten times as tight; with a free cell through its FrechetCellFilter. So each of them has to be at
a minimum, whichever it has come to: the energy may change by 1e-6 eV per atom, the cell by 1e-4 angstrom.
With a free cell only structures are taken that are periodic along all three vectors; others keep theirs.
"""
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    from ase.calculators.emt import EMT
    from ase.filters import FrechetCellFilter
    from ase.io import read, write
    from ase.optimize import BFGS
except ImportError as error:
    print("skipped: %s" % error)
    sys.exit(77)

def relax(program, folder, start, optimizer, cell):
    out = os.path.join(folder, "out.extxyz")
    text = optimizer + (":cell=full" if cell else "")
    criteria = "fmax=1e-5" + (",smax=2e-4" if cell else "")
    with open(out, "w") as file:
        subprocess.run([program, "emt", text, criteria, start], check=True, stdout=file)
    frames = read(out, ":")
    steps = sum(a.info["steps"] for a in frames) / len(frames)
    return [a for a in frames if a.info["reason"] == "converged"], steps


def tight(atoms, cell):
    atoms = atoms.copy()
    atoms.calc = EMT()
    BFGS(FrechetCellFilter(atoms) if cell else atoms, logfile=None).run(fmax=1e-6, steps=200)
    return atoms


def main():
    warnings.simplefilter("ignore")  # of the matrix logarithm in ASE's filter
    program, path = sys.argv[1:3]
    number = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    frames = read(path, ":")
    frames = frames[::max(1, len(frames) // number)][:number]
    worst_energy, worst_cell, failed = 0.0, 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        start = os.path.join(folder, "start.extxyz")
        for a in frames:
            a.info = {}
            a.calc = None
        for cell in (False, True):
            chosen = [a for a in frames if a.pbc.all()] if cell else frames
            write(start, chosen)
            for optimizer in ("fire", "fire2", "lbfgs"):
                ends, steps = relax(program, folder, start, optimizer, cell)
                failed += len(chosen) - len(ends)
                for a in ends:
                    end = tight(a, cell)
                    a.calc = EMT()
                    energy = (a.get_potential_energy() - end.get_potential_energy()) / len(a)
                    worst_energy = max(worst_energy, abs(energy))
                    worst_cell = max(worst_cell, np.abs(a.cell[:] - end.cell[:]).max())
                print("%s, cell %s: %d structures, %.1f steps" %
                      (optimizer, "free" if cell else "fixed", len(ends), steps), flush=True)
    print("largest difference: %.2e eV per atom, %.2e angstrom in the cell; %d not converged" %
          (worst_energy, worst_cell, failed))
    return 0 if worst_energy < 1e-6 and worst_cell < 1e-4 and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
