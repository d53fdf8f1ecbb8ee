"""Pictures of kernels and predictions; needs matplotlib."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    from matplotlib import pyplot
    return pyplot.gca()


def plot_kernel(kernel: Any, *, order: Any = None, ax: Any = None) -> Any:
    """A kernel, (n1, n2), as a heat map with a scale; returns the axes.

    order: labels of the n1 = n2 examples, (n,), by which they are sorted, so that classes are blocks.
    """
    matrix = np.asarray(kernel)
    if matrix.ndim != 2:
        raise ValueError(f"a kernel is a matrix, not of shape {matrix.shape}")
    if order is not None:
        rows = np.argsort(np.asarray(order), kind="stable")
        if matrix.shape != (len(rows), len(rows)):
            raise ValueError(f"{len(rows)} labels do not order a kernel of shape {matrix.shape}")
        matrix = matrix[np.ix_(rows, rows)]
    ax = _axes(ax)
    ax.figure.colorbar(ax.imshow(matrix, interpolation="nearest"), ax=ax)
    return ax


def plot_prediction(x: Any, prediction: Any, covariance: Optional[Any] = None, *, x_train: Any = None, y_train: Any = None,
                    output: int = 0, ax: Any = None) -> Any:
    """One output over one feature: its mean, a band of two standard deviations, the training data; returns the axes.

    x: (n,) or (n, 1). prediction: the mean, (n, outputs) or (n,), or what predict_fn(..., compute_cov=True) returns.
    covariance: (n, n), or variances, (n,); none: no band.
    """
    mean = prediction
    if hasattr(prediction, "mean") and hasattr(prediction, "covariance"):
        mean, covariance = prediction.mean, prediction.covariance
    x = np.asarray(x, dtype=float)
    if x.ndim == 2 and x.shape[1] != 1:
        raise ValueError(f"x has {x.shape[1]} features; a curve is over one")
    x, mean = x.ravel(), np.asarray(mean)
    mean = mean if mean.ndim == 1 else mean[:, output]
    if mean.shape != x.shape:
        raise ValueError(f"{len(mean)} predictions are not over {len(x)} inputs")
    ax, order = _axes(ax), np.argsort(x)
    (line,) = ax.plot(x[order], mean[order])
    if covariance is not None:
        variance = np.asarray(covariance)
        deviation = 2 * np.sqrt(np.maximum(np.diagonal(variance) if variance.ndim == 2 else variance, 0))[order]
        ax.fill_between(x[order], mean[order] - deviation, mean[order] + deviation, color=line.get_color(), alpha=0.2, linewidth=0)
    if x_train is not None:
        y_train = np.asarray(y_train)
        ax.plot(np.ravel(x_train), y_train if y_train.ndim == 1 else y_train[:, output], "k.")
    return ax
