"""How long files and functions may be, and how many arguments a function may take.

The figures are what well-kept code bases of this kind have, measured: half of their functions have
four to nine lines, nine in ten stay under twenty.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from source_tree import PARTS, ROOT, plant, product_files

FILE_LINES = 400
FUNCTION_LINES = 50
MEDIAN_FUNCTION_LINES = 10
ARGUMENTS = 6

#: a signature that somebody else gave is allowed, with the reason on its line
GIVEN = "noqa: PLR0913 - "


@dataclass(frozen=True)
class Function:
    place: str
    lines: int
    arguments: int
    signature_given: bool


def long_files(root: Path) -> list[str]:
    tests = sorted((root / "tests").rglob("*.py"))
    lengths = {file: len(file.read_text().splitlines()) for file in [*product_files(root), *tests]}
    return [
        f"{file.relative_to(root)} has {lines} lines"
        for file, lines in lengths.items()
        if lines > FILE_LINES
    ]


def functions(root: Path) -> Iterator[Function]:
    for file in product_files(root):
        text = file.read_text()
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Function(
                    f"{file.relative_to(root)}:{node.lineno} {node.name}",
                    _lines(node),
                    _arguments(node),
                    GIVEN in lines[node.lineno - 1],
                )


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to the last line, the docstring left out: a contract may be as long as it must."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None and first.end_lineno:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = node.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def long_functions(root: Path) -> list[str]:
    return [
        f"{found.place} has {found.lines} lines"
        for found in functions(root)
        if found.lines > FUNCTION_LINES
    ]


def greedy_functions(root: Path) -> list[str]:
    return [
        f"{found.place} takes {found.arguments} arguments"
        for found in functions(root)
        if found.arguments > ARGUMENTS and not found.signature_given
    ]


def test_no_file_is_over_four_hundred_lines() -> None:
    assert long_files(ROOT) == []


def test_no_function_is_over_fifty_lines() -> None:
    assert long_functions(ROOT) == []


def test_no_function_takes_more_than_six_arguments() -> None:
    assert greedy_functions(ROOT) == []


def test_half_of_all_functions_are_under_ten_lines() -> None:
    assert median(found.lines for found in functions(ROOT)) < MEDIAN_FUNCTION_LINES


def test_a_planted_long_file_is_found(tmp_path: Path) -> None:
    plant(tmp_path, "core/long.py", "a = 1\n" * 401)
    plant(tmp_path, "core/just.py", "a = 1\n" * 400)
    assert long_files(tmp_path) == ["core/long.py has 401 lines"]


def test_a_planted_long_function_is_found_and_its_docstring_is_not_counted(tmp_path: Path) -> None:
    body = "    a = 1\n" * 50
    docstring = '    """A\n\n    contract.\n    """\n'
    plant(tmp_path, "execution/a.py", f"def long():\n{body}")
    plant(tmp_path, "execution/b.py", f"async def fits():\n{docstring}{body[:-10]}")
    assert long_functions(tmp_path) == ["execution/a.py:1 long has 51 lines"]


def test_a_planted_greedy_function_is_found_unless_its_signature_was_given(tmp_path: Path) -> None:
    plant(tmp_path, "interfaces/a.py", "def f(a, b, c, d, *, e, f, g): ...\n")
    plant(tmp_path, "interfaces/b.py", "class A:\n    def f(self, a, b, c, d, e, f): ...\n")
    plant(tmp_path, "interfaces/c.py", f"def f(a, b, c, d, e, f, g): ...  # {GIVEN}S\n")
    assert greedy_functions(tmp_path) == ["interfaces/a.py:1 f takes 7 arguments"]


def test_every_part_is_counted() -> None:
    counted = {file.relative_to(ROOT).parts[0] for file in product_files(ROOT)}
    assert counted >= {*PARTS}
