"""The host finds plugins, isolates broken ones, and says what happened."""

from __future__ import annotations

import sys

import pytest

from posealign_core.errors import PluginLoadError, RegistrationError, UnknownComponentError
from posealign_core.hookspecs import hookimpl
from posealign_core.host import build_host
from posealign_core.specs import SelectorSpec

GOOD = """
from posealign_core.hookspecs import hookimpl
from posealign_core.specs import SelectorSpec

@hookimpl
def posealign_register_selectors(register):
    register(SelectorSpec(name="{name}", summary="s", factory="json:loads"))
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution with one module as a plugin; undone after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)

    def install(name: str, code: str) -> None:
        module = f"stranger_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[posealign]\n{name} = {module}\n")

    yield install
    for name in [name for name in sys.modules if name.startswith("stranger_")]:
        if name not in modules:
            del sys.modules[name]


@pytest.fixture
def info():
    """The entry of one plugin in a host's listing."""
    return lambda host, name: next(i for i in host.plugins() if i.name == name)


def _plugin(**hooks):
    """An object with the given functions as hook implementations."""
    made = {name: hookimpl(function) for name, function in hooks.items()}
    return type("Stranger", (), {name: staticmethod(f) for name, f in made.items()})()


def _selector(name: str) -> SelectorSpec:
    return SelectorSpec(name=name, summary="s", factory="json:loads")


def test_the_core_alone(info):
    host = build_host(entry_points=False)
    assert host.failures == {}
    assert "posealign_register_commands" in info(host, "posealign_core").hooks
    assert {"list", "plugins"} <= {spec.name for spec in host.commands}
    assert host.commands.origin("list") == "posealign_core"


def test_hosts_share_nothing():
    one = build_host(plugins=[_plugin(posealign_register_selectors=_register_nearest)])
    other = build_host()
    assert "nearest" in one.selectors
    assert "nearest" not in other.selectors


def _register_nearest(register):
    register(_selector("nearest"))


def test_an_installed_plugin_is_found(install, info):
    install("good", GOOD.format(name="nearest"))
    host = build_host()
    assert host.selectors.origin("nearest") == "good"
    found = info(host, "good")
    assert (found.distribution, found.version, found.error) == ("stranger_good", "1.2", "")
    assert found.hooks == ("posealign_register_selectors",)


def test_a_plugin_that_cannot_be_imported_harms_nobody(install, info):
    install("broken", "import no_such_package")
    install("good", GOOD.format(name="nearest"))
    host = build_host()
    assert "nearest" in host.selectors
    assert isinstance(host.failures["broken"], ModuleNotFoundError)
    assert "no_such_package" in info(host, "broken").error


@pytest.mark.parametrize("error", ["RuntimeError('no device')", "SyntaxError('x')", "KeyError(1)"])
def test_any_error_at_import_is_isolated(install, error):
    install("broken", f"raise {error}")
    assert list(build_host().failures) == ["broken"]


def test_using_a_broken_plugin_shows_its_error(install):
    install("broken", "import no_such_package")
    with pytest.raises(PluginLoadError, match=r"judge 'broken'.*no_such_package") as caught:
        build_host().judges["broken"]
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_strict_raises_the_failure(install):
    install("broken", "import no_such_package")
    with pytest.raises(PluginLoadError, match=r"plugin 'broken' could not be loaded"):
        build_host(strict=True)


def test_a_misspelt_hook_is_an_error(install):
    install("typo", GOOD.format(name="nearest").replace("register_selectors", "register_selector"))
    host = build_host()
    assert "posealign_register_selector" in str(host.failures["typo"])
    assert "nearest" not in host.selectors


def test_a_misspelt_hook_harms_no_later_plugin(install):
    install("a-typo", GOOD.format(name="first").replace("register_selectors", "register_selektors"))
    install("good", GOOD.format(name="nearest"))
    host = build_host()
    assert list(host.failures) == ["a-typo"]
    assert "nearest" in host.selectors


