#!/usr/bin/env python3
"""Draws core/convergence.svg: how kernels of sampled networks approach those of infinite width.

    python3 core/convergence.py build/release/bin/nngp        # needs Debian's python3-matplotlib

Runs `nngp montecarlo` for growing widths and numbers of samples on four networks. The NNGP is that of networks with as
many outputs as hidden units, the NTK that of networks with one output.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

WIDTHS = [32, 64, 128, 256, 512]
SAMPLES = [2, 8, 32]
REPETITIONS = 12
HIDDEN = "Dense(WIDTH, 1.5, 0.1), ACTIVATION, Dense(WIDTH, 1.5, 0.1), ACTIVATION"
NETWORKS = {name: HIDDEN.replace("ACTIVATION", f"{name}()") for name in ("Relu", "Erf", "Tanh")}
NETWORKS["residual"] = ("Dense(WIDTH, 1.2, 0.1), FanOut(2), parallel(Identity(), serial(Relu(), "
                        "Dense(WIDTH, 0.8, 0.05))), FanInSum(), Relu()")


def deviation(command, folder, kernel, hidden, width, samples, seed):
    """The relative deviation of a mean kernel from that of infinite width."""
    outputs = width if kernel == "nngp" else 1
    model = f"serial({hidden.replace('WIDTH', str(width))}, Dense({outputs}))"
    report = subprocess.run(
        [command, "montecarlo", "--model", model, "--x1", f"{folder}/x.npy", "--samples", str(samples), "--seed",
         str(seed), f"--{kernel}", f"{folder}/out.npy", "--report", "-"], check=True, capture_output=True).stdout
    return json.loads(report)[kernel]["from_infinite_width"]["relative"]


def points(command, folder, kernel, hidden):
    """Root mean square deviations by width times samples."""
    for width in WIDTHS:
        for samples in SAMPLES:
            found = [deviation(command, folder, kernel, hidden, width, samples, seed) for seed in range(REPETITIONS)]
            yield width * samples, np.sqrt(np.mean(np.square(found)))


def main(command):
    plt.rcParams.update({"svg.hashsalt": "nngp", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3), sharey=True)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", np.random.RandomState(0).randn(5, 10))
        for axis, kernel in zip(axes, ("nngp", "ntk")):
            for (name, hidden), marker in zip(NETWORKS.items(), "osv^"):
                axis.loglog(*zip(*points(command, folder, kernel, hidden)), marker, ms=3.5, mfc="none", label=name)
            x = np.array([min(WIDTHS) * min(SAMPLES), max(WIDTHS) * max(SAMPLES)])
            axis.loglog(x, 2.4 / np.sqrt(x), "k-", lw=0.8, label="slope -1/2")
            axis.set(title=kernel.upper(), xlabel="width x samples")
    axes[0].set_ylabel("relative deviation")
    axes[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(pathlib.Path(__file__).with_name("convergence.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
