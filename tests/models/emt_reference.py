#!/usr/bin/env python3
"""Energies, forces and stresses of ASE's calculator EMT, for test_emt_ase.

    emt_reference.py STRUCTURES OUTPUT STRIDE

Takes frames 0, STRIDE, 2 STRIDE, ... of an extxyz file and writes, for each of them, one line
"FRAME N_ATOMS PERIODIC ENERGY" (eV), one line of nine stress components (row-major,
eV/angstrom^3, tensile positive; zeros unless the system is periodic along all three vectors), and
one line of three force components per atom (eV/angstrom). Numbers have 17 significant digits, so
they read back to the same bits.
"""
import sys

from ase.calculators.emt import EMT
from ase.io import iread


def line(values):
    return " ".join("%.17g" % v for v in values) + "\n"


def main(structures, output, stride):
    with open(output, "w") as out:
        for frame, atoms in enumerate(iread(structures, ":")):
            if frame % stride:
                continue
            atoms.calc = EMT()
            periodic = all(atoms.pbc)
            energy = atoms.get_potential_energy()
            stress = atoms.get_stress(voigt=False).ravel() if periodic else [0.0] * 9
            out.write("%d %d %d %.17g\n" % (frame, len(atoms), periodic, energy))
            out.write(line(stress))
            for force in atoms.get_forces():
                out.write(line(force))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
