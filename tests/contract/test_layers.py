"""Lower may not import higher, nobody imports a stranger; type-checking imports do not count."""

from __future__ import annotations

import ast

# From the ground up; a module belongs to the longest name that fits, and imports only lower ones.
LAYERS = (
    "posealign_core",  # the version
    "posealign_core.vocabulary",
    "posealign_core.errors",
    "posealign_core.atomic",
    "posealign_core.progress",
    "posealign_core.geometry",
    "posealign_core.structures",
    "posealign_core.specs",
    "posealign_core.registry",
    "posealign_core.hookspecs",
    "posealign_core.host",
    "posealign_core.align",
    "posealign_core.datasets",
    "posealign_core.recover",
    "posealign_core.benchmarks",
    "posealign_core.nn",
    "posealign_core.backbone",
    "posealign_core.weights",
    "posealign_core.language",
    "posealign_core.pipeline",
    "posealign_core.training",
    "posealign_core.evaluation",
    "posealign_core.judge",
    "posealign_core.config",
    "posealign_core.runs",
    "posealign_core.report",
    "posealign_core.recover.pictures",  # figures of the verbs, in the report's style
    "posealign_core.testing",
    "posealign_core.defaults",
    "posealign_core.cli",
    "posealign_core.testing.pytest_plugin",
)
# Edges between packages other than the core: a backbone built from another's parts, and
# pre-training on the embedded benchmark.
ALLOWED_EDGES = {
    ("posealign_ll3da_sonata", "posealign_ll3da"),
    ("posealign_template", "posealign_rooms"),
    ("posealign_3d_llava", "posealign_rooms"),
    ("posealign_chat_scene", "posealign_rooms"),
    ("posealign_ll3da", "posealign_rooms"),
    ("posealign_ll3da_sonata", "posealign_rooms"),
}


def _layer(module: str) -> int:
    fitting = [name for name in LAYERS if module == name or module.startswith(name + ".")]
    return LAYERS.index(max(fitting, key=len))


def _imports(node: ast.AST):
    """Names of the modules that a tree imports when it runs, function bodies included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                yield child.module, f"{child.module}.{alias.name}"
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, alias.name
        else:
            yield from _imports(child)


def test_core_imports_only_lower_layers(modules):
    names = {module.name for module in modules}
    wrong = [
        f"{module.name} imports {target}"
        for module in modules
        if module.name.startswith("posealign_core")
        for source, member in _imports(module.tree)
        for target in [member if member in names else source]
        if target.startswith("posealign_core") and _layer(target) > _layer(module.name)
    ]
    assert wrong == []


def test_every_core_module_has_a_layer(modules):
    tops = {".".join(m.name.split(".")[:2]) for m in modules if m.name.startswith("posealign_core")}
    assert tops - set(LAYERS) == set()


def test_core_imports_no_backend_or_plugin(modules):
    wrong = {
        (module.name, source)
        for module in modules
        if module.name.startswith("posealign_core")
        for source, _ in _imports(module.tree)
        if source.startswith("posealign_") and source.partition(".")[0] != "posealign_core"
    }
    assert wrong == set()


def test_backends_and_plugins_import_the_core_and_themselves(modules):
    edges = {
        (module.name.partition(".")[0], source.partition(".")[0])
        for module in modules
        for source, _ in _imports(module.tree)
        if source.startswith("posealign_")
    }
    strangers = {(a, b) for a, b in edges if b not in {a, "posealign_core"}}
    assert strangers - ALLOWED_EDGES == set()


def test_nothing_but_its_own_verbs_imports_the_test_kit(modules):
    verbs = {"posealign_core.cli.check", "posealign_core.cli.new_backbone"}
    users = {
        module.name
        for module in modules
        for source, _ in _imports(module.tree)
        if source.startswith("posealign_core.testing")
        and not module.name.startswith("posealign_core.testing")
    }
    assert users - verbs == set()
