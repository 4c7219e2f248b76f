"""Who may import whom."""

import sys

import pytest
from source import assert_none, files, imported_modules, layer_of, layers, outline, rooms

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


def imports(module):
    return outline(files()[module]).imports


def test_every_module_has_a_layer():
    tops = sorted({module.split(".")[1] for module in MODULES if module != "tidu"})
    assert_none(
        f"tidu.{top}: add it to the table in docs/ARCHITECTURE.md"
        for top in tops
        if top not in layers()
    )


def test_what_is_imported_is_there():
    """Modules that are loaded late are tried by no other test of this folder."""
    assert_none(
        f"{module}:{item.line} imports {missing}, which is not there"
        for module in MODULES
        for item in imports(module)
        if item.target.partition(".")[0] == "tidu"
        for missing in absent(item)
    )


def absent(item):
    """What a module imports and no file has."""
    if item.target not in files():
        return [item.target]
    known = outline(files()[item.target]).names
    names = [f"{item.target}.{name}" for name in item.names if known and name not in known]
    return [name for name in names if name not in files()]


def test_no_import_upward():
    assert_none(message for module in MODULES if module != "tidu" for message in upward(module))


def upward(module):
    own = layer_of(module)
    for target, line in imported_modules(module):
        layer = layer_of(target)
        if target == "tidu":
            if not module.startswith("tidu.cli"):
                yield f"{module}:{line} imports the package itself"
        elif layer > own:
            yield f"{module}:{line} (layer {own}) imports {target} (layer {layer})"


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


def test_no_import_inside_a_function():
    assert_none(
        f"{files()[module]}:{item.line} imports {item.target}; what is loaded late, lazy.py loads"
        for module in MODULES
        if not module.startswith("tidu.cli")
        for item in imports(module)
        if item.in_function
    )


def test_one_file_imports_llvmlite():
    users = {m for m in MODULES for item in imports(m) if item.target.split(".")[0] == "llvmlite"}
    assert len(users) <= 1


def test_only_declared_packages():
    assert "torch" not in DEPENDENCIES, "tidu never imports torch"
    allowed = DEPENDENCIES | {"tidu"} | set(sys.stdlib_module_names)
    assert_none(
        f"{files()[module]}:{item.line} imports {item.target}, which pyproject.toml does not name"
        for module in MODULES
        for item in imports(module)
        if item.target.split(".")[0] not in allowed
    )


@pytest.mark.parametrize("package", ["compiler", "explain"])
def test_packages_of_a_package_import_upward_in_their_table_only(package):
    names = rooms(package)
    above = {name: set(names[: i + 1]) for i, name in enumerate(names)}
    if package == "compiler":
        above["eager"] = set(names[:2])
    inside = f"tidu.{package}."
    assert_none(
        f"{module}:{line} imports {target}"
        for module in MODULES
        if module.startswith(inside) and (room := module.split(".")[2]) in above
        for target, line in imported_modules(module)
        if target.startswith(inside) and target.split(".")[2] not in above[room]
    )
