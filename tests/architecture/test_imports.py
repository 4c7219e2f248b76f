"""Who may import whom."""

import sys

import pytest
from source import files, imported_modules, imports, layer_of, layers, rooms

MODULES = sorted(files())
DEPENDENCIES = {
    "numpy",
    "scipy",
    "ml_dtypes",
    "rich",
    "llvmlite",
    "scipy_openblas64",
    "mpi4py",
    "tqdm",
}


def test_every_module_has_a_layer():
    tops = {module.split(".")[1] for module in MODULES if module != "tidu"}
    assert not tops - layers().keys(), "add it to the table in docs/ARCHITECTURE.md"


@pytest.mark.parametrize("module", [module for module in MODULES if module != "tidu"])
def test_no_import_upward(module):
    own = layer_of(module)
    for target, line in imported_modules(module):
        layer = layer_of(target)
        if target == "tidu":
            assert module.startswith("tidu.cli"), f"{module}:{line} imports the package itself"
        else:
            assert layer <= own, f"{module}:{line} (layer {own}) imports {target} (layer {layer})"


def test_no_cycle():
    graph = {
        module: {target for target, _ in imported_modules(module) if target != module}
        for module in MODULES
    }
    done, path = set(), []

    def walk(module):
        if module in path:
            pytest.fail("cycle: " + " -> ".join([*path[path.index(module) :], module]))
        if module not in done:
            path.append(module)
            for target in sorted(graph.get(module, ())):
                walk(target)
            path.pop()
            done.add(module)

    for module in MODULES:
        walk(module)


@pytest.mark.parametrize("module", MODULES)
def test_no_import_inside_a_function(module):
    if module.startswith("tidu.cli"):
        return
    lines = [item.line for item in imports(module) if item.in_function]
    assert not lines, f"{files()[module]}: lines {lines}; packages loaded late go through lazy.py"


def test_one_file_imports_llvmlite():
    users = {m for m in MODULES for item in imports(m) if item.target.split(".")[0] == "llvmlite"}
    assert len(users) <= 1


@pytest.mark.parametrize("module", MODULES)
def test_only_declared_packages(module):
    allowed = DEPENDENCIES | {"tidu"} | set(sys.stdlib_module_names)
    tops = {item.target.split(".")[0] for item in imports(module)}
    assert "torch" not in tops, "tidu never imports torch"
    assert not tops - allowed


def test_the_compilers_packages_import_upward_in_their_table_only():
    names = rooms()
    above = {name: set(names[: i + 1]) for i, name in enumerate(names)}
    above["eager"] = set(names[:2])
    for module in MODULES:
        parts = module.split(".")[1:]
        if parts[:1] != ["compiler"] or len(parts) < 2 or parts[1] not in above:
            continue
        for target, line in imported_modules(module):
            reached = target.split(".")[1:]
            if reached[:1] == ["compiler"] and len(reached) > 1:
                assert reached[1] in above[parts[1]], f"{module}:{line} imports {target}"
