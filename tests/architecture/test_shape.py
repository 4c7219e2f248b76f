"""How large files and functions are, what `__init__` files hold, and which files documents name."""

import re
from statistics import median

from source import PACKAGE, ROOT, assert_none, files, outline, text

PYTHON = sorted(
    path
    for folder in ("src", "tests", "examples", "benchmarks", "tools", "docs")
    for path in (ROOT / folder).rglob("*.py")
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name(path):
    return str(path.relative_to(ROOT))


def test_file_length():
    lengths = {path: len(text(path).splitlines()) for path in PYTHON}
    assert_none(f"{name(path)}: {n} lines" for path, n in lengths.items() if n > 600)


def test_function_length():
    assert_none(
        f"{name(path)}:{f.line} {f.name}: {f.length} lines"
        for path in PYTHON
        for f in outline(path).functions
        if f.length > 60
    )


def test_functions_are_short():
    assert median(f.length for path in files().values() for f in outline(path).functions) <= 8


def test_module_docstring():
    """A module starts by saying what it is, in eight lines at most."""
    lengths = {path: len(outline(path).docstring.splitlines()) for path in files().values()}
    assert_none(
        f"{name(path)}: a docstring of {n} lines" for path, n in lengths.items() if not 0 < n <= 8
    )


def test_init_only_lists_names():
    """Code belongs into a module of its own, and what is exported is named."""
    assert_none(
        f"{name(path)}:{line}"
        for path in PACKAGE.rglob("__init__.py")
        for line in (*outline(path).code, *outline(path).stars)
    )


def test_documents_name_no_missing_file():
    assert_none(f"{name(path)}: {file}" for path in DOCUMENTS for file in missing_files(path))


def missing_files(path):
    """What a document links to or quotes as a file, and is not there."""
    prose = re.sub(r"```.*?```", "", text(path), flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", prose)]
    links = [link for link in links if link and not re.match(r"\w+:", link)]
    missing = [link for link in links if not (path.parent / link).exists()]
    quoted = re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|sh|toml|txt))`", prose)
    places = (path.parent, ROOT, PACKAGE, PACKAGE.parent, PACKAGE / "compiler")
    return missing + [
        file for file in quoted if not any((place / file).exists() for place in places)
    ]
