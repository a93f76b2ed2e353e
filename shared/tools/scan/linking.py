"""Links the modules of a tree: what a name is that another module of the scanned code exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from shared.tools.scan.facts import Facts, Unresolved, Use
from shared.tools.scan.suspects import suspect
from shared.tools.scan.values import Instance, Reference, Several, Value, attribute, held, method

_DEEPEST = 20  # modules that hand a name on to one another; a longer chain is a circle
Known = Callable[[str], bool]  # whether a path is a symbol of TensorFlow 1 or 2


def link(files: Mapping[str, Facts], known: Known) -> None:
    """Replaces the references in the uses of all files, and drops what is not TensorFlow's.

    Args:
        files: by the dotted name of the module.
        known: tells which names a wildcard import of TensorFlow brings.
    """
    linker = _Linker(files, known)
    for facts in files.values():
        facts.uses = [use for before in facts.uses for use in linker.use(facts, before)]


def exporting(files: Mapping[str, Facts]) -> set[str]:
    """Returns the modules that hand on a part of TensorFlow, directly or by a wildcard import."""
    found = {
        name
        for name, facts in files.items()
        if facts.wildcards or any(not isinstance(v, Reference) for v in facts.exports.values())
    }
    while True:
        more = {
            name
            for name, facts in files.items()
            if name not in found
            and any(isinstance(v, Reference) and v.module in found for v in facts.exports.values())
        }
        if not more:
            return found
        found |= more


class _Linker:
    def __init__(self, files: Mapping[str, Facts], known: Known) -> None:
        self.files = files
        self.known = known

    def use(self, facts: Facts, use: Use) -> Iterator[Use]:
        """The use with its symbol; nothing where it is not TensorFlow's."""
        if isinstance(use.value, str):
            yield use
        elif isinstance(use.value, Reference):
            found = self.resolve(facts, use.value, 0)
            if isinstance(found, Several):
                reason = "one of " + ", ".join(found.paths)
                facts.unresolved.append(Unresolved(use.place, use.written, reason, found.paths[0]))
            elif isinstance(found, str) and found != "tf":
                yield replace(use, value=found)
            elif found is None and "." in use.written:
                base, *names = use.written.split(".")
                likely = suspect(names, base, is_called=True)
                if likely is not None:
                    reason = f"the class of {base} is not plain"
                    facts.unresolved.append(Unresolved(use.place, use.written, reason, likely))

    def resolve(self, facts: Facts, reference: Reference, depth: int) -> Value:
        """What a reference stands for; None where it is unknown or not TensorFlow's."""
        if depth > _DEEPEST:
            return None
        first, _, rest = reference.name.partition(".")
        if reference.module == "*":
            return self.from_wildcards(facts, first, rest, depth)
        exporter = self.files.get(reference.module)
        value: Value = None
        if exporter is not None and first in exporter.exports:
            value = self.through(exporter, exporter.exports[first], depth)
        elif f"{reference.module}.{first}" in self.files:
            return self.resolve(facts, Reference(f"{reference.module}.{first}", rest), depth + 1)
        elif exporter is not None:
            return self.from_wildcards(exporter, first, rest, depth)
        return _followed(value, rest)

    def through(self, exporter: Facts, value: Value, depth: int) -> Value:
        return self.resolve(exporter, value, depth + 1) if isinstance(value, Reference) else value

    def from_wildcards(self, facts: Facts, first: str, rest: str, depth: int) -> Value:
        """A name that one of the wildcard imports of a module brings; the last one wins."""
        if not first or first.startswith("_"):
            return None
        for source in reversed(facts.wildcards):
            if source == "tf" or source.startswith("tf."):
                if self.known(f"{source}.{first}"):
                    return _followed(f"{source}.{first}", rest)
            else:
                found = self.resolve(facts, Reference(source, first), depth + 1)
                if found is not None:
                    return _followed(found, rest)
        return None


def _followed(value: Value, rest: str) -> Value:
    for name in filter(None, rest.split(".")):
        if isinstance(value, Instance):
            symbol = method(value, name)
            value = held(symbol) if symbol is not None else None
            if isinstance(value, str):
                return value
        else:
            value = attribute(value, name)
    return value.of if isinstance(value, Instance) and rest else value
