"""Growth is a decision: files and functions that have outgrown their room are listed."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
FILE_LINES, FUNCTION_LINES = 400, 60


def body_lines(node):
    """Lines of a function without its docstring, which may be as long as it needs to be."""
    first = node.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if has_docstring else node.lineno
    return node.end_lineno - start


def test_no_file_is_longer_than_it_should_be():
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES} == {}


def test_no_function_is_longer_than_it_should_be():
    found = {
        f"{path.relative_to(SOURCE)}:{node.name}": body_lines(node)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: n for name, n in found.items() if n > FUNCTION_LINES} == {}
