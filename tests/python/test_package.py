"""The package as a whole: interruption, processes, plugins, the command."""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import nngp
from nngp import stax


def test_ctrl_c_is_heard_and_leaves_the_process_sound(tmp_path):
    program = tmp_path / "long.py"
    program.write_text(textwrap.dedent("""
        import numpy as np, time
        from nngp import stax
        kernel_fn = stax.serial(*[stax.Dense(1, 1.5, 0.1), stax.Erf()] * 50, stax.Dense(1)).kernel_fn
        print("ready", flush=True)
        try:
            kernel_fn(np.random.randn(20000, 10), None, "ntk", out="k.npy")
        except KeyboardInterrupt:
            print("interrupted", time.time(), flush=True)
        print(kernel_fn(np.ones((2, 10)), None, "ntk").shape, flush=True)
    """))
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout.readline().strip() == "ready"
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert "interrupted" in out and "(2, 2)" in out


def _shape(queue):
    queue.put(stax.serial(stax.Dense(1), stax.Relu()).kernel_fn(np.ones((3, 2)), None, "nngp").shape)


def test_processes_may_be_forked_before_and_spawned():
    for method in ("spawn",):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=_shape, args=(queue,))
        process.start()
        assert queue.get(timeout=120) == (3, 3)
        process.join()


def test_several_threads_may_compute_at_once():
    kernel_fn = stax.serial(stax.Dense(1), stax.Erf(), stax.Dense(1)).kernel_fn
    x = np.random.default_rng(1).normal(size=(200, 3))
    expected, results = kernel_fn(x, None, "ntk"), [None] * 4
    threads = [threading.Thread(target=lambda i=i: results.__setitem__(i, kernel_fn(x, None, "ntk"))) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_inputs_and_outputs_are_not_copied():
    code = textwrap.dedent("""
        import resource, numpy as np
        from nngp import stax
        kernel_fn = stax.serial(stax.Dense(1), stax.Relu(), stax.Dense(1)).kernel_fn
        kernel_fn(np.ones((2, 64)), None, "nngp")
        x = np.random.default_rng(0).normal(size=(4000, 2000))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kernel_fn(x, None, "nngp")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    grown = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    # The kernel takes 125 MB, a copy of x 64 MB, one of the kernel 125.
    assert grown < (125 + 45) * 1024


def test_a_plugin_that_is_none_is_refused(tmp_path):
    file = tmp_path / "libnone.so"
    file.write_text("nothing")
    with pytest.raises(OSError, match="libnone.so"):
        nngp.plugins.load(file)
    assert "Relu" in dir(stax)


def test_the_command_comes_with_the_package():
    done = subprocess.run([sys.executable, "-m", "nngp", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and "nngp" in done.stdout
