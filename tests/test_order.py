"""A room of the package imports only rooms above it; docs/architecture.md tells their order."""

import ast
import pathlib
import re

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "tf_nonlinear3dmm"
PAGE = PACKAGE.parent / "docs" / "architecture.md"
ORDER = re.findall(r"^\| `(\w+)(?:\.py|/)?` \|", PAGE.read_text(), re.M)  # its table of rooms


def room(path):
    """The stage a file belongs to: its name, or the folder's for a file in a folder."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path.name} line {node.lineno}: imports are absolute")
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "tf_nonlinear3dmm" and len(parts) > 1:
                yield parts[1]


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_above_it(path):
    here = room(path)
    assert here in ORDER, f"{here} has no place in the order"
    for other in imported_rooms(path):
        assert other in ORDER and (ORDER.index(other) <= ORDER.index(here)), (
            f"{here} imports {other}"
        )


def test_nothing_imports_the_installed_datasets_folder():
    for path in FILES:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            module = getattr(node, "module", None) or ""
            assert not module.startswith("datasets"), f"{path.name} imports {module}"