def test_a_hook_with_a_wrong_argument_is_an_error(install):
    install("wrong", GOOD.format(name="nearest").replace("(register)", "(registry)"))
    host = build_host()
    assert "registry" in str(host.failures["wrong"])


def test_a_half_registered_plugin_is_rolled_back():
    def register_selectors(register):
        register(_selector("nearest"))
        raise RuntimeError("tripped")

    asked = []

    def transform(sample):
        asked.append(sample)

    plugin = _plugin(posealign_register_selectors=register_selectors, posealign_transform=transform)
    host = build_host(plugins=[plugin], entry_points=False)
    assert "nearest" not in host.selectors
    assert str(host.failures["Stranger"]) == "tripped"
    with pytest.raises(AttributeError):  # the core's own answer chokes on this sample
        host.transform(backbone="x", sample=None, pose=None)
    assert asked == []


def test_two_plugins_with_one_name_keep_the_first(install):
    install("a-first", GOOD.format(name="nearest"))
    install("b-second", GOOD.format(name="nearest"))
    host = build_host()
    assert len(host.failures) == 1
    loser, error = next(iter(host.failures.items()))
    winner = {"a-first": "b-second", "b-second": "a-first"}[loser]
    assert host.selectors.origin("nearest") == winner
    assert isinstance(error, RegistrationError)
    assert winner in str(error)
    assert loser in str(error)


def test_a_backbone_for_another_api_is_refused(install):
    install(
        "old",
        """
from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BackboneSpec, BackboneTags

@hookimpl
def posealign_register_backbones(register):
    register(BackboneSpec(name="old", summary="s", encoder="a:b", model="a:b", config="a:b",
        presets="a", tags=BackboneTags(modes=frozenset(), kinds=frozenset()), api_version=0))
""",
    )
    host = build_host()
    assert "old" not in host.backbones
    assert "plugin API 0, this is 1" in str(host.failures["old"])


def test_only_the_named_plugins(install, monkeypatch):
    install("good", GOOD.format(name="nearest"))
    install("other", GOOD.format(name="farthest"))
    monkeypatch.setenv("POSEALIGN_PLUGINS", "good, rooms")
    host = build_host()
    assert "nearest" in host.selectors
    assert "farthest" not in host.selectors
    assert {i.name for i in host.plugins()} <= {"posealign_core", "good", "rooms"}


def test_no_plugins_at_all(install, monkeypatch):
    install("good", GOOD.format(name="nearest"))
    monkeypatch.setenv("POSEALIGN_PLUGINS", "")
    assert [i.name for i in build_host().plugins()] == ["posealign_core"]


def test_all_but_the_named_plugins(install, monkeypatch):
    install("good", GOOD.format(name="nearest"))
    install("other", GOOD.format(name="farthest"))
    monkeypatch.setenv("POSEALIGN_DISABLE_PLUGINS", "good")
    host = build_host()
    assert "nearest" not in host.selectors
    assert "farthest" in host.selectors


def test_a_disabled_plugin_is_not_even_imported(install, monkeypatch):
    install("broken", "import no_such_package")
    monkeypatch.setenv("POSEALIGN_DISABLE_PLUGINS", "broken")
    assert build_host().failures == {}


def test_registries_are_closed_once_the_host_stands():
    host = build_host(entry_points=False)
    with pytest.raises(RegistrationError, match="after the host has started"):
        host.selectors(_selector("late"))


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(UnknownComponentError, match="did you mean 'plugins'"):
        build_host(entry_points=False).commands["plugin"]


def test_failures_are_shown_by_the_command_line(install, run_cli):
    install("broken", "import no_such_package")
    shown = run_cli("plugins", "--failed")
    assert shown.code == 0
    assert "broken  (stranger_broken 1.2)" in shown.out
    assert "FAILED: ModuleNotFoundError: No module named 'no_such_package'" in shown.out
    assert "posealign_core" not in shown.out
