"""Registries refuse what would surprise, and their messages say what to do."""

from __future__ import annotations

import pytest

from posealign_core.errors import (
    MissingDependencyError,
    PluginLoadError,
    RegistrationError,
    UnknownComponentError,
)
from posealign_core.registry import Registrar, resolve
from posealign_core.specs import (
    BackboneSpec,
    BackboneTags,
    DatasetSpec,
    JudgeSpec,
    Requirement,
    SelectorSpec,
)


def _selector(name: str, **changes) -> SelectorSpec:
    return SelectorSpec(**{"name": name, "summary": "s", "factory": "json:loads", **changes})


@pytest.fixture
def registrar():
    registrar = Registrar("selector", SelectorSpec)
    registrar.set_origin("first")
    registrar(_selector("clip"))
    registrar(_selector("top"))
    return registrar


def test_lists_by_name_and_remembers_who_registered(registrar):
    assert [spec.name for spec in registrar] == ["clip", "top"]
    assert len(registrar) == 2
    assert registrar.origin("top") == "first"
    assert "top" in registrar
    assert "bottom" not in registrar


def test_a_duplicate_names_both_plugins(registrar):
    registrar.set_origin("second")
    with pytest.raises(RegistrationError, match="'top' is registered by first and again by second"):
        registrar(_selector("top"))


def test_replacing_is_explicit(registrar):
    registrar.set_origin("second")
    registrar(_selector("top", summary="better"), replace=True)
    assert registrar["top"].summary == "better"
    assert registrar.origin("top") == "second"


def test_a_spec_of_another_kind_is_refused(registrar):
    with pytest.raises(RegistrationError, match="wanted a SelectorSpec, found JudgeSpec"):
        registrar(JudgeSpec(name="mock", summary="s", factory="json:loads"))


def test_nothing_is_registered_after_the_start(registrar):
    registrar.freeze()
    with pytest.raises(RegistrationError, match=r"'late'.*posealign_register_"):
        registrar(_selector("late"))


def test_an_unknown_name_lists_close_matches_and_all(registrar):
    with pytest.raises(UnknownComponentError, match=r"'tob'; did you mean 'top'\? available: clip"):
        registrar["tob"]


def test_an_unknown_name_in_an_empty_registry():
    with pytest.raises(UnknownComponentError, match="no judge named 'x'; available: none"):
        Registrar("judge", JudgeSpec)["x"]


def test_the_name_of_a_broken_plugin_shows_its_error():
    broken = ModuleNotFoundError("no module named 'vllm'")
    registrar = Registrar("judge", JudgeSpec, {"vllm": broken})
    with pytest.raises(PluginLoadError, match=r"'vllm'.*ModuleNotFoundError: no module") as caught:
        registrar["vllm"]
    assert caught.value.__cause__ is broken


def test_withdrawing_removes_all_that_one_plugin_registered(registrar):
    registrar.set_origin("second")
    registrar(_selector("random"))
    registrar.withdraw("first")
    assert [spec.name for spec in registrar] == ["random"]


@pytest.mark.parametrize("name", ["", "Top", "top one", "-top", "töp"])
def test_malformed_names_are_refused(name):
    with pytest.raises(RegistrationError, match="wanted a name of lower-case letters"):
        _selector(name)


@pytest.mark.parametrize("target", ["", "json", "json.loads", "json:", ":loads", "json:loads()"])
def test_malformed_targets_are_refused(target):
    with pytest.raises(RegistrationError, match=r"wanted factory as 'module:attr'"):
        _selector("top", factory=target)


def test_each_target_of_a_backbone_is_checked():
    with pytest.raises(RegistrationError, match="wanted trainer as 'module:attr', found 'oops'"):
        BackboneSpec(
            name="x",
            summary="s",
            encoder="a:b",
            model="a:b",
            config="a:b",
            presets="a",
            trainer="oops",
            tags=BackboneTags(modes=frozenset(), kinds=frozenset()),
        )


def test_resolve_imports_the_object():
    import json

    assert resolve(_selector("top")) is json.loads


@pytest.mark.parametrize("factory", ["no_such_module:x", "json:no_such_name"])
def test_resolve_says_which_target_cannot_be_loaded(factory):
    with pytest.raises(PluginLoadError, match=f"'top': cannot load its factory '{factory}'"):
        resolve(_selector("top", factory=factory))


def test_resolve_names_the_missing_package_and_how_to_get_it():
    needs = (Requirement(module="no_such_engine", install="pip install 'posealign[engine]'"),)
    spec = DatasetSpec(name="x", summary="s", factory="json:loads", requires=needs)
    with pytest.raises(MissingDependencyError, match=r"'no_such_engine'.*posealign\[engine\]"):
        resolve(spec)
