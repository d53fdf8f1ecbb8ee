"""Solutions of 50 digits: systems.json, which tests of refinement read.

Kernels of float64 entries whose condition number is from 1e3 to 1e16: Gaussian kernels of points on a line, the
closer the points the worse. The means k (K + shift I)^-1 y are computed with mpmath's 50 digits from the float64
numbers as they are, so that they are exact for whoever solves the same system.

    python3 make.py
"""

import json
import math
import os

from mpmath import mp, matrix, mpf

mp.dps = 60
POINTS, TESTS = 24, 5


def system(width, shift):
    x = [(i + 0.3 * math.sin(5.0 * i)) / POINTS for i in range(POINTS)]
    t = [(i + 0.5) / TESTS for i in range(TESTS)]
    k = lambda a, b: 1.25 * math.exp(-((a - b) ** 2) / (2 * width**2))
    train = [[k(a, b) for b in x] for a in x]
    test = [[k(a, b) for b in x] for a in t]
    y = [[math.sin(4 * a) + 0.25 * math.cos(31 * a) for a in x], [1e-3 * math.exp(a) for a in x]]
    exact = matrix([[mpf(value) for value in row] for row in train])
    for i in range(POINTS):
        exact[i, i] += mpf(shift)
    inverse = exact**-1
    means = []
    for target in y:
        weights = inverse * matrix([mpf(value) for value in target])
        means.append([mp.nstr(sum(mpf(v) * w for v, w in zip(row, weights)), 50) for row in test])
    return {
        "condition_number": float(mp.mnorm(exact, 1) * mp.mnorm(inverse, 1)),
        "shift": shift,
        "train": train,
        "test": test,
        "y": y,
        "means": means,
    }


def main():
    systems = []
    for exponent in range(3, 17):
        # The largest eigenvalue is near the trace.
        systems.append(system(0.4, 1.25 * POINTS * 0.6 * 10.0**-exponent))
    with open(os.path.join(os.path.dirname(__file__), "systems.json"), "w") as file:
        json.dump(systems, file)
    for one in systems:
        print(f"{one['condition_number']:.1e}")


main()
