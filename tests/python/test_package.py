"""The package as a whole: interruption, processes, plugins, the command."""

import multiprocessing
import os
import pathlib
import shutil
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


ROOT = pathlib.Path(__file__).resolve().parents[2]
NET = stax.serial(stax.Dense(1, 1.5, 0.1), stax.Relu(), stax.Dense(1))
X = np.random.default_rng(0).normal(size=(300, 3))


@pytest.mark.parametrize("compute", [
    'kernel_fn(np.random.randn(20000, 10), None, "ntk", out="k.npy")',
    'kernel_fn.operator(np.random.randn(30000, 10)) @ np.ones(30000)',
    'predict.gradient_descent_mse_ensemble(kernel_fn, np.random.randn(2500, 3), np.random.randn(2500), diag_reg=1)(t=1.0)',
    'images.kernel_fn(np.random.randn(500, 32, 32, 3))',
])
def test_ctrl_c_is_heard_and_leaves_the_process_sound(tmp_path, compute):
    program = tmp_path / "long.py"
    program.write_text(textwrap.dedent("""
        import numpy as np, signal, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # is ignored if these tests run in the background
        from nngp import predict, stax
        kernel_fn = stax.serial(*[stax.Dense(1, 1.5, 0.1), stax.Erf()] * 50, stax.Dense(1)).kernel_fn
        images = stax.serial(*[stax.Conv(64, (3, 3), padding="SAME"), stax.Relu()] * 4, stax.GlobalAvgPool(), stax.Dense(1))
        print("ready", flush=True)
        try:
            COMPUTE
        except KeyboardInterrupt:
            print("interrupted", time.time(), flush=True)
        print(kernel_fn(np.ones((2, 10)), None, "ntk").shape, flush=True)
    """).replace("COMPUTE", compute))
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout.readline().strip() == "ready"
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=300)  # the end waits for what goes on inside OpenBLAS
    assert "interrupted" in out and "(2, 2)" in out


@pytest.mark.parametrize("compute", [
    "large(np.ones((8000, 3)), None, 'ntk')",
    "large(np.ones((2000, 3)), None, 'ntk', progress=lambda done, total: None)",
    "small(np.ones((9, 3)), None, 'ntk')",
    "called(np.random.randn(3000, 3), None, 'nngp')",
    "called(np.random.randn(20, 3), None, 'nngp')",
    "predict.gradient_descent_mse_ensemble(small, np.random.randn(1500, 3), np.ones(1500), diag_reg=1)(x_test=np.ones((1, 3)))",
])
def test_threads_that_the_program_leaves_behind_end_quietly(compute):
    code = textwrap.dedent("""
        import atexit, threading, time, warnings, numpy as np
        atexit.register(lambda: print(small(np.ones((2, 3))).ntk.shape, flush=True))  # is called after what nngp registers
        from nngp import predict, stax
        warnings.simplefilter("ignore")

        def nngp_fn(cov12, var1, var2):
            small(np.ones((9, 3)), progress=lambda done, total: None)  # a computation within another
            return cov12.copy()

        small = stax.serial(stax.Dense(1, 1.5, 0.1), stax.Erf(), stax.Dense(1)).kernel_fn
        large = stax.serial(*[stax.Dense(1, 1.5, 0.1), stax.Erf()] * 50, stax.Dense(1)).kernel_fn
        called = stax.serial(stax.Dense(1), stax.Elementwise(np.spacing, nngp_fn), stax.Dense(1)).kernel_fn

        def repeat():
            while True:
                COMPUTE

        for _ in range(3):
            threading.Thread(target=repeat, daemon=True).start()
        time.sleep(0.5)
    """).replace("COMPUTE", compute)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(2, 2)\n", "")


def test_a_forked_process_does_not_wait_for_threads_of_its_parent():
    code = textwrap.dedent("""
        import os, sys, threading, time, numpy as np
        from nngp import stax
        kernel_fn = stax.serial(*[stax.Dense(1, 1.5, 0.1), stax.Erf()] * 50, stax.Dense(1)).kernel_fn
        threading.Thread(target=kernel_fn, args=(np.ones((8000, 3)),), daemon=True).start()
        time.sleep(0.5)
        if os.fork() == 0:
            sys.exit(7)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


def _sum(queue):
    queue.put(float(NET.kernel_fn(X, None, "ntk").sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks in processes with threads
def test_processes_may_be_forked_and_spawned(method):
    expected = NET.kernel_fn(X, None, "ntk").sum()  # the threads that computed it are not there in a forked process
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    processes = [context.Process(target=_sum, args=(queue,)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [queue.get(timeout=120) for _ in processes] == [expected] * 4
    for process in processes:
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
    (tmp_path / "empty").mkdir()
    with pytest.raises(OSError, match="no plugin is there"):
        nngp.plugins.load(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        nngp.plugins.check(tmp_path / "nothing.so")
    assert "Relu" in dir(stax)


def test_the_command_comes_with_the_package():
    done = subprocess.run([sys.executable, "-m", "nngp", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and "nngp" in done.stdout


def _run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_package_ships_a_plugin(tmp_path):
    pytest.importorskip("scikit_build_core")
    source, installed, sdk = tmp_path / "source", tmp_path / "installed", tmp_path / "sdk"
    shutil.copytree(ROOT / "tests/python/plugin_package", source)
    shutil.copy(ROOT / "sdk/examples/quadratic/quadratic.c", source)
    _run("cmake", "-S", ROOT, "-B", tmp_path / "build", "-DNNGP_SDK_ONLY=ON")
    _run("cmake", "--install", tmp_path / "build", "--component", "sdk", "--prefix", sdk)
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--target", installed, source,
         env={**os.environ, "CMAKE_PREFIX_PATH": str(sdk)})
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    printed = _run(sys.executable, "-c", "from nngp import stax; print(stax.Quadratic(2), 'Quadratic' in dir(stax))",
                   env={**os.environ, "PYTHONPATH": path})
    assert printed == "Quadratic(shift=2.0) True\n"
    assert "Quadratic" in _run(sys.executable, "-m", "nngp", "plugins", "list", env={**os.environ, "PYTHONPATH": path})
    assert "Quadratic" in nngp.plugins.check(installed / "nngp_quadratic" / "libquadratic.so")


def test_typed_programs_run():
    _run(sys.executable, ROOT / "tests/python/typed_program.py")


def test_pictures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from nngp import plot, predict
    axes = plot.plot_kernel(NET.kernel_fn(X[:9], None, "nngp"), order=np.arange(9) % 3)
    assert axes.images[0].get_array().shape == (9, 9)
    axes.figure.clear()
    x = X[:, :1]
    predicted = predict.gradient_descent_mse_ensemble(NET.kernel_fn, x, x, diag_reg=1e-2)(x_test=x[:20], get="nngp", compute_cov=True)
    axes = plot.plot_prediction(x[:20], predicted, x_train=x, y_train=x)
    assert len(axes.lines) == 2 and len(axes.collections) == 1
    with pytest.raises(ValueError, match="20 inputs"):
        plot.plot_prediction(x[:20], predicted.mean[:3])
