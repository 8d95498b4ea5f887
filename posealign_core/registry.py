"""Where registered specs live, and how a spec becomes the object that it names."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from posealign_core.errors import (
    MissingDependencyError,
    PluginLoadError,
    RegistrationError,
    UnknownComponentError,
)
from posealign_core.specs import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Registrar", "resolve"]

S = TypeVar("S", bound=Spec)


class Registrar(Generic[S]):
    """The components of one kind, by name. Plugins call it; afterwards it is frozen.

    Args:
        kind: Word for messages: `"backbone"`.
        spec_type: The spec class that it takes.
        failures: Plugins that could not be loaded, by name; shown when a name is missing.
    """

    def __init__(
        self, kind: str, spec_type: type[S], failures: Mapping[str, BaseException] | None = None
    ) -> None:
        self.kind = kind
        self._spec_type = spec_type
        self._failures = {} if failures is None else failures
        self._specs: dict[str, S] = {}
        self._origins: dict[str, str] = {}
        self._origin = "?"
        self._frozen = False

    def __call__(self, spec: S, *, replace: bool = False) -> None:
        """Register a spec.

        Raises:
            RegistrationError: The spec is of another type, the name is taken and `replace` is
                false, or the host has already started.
        """
        if not isinstance(spec, self._spec_type):
            raise RegistrationError(
                f"{self.kind}: wanted a {self._spec_type.__name__}, found {spec!r} "
                f"from {self._origin}"
            )
        if self._frozen:
            raise RegistrationError(
                f"{self.kind} {spec.name!r}: registered after the host has started; "
                "register from a posealign_register_* hook"
            )
        if spec.name in self._specs and not replace:
            raise RegistrationError(
                f"{self.kind} {spec.name!r} is registered by {self._origins[spec.name]} and again "
                f"by {self._origin}; rename one, or pass replace=True"
            )
        self._specs[spec.name] = spec
        self._origins[spec.name] = self._origin

    def __getitem__(self, name: str) -> S:
        """The spec of that name.

        Raises:
            PluginLoadError: A plugin of that name exists but could not be imported.
            UnknownComponentError: There is no such component; close matches are named.
        """
        if name in self._specs:
            return self._specs[name]
        if name in self._failures:
            cause = self._failures[name]
            raise PluginLoadError(
                f"{self.kind} {name!r}: its plugin could not be loaded: "
                f"{type(cause).__name__}: {cause}"
            ) from cause
        close = difflib.get_close_matches(name, self._specs, n=3)
        hint = f"did you mean {', '.join(map(repr, close))}? " if close else ""
        known = ", ".join(sorted(self._specs)) or "none"
        raise UnknownComponentError(f"no {self.kind} named {name!r}; {hint}available: {known}")

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def __iter__(self) -> Iterator[S]:
        return iter(sorted(self._specs.values(), key=lambda spec: spec.name))

    def __len__(self) -> int:
        return len(self._specs)

    def origin(self, name: str) -> str:
        """Name of the plugin that registered a component."""
        return self._origins[name]

    def set_origin(self, origin: str) -> None:
        """Say who registers next, for messages and listings."""
        self._origin = origin

    def withdraw(self, origin: str) -> None:
        """Forget all that a plugin registered; used when the plugin fails half-way."""
        for name in [name for name, who in self._origins.items() if who == origin]:
            del self._specs[name], self._origins[name]

    def freeze(self) -> None:
        """Refuse further registrations."""
        self._frozen = True


def resolve(spec: Spec, attribute: str = "factory") -> Callable[..., Any]:
    """Import the object that a spec names.

    Args:
        spec: The spec.
        attribute: Which of its targets.

    Raises:
        MissingDependencyError: A required package is absent; the message says how to install it.
        PluginLoadError: The module or the attribute does not exist.
    """
    for requirement in spec.requires:
        if importlib.util.find_spec(requirement.module) is None:
            raise MissingDependencyError(
                f"{spec.name!r} needs the package {requirement.module!r}, which is not installed; "
                f"run: {requirement.install}"
            )
    target = spec.targets()[attribute]
    module_name, _, name = target.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise PluginLoadError(
            f"{spec.name!r}: cannot load its {attribute} {target!r}: {error}"
        ) from error
    return found
