"""Progress of long computations."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Callable, Iterator, Optional, Union

#: None, True for a bar, or a function of (done, total).
ProgressLike = Union[None, bool, Callable[[int, int], Any]]


@contextlib.contextmanager
def reporter(progress: ProgressLike) -> Iterator[Optional[Callable[[int, int], Any]]]:
    """A function of (done, total) for what a user gave as `progress`: None, True or a function."""
    if progress is None or progress is False:
        yield None
        return
    if progress is not True:
        if not callable(progress):
            raise ValueError(f"progress must be True or a function of (done, total), not {progress!r}")
        yield progress
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        yield _line
        print(flush=True)
        return
    bar = tqdm(total=1, unit=" entries", unit_scale=True)

    def report(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
    try:
        yield report
        bar.update((bar.total or 0) - bar.n)
    finally:
        bar.close()


def tell_duration(duration: str) -> None:
    """Tells the logger `nngp` that a computation without a progress bar takes that long."""
    logging.getLogger("nngp").warning("this takes about %s", duration)


def _line(done: int, total: int) -> None:
    print(f"\r{100 * done / max(total, 1):.0f} %", end="", flush=True)
