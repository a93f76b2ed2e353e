"""Import statements: which names they bind to parts of TensorFlow, or to other scanned modules."""

from __future__ import annotations

import ast

from shared.tools.scan.nodes import tensorflow_path, whole_name
from shared.tools.scan.scopes import Walker
from shared.tools.scan.values import OTHER, Reference, Value


class Imports(Walker):
    """The handlers of imports."""

    def import_(self, node: ast.Import) -> None:
        """Binds the names of `import a.b as c`."""
        for alias in node.names:
            path = tensorflow_path(alias.name)
            if path is not None:
                self.facts.mentions = True
                if path != "tf":
                    self.add_use(node, path, alias.name, "import")
                self.bind(alias.asname or "tensorflow", path if alias.asname else "tf")
                continue
            self.bind(*self.imported_module(alias))

    def imported_module(self, alias: ast.alias) -> tuple[str, Value]:
        """Returns the name that an import of no TensorFlow binds, and its module."""
        local = self.modules.find(alias.name, self.facts.module)
        first = alias.name.partition(".")[0]
        if local is None:
            return alias.asname or first, OTHER
        self.facts.imports.add(local)
        if alias.asname:
            return alias.asname, Reference(local, "")
        package = self.modules.find(first, self.facts.module)
        # Of `import a.b`, the name `a` is bound; `a.b.x` is looked up when modules are linked.
        return first, Reference(package or local.removesuffix(alias.name[len(first) :]), "")

    def import_from(self, node: ast.ImportFrom) -> None:
        """Binds the names of `from a import b`."""
        module = node.module or ""
        path = None if node.level else tensorflow_path(module)
        if module == "__future__":
            return
        for alias in node.names:
            if path is not None:
                self.facts.mentions = True
                self.from_tensorflow(node, path, alias)
            else:
                self.from_local(node, module, alias)

    def from_tensorflow(self, node: ast.ImportFrom, path: str, alias: ast.alias) -> None:
        """Binds one name imported from TensorFlow."""
        if alias.name == "*":
            self.facts.wildcards.append(path)
            if path != "tf":
                self.add_use(node, path, whole_name(path), "import")
            return
        found = tensorflow_path(f"{whole_name(path)}.{alias.name}") or path
        if found != "tf":
            self.add_use(node, found, f"{node.module}.{alias.name}", "import")
        self.bind(alias.asname or alias.name, found)

    def from_local(self, node: ast.ImportFrom, module: str, alias: ast.alias) -> None:
        """Binds one name imported from a module that may be scanned too."""
        local = self.modules.find(module, self.facts.module, node.level)
        if alias.name == "*":
            if local is not None:
                self.facts.imports.add(local)
                self.facts.wildcards.append(local)
            return
        below = f"{module}.{alias.name}" if module else alias.name
        inner = self.modules.find(below, self.facts.module, node.level)
        name = alias.asname or alias.name
        if inner is not None and (inner != local):
            self.facts.imports.add(inner)
            self.bind(name, Reference(inner, ""))
        elif local is not None:
            self.facts.imports.add(local)
            self.bind(name, Reference(local, alias.name))
        else:
            self.bind(name, OTHER)
