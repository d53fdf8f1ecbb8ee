"""fn(x) = log(cosh(x)) and its derivative, compiled by numba: functions.py OBJECT writes them as an object file.

Neither touches the instance: the activation has no parameters. What they call must be functions of C's library.
"""

import math
import sys

import llvmlite.binding as llvm
from numba import cfunc

signature = "float64(voidptr, float64)"


@cfunc(signature, error_model="numpy")
def activation_fn(instance, x):
    size = abs(x)
    return size + math.log1p(math.exp(-2 * size)) - math.log(2.0)


@cfunc(signature, error_model="numpy")
def activation_d_fn(instance, x):
    return math.tanh(x)


def write_object(functions, path):
    """Compiles numba's functions under their own names, nothing else of them being visible."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    whole = None
    for name, function in functions.items():
        code = function.inspect_llvm().replace(f"@{function.native_name}(", f"@{name}(")
        module = llvm.parse_assembly(code)
        for value in [*module.functions, *module.global_variables]:
            if value.name == name:
                value.visibility = "hidden"
            elif not value.is_declaration:
                value.linkage = "internal"
        if whole is None:
            whole = module
        else:
            whole.link_in(module)
    whole.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3, reloc="pic", codemodel="small")
    with open(path, "wb") as file:
        file.write(machine.emit_object(whole))


write_object({"activation_fn": activation_fn, "activation_d_fn": activation_d_fn}, sys.argv[1])
