"""Every public function says what it takes and returns, every record what its fields hold.

Public is what has no leading underscore in its own name, its class's or its module's; of special
methods, those that users call: `__init__` and `__call__`.
"""

import ast
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
CHECKED = ("tf_nonlinear3dmm", "datasets")
TESTS = ("conftest.py", "*_test.py")  # beside the builders
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources():
    for name in CHECKED:
        for path in sorted((ROOT / name).rglob("*.py")):
            private = path.stem.startswith("_") and not path.stem.startswith("__")
            if not private and not any(path.match(pattern) for pattern in TESTS):
                yield path


def is_public(name):
    return not name.startswith("_") or name in ("__init__", "__call__")


def is_record(node):
    """Whether a class is a dataclass or a `NamedTuple`."""
    declared = [*node.decorator_list, *node.bases]
    return any(kind in ast.unparse(each) for each in declared for kind in ("dataclass", "NamedTup"))


def omissions(body, of=""):
    """Lines that name what is not annotated in the body of a module, or of the class `of`."""
    for node in body:
        if isinstance(node, FUNCTIONS) and is_public(node.name):
            arguments = node.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            static = any(ast.unparse(d) == "staticmethod" for d in node.decorator_list)
            named = named[1:] if of and not static else named  # without self or cls
            every = [*named, *filter(None, (arguments.vararg, arguments.kwarg))]
            yield from (f"{of}{node.name}: {a.arg}" for a in every if a.annotation is None)
            if node.returns is None:
                yield f"{of}{node.name}: its return"
        elif isinstance(node, ast.ClassDef) and is_public(node.name):
            yield from omissions(node.body, f"{of}{node.name}.")
            if is_record(node):
                plain = [each for each in node.body if isinstance(each, ast.Assign)]
                yield from (f"{of}{node.name}: {ast.unparse(each)}" for each in plain)


def test_public_functions_and_records_are_annotated():
    assert not [
        f"{path.relative_to(ROOT)}: {omission}"
        for path in sources()
        for omission in omissions(ast.parse(path.read_text()).body)
    ]


def test_what_is_not_annotated_is_named():
    code = """
def whole(a: int, *more: int, b: str = "", **rest: str) -> None: ...
def _private(a): ...
def half(a, *more, b=0, **rest): ...
class Layer:
    def __init__(self, size): ...
    def call(self, x: int) -> int: ...
    @staticmethod
    def build(shape) -> None: ...
class Place(typing.NamedTuple):
    x: int
    y = 0
"""
    assert [*omissions(ast.parse(code).body)] == [
        *("half: a", "half: b", "half: more", "half: rest", "half: its return"),
        *("Layer.__init__: size", "Layer.__init__: its return", "Layer.build: shape"),
        "Place: y = 0",
    ]
