#!/usr/bin/env python3
"""Numbers of test_md_formulas.c: thermostat chain and barostat, written down once more from the
papers, in 40 digits. Prints them as lines of C; --check FILE: exit 1 unless they all stand there."""
import sys
from decimal import Decimal as D, getcontext

getcontext().prec = 40
FS = D("10.180505710759414")
KT = D("8.617333262145179e-5") * 300


def chain(t, dof, q, rate, eta, twice, kt):
    """One sweep over the time t (Martyna, Tuckerman, Tobias and Klein 1996, eqs. 29 to 32)."""
    n = len(rate)

    def force(k):
        return (twice - dof * kt if k == 0 else q[k - 1] * rate[k - 1] ** 2 - kt) / q[k]

    def kick(k):
        if k == n - 1:
            rate[k] += t / 2 * force(k)
        else:
            g, s = force(k), (-t / 4 * rate[k + 1]).exp()
            rate[k] = (rate[k] * s + t / 2 * g) * s

    for k in reversed(range(n)):
        kick(k)
    s = (-t * rate[0]).exp()
    twice *= s * s
    for k in range(n):
        eta[k] += t * rate[k]
    for k in range(n):
        kick(k)
    return s, twice


def show(name, values):
    return "static const double %s[] = {%s};" % (name, ", ".join("%.17g" % float(v) for v in values))


def rows():
    out = []
    h, tau, dof = 1 / FS, 100 / FS, D(6)
    q = [dof * KT * tau**2, KT * tau**2, KT * tau**2]
    rate, eta = [D("0.01"), D("-0.02"), D("0.03")], [D(0)] * 3
    s, twice = chain(h / 2, dof, q, rate, eta, D("0.2"), KT)
    out.append(show("chain_once", [s, twice] + eta + rate))
    # two substeps of five weights over half a step
    third = 1 / (4 - (D(4).ln() / 3).exp())
    rate, eta, scale, twice = [D("0.01"), D("-0.02"), D("0.03")], [D(0)] * 3, D(1), D("0.2")
    for _ in range(2):
        for w in (third, third, 1 - 4 * third, third, third):
            s, twice = chain(w * h / 4, dof, q, rate, eta, twice, KT)
            scale *= s
    out.append(show("chain_fine", [scale, twice] + eta + rate))
    c1 = (-D("0.01") * 1).exp()
    c2 = (KT * (1 - c1 * c1) / D("39.948")).sqrt()
    out.append(show("langevin_coefficients", [c1, c2]))
    # barostat of 4 atoms at rest as a whole: 9 degrees of freedom, then 12
    tau_p = 1000 / FS
    for dof in (D(9), D(12)):
        w = (dof + 3) * KT * tau_p**2 / 3
        volume, p, twice = D(1000), [D("0.01"), D("0.012"), D("0.008")], D("0.3")
        mean = sum(p) / 3
        x = D("1e-4") + h / 2 * volume / w * (mean + twice / (dof * volume) - D("0.001"))
        drag = (1 + 3 / dof) * D("1e-3") * h / 2
        e = (-drag).exp()
        v = D("0.1") * e + D("0.5") / 40 * h / 2 * (1 - e) / drag
        out.append(show("barostat_%d" % dof, [w, x, v]))
    return out


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        text = "".join(open(sys.argv[2]).read().split())
        missing = [r for r in rows() if "".join(r.split()) not in text]
        print("\n".join(missing))
        sys.exit(1 if missing else 0)
    print("\n".join(rows()))
