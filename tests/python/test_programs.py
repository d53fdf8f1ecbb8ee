"""Programs written for neural-tangents, with its results (programs.py says how they were made)."""

import numpy as np
import pytest
from scipy.special import erf

import nngp
import programs

STORED = np.load(programs.HERE / "programs.npz")


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda program: program.__name__)
def test_results_are_those_of_neural_tangents(program):
    for name, value in program(nngp, nngp.stax, np, erf).items():
        stored = STORED[f"{program.__name__}.{name}"]
        predicted = program in programs.PREDICTIONS
        scale = np.abs(stored).max() or 1.0
        np.testing.assert_allclose(np.asarray(value), stored, rtol=0, atol=(1e-8 if predicted else 1e-10) * scale,
                                   err_msg=name)
