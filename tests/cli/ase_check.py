"""Reads the outputs of relax, md and static with ASE and compares them with ASE's EMT and with results.csv.

usage: ase_check.py EXAMPLES RELAX_DIR MD_DIR STATIC_DIR
"""
import csv
import glob
import sys

import numpy as np
from ase.calculators.emt import EMT
from ase.io import read
from ase.units import GPa, kB

TOLERANCE = 1e-8  # eV, eV/angstrom; ASE's own units are of CODATA 2014, which only touches velocities
faults = 0


def check(what, good):
    global faults
    if not good:
        faults += 1
        print("FAILED:", what)


def load(folder):
    frames = read(folder + "/final.extxyz", ":")
    with open(folder + "/results.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    check(f"{folder}: as many rows as frames", len(frames) == len(rows))
    return frames, rows


def compare(folder, frames, rows):
    for atoms, row in zip(frames, rows):
        name = f"{folder} {row['name']}"
        check(f"{name}: name", atoms.info["name"] == row["name"])
        check(f"{name}: atoms", len(atoms) == int(row["n_atoms"]))
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        check(f"{name}: energy", energy == float(row["energy"]))
        fmax = np.sqrt((forces**2).sum(axis=1).max())
        check(f"{name}: fmax", abs(fmax - float(row["fmax"])) < 1e-12)
        check(f"{name}: fmax key", atoms.info["fmax"] == float(row["fmax"]))
        check(f"{name}: steps", atoms.info["steps"] == int(row["steps"]))
        again = atoms.copy()
        again.calc = EMT()
        check(f"{name}: energy of ASE", abs(again.get_potential_energy() - energy) < TOLERANCE)
        check(f"{name}: forces of ASE", np.abs(again.get_forces() - forces).max() < TOLERANCE)
        if all(atoms.pbc):
            stress = atoms.get_stress(voigt=False)
            check(f"{name}: stress of ASE",
                  np.abs(again.get_stress(voigt=False) - stress).max() < TOLERANCE)
            largest = np.abs(stress).max() / GPa
            check(f"{name}: max_stress", abs(largest - float(row["max_stress"])) < 1e-6)
        else:
            check(f"{name}: no max_stress", row["max_stress"] == "")


def main(examples, relax, md, static):
    initial = [a for f in sorted(glob.glob(examples + "/*.extxyz")) for a in read(f, ":")]
    for folder in (relax, md, static):
        frames, rows = load(folder)
        check(f"{folder}: number of structures", len(frames) == len(initial) == 16)
        compare(folder, frames, rows)
    for before, after in zip(initial, load(static)[0]):
        check("static moves nothing", np.array_equal(before.positions, after.positions))
        check("static keeps the cell", np.array_equal(before.cell[:], after.cell[:]))
    for before, after in zip(initial, load(relax)[0]):
        check("relax converges", np.sqrt((after.get_forces()**2).sum(axis=1).max()) <= 0.02)
        before.calc = EMT()
        check("relax goes downhill",
              after.get_potential_energy() <= before.get_potential_energy() + 1e-12)

    # Constant energy, momentum at rest, and the temperature that was asked for, with equipartition
    # among 3 N - 3 degrees of freedom at the start.
    by_uid = {}
    for atoms in read(md + "/traj.extxyz", ":"):
        by_uid.setdefault(atoms.info["uid"], []).append(atoms)
    check("md: trajectories", len(by_uid) == 16)
    for frames in by_uid.values():
        name = frames[0].info["name"]
        check(f"{name}: steps", [a.info["step"] for a in frames] == list(range(0, 101, 10)))
        n = len(frames[0])
        if n == 1:
            continue
        temperature = 2.0 * frames[0].get_kinetic_energy() / ((3 * n - 3) * kB)
        check(f"{name}: temperature {temperature}", abs(temperature - 300.0) < 0.01)
        check(f"{name}: momentum", np.abs(frames[0].get_momenta().sum(axis=0)).max() < 1e-9)
        total = [a.get_potential_energy() + a.get_kinetic_energy() for a in frames]
        check(f"{name}: energy is constant to {np.ptp(total) / n} eV/atom", np.ptp(total) / n < 2e-3)
    print(f"{faults} faults")
    return faults != 0


sys.exit(main(*sys.argv[1:]))
