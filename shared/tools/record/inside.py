"""Waits inside the program until TensorFlow is imported, and hooks it then: not earlier.

A program may set environment variables before it imports TensorFlow; so it is never imported here.
"""

import sys
from collections.abc import Callable
from typing import Any


class Waiting:
    """Calls each hook once, as soon as its module is whole: `[(module, attribute, hook)]`."""

    def __init__(self, hooks: list[tuple[str, str, Callable[[Any], None]]]) -> None:
        """Begins to watch the imports of this process."""
        self._hooks = list(hooks)
        self._depth = 0
        modules: Any = sys.modules
        self._builtins = modules.get("builtins") or modules["__builtin__"]
        self._plain = self._builtins.__import__
        self._builtins.__import__ = self._import

    def _import(self, *arguments: Any, **options: Any) -> Any:
        self._depth += 1
        try:
            return self._plain(*arguments, **options)
        finally:
            self._depth -= 1
            self.check()

    def check(self) -> None:
        """Hooks what has arrived."""
        for waiting in list(self._hooks):
            name, attribute, hook = waiting
            module = sys.modules.get(name)
            if module is not None and hasattr(module, attribute) and waiting in self._hooks:
                self._hooks.remove(waiting)
                hook(module)
