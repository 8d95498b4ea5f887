"""Small files, functions that fit a screen, few comments, documented public names."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def _functions(modules):
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, FUNCTION):
                yield f"{module.name}.{node.name}", node.end_lineno - node.lineno + 1


def test_files_are_small(modules):
    sizes = {module.name: module.text.count("\n") for module in modules}
    assert {name: n for name, n in sizes.items() if n > 400} == {}
    assert statistics.median(sizes.values()) <= 150


def test_functions_fit_a_screen(modules):
    sizes = list(_functions(modules))
    assert [(name, n) for name, n in sizes if n > 80] == []
    assert statistics.median(n for _, n in sizes) <= 12


def test_comments_are_few(modules):
    comments = {module.name: _n_comments(module.text) for module in modules}
    lines = {module.name: module.text.count("\n") for module in modules}
    assert sum(comments.values()) <= 0.08 * sum(lines.values())
    assert {name: n for name, n in comments.items() if n > 5 and n > 0.12 * lines[name]} == {}


def test_files_defer_annotations(modules):
    future = "from __future__ import annotations"
    assert [m.name for m in modules if m.text.strip() and future not in m.text] == []


def test_public_names_exist_and_are_documented(modules):
    undocumented = []
    for module in modules:
        public = _public_names(module.tree)
        defined = {n.name: n for n in module.tree.body if isinstance(n, (*FUNCTION, ast.ClassDef))}
        for name in public & defined.keys():
            if not ast.get_docstring(defined[name]):
                undocumented.append(f"{module.name}.{name}")
        bound = defined.keys() | _bound_names(module.tree)
        undocumented += [f"{module.name}.{name} does not exist" for name in public - bound]
    assert undocumented == []


def test_packages_say_what_they_hold(modules):
    assert [m.name for m in modules if m.text.strip() and not ast.get_docstring(m.tree)] == []


def test_no_assert_and_no_bare_except_in_package_code(modules):
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.ExceptHandler) and node.type is None)
    ]
    assert found == []


def _public_names(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def _n_comments(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def _bound_names(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top level, by assignment or import."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
    return names
