"""Finds the uses of TensorFlow in one file, by following what its names stand for.

Statements are followed in their order, branches are merged, and the bodies of functions come after
the scope that holds them, when its names are bound. Nothing is executed.
"""

from __future__ import annotations

import ast
from dataclasses import fields, replace

from shared.tools.scan.calls import Calls
from shared.tools.scan.expressions import Expressions
from shared.tools.scan.facts import Facts
from shared.tools.scan.imports import Imports
from shared.tools.scan.modules import ModuleIndex
from shared.tools.scan.parameters import Known, Parameters
from shared.tools.scan.values import Instance, Reference, Several

_MOST_VISITS = 4  # of one file: each learns the classes of parameters that the last one needed


def analyze(tree: ast.Module, facts: Facts, modules: ModuleIndex) -> None:
    """Adds to `facts` what the file uses.

    Raises:
        RecursionError: the tree is too deep.
    """
    known: Known = {}
    for _ in range(_MOST_VISITS):
        seen = replace(
            facts, uses=[], unresolved=[], behaviours=[], exports={}, wildcards=[], imports=set()
        )
        parameters = Parameters(known)
        analysis = _Analysis(seen, modules, parameters)
        analysis.module(tree)
        analysis.handlers.clear()  # they hold the analysis, and it them
        more = parameters.plain() if seen.unresolved else known
        if more == known:
            break
        known = more
    for field in fields(seen):
        setattr(facts, field.name, getattr(seen, field.name))


class _Analysis(Imports, Calls, Expressions):
    """Knows which handler visits which kind of node."""

    def __init__(self, facts: Facts, modules: ModuleIndex, parameters: Parameters) -> None:
        super().__init__(facts, modules, parameters)
        self.handlers = {
            ast.Import: self.import_,
            ast.ImportFrom: self.import_from,
            ast.Assign: self.assign,
            ast.AnnAssign: self.annotated,
            ast.AugAssign: self.augmented,
            ast.For: self.for_,
            ast.AsyncFor: self.for_,
            ast.While: self.while_,
            ast.If: self.if_,
            ast.Try: self.try_,
            ast.With: self.with_,
            ast.AsyncWith: self.with_,
            ast.FunctionDef: self.function,
            ast.AsyncFunctionDef: self.function,
            ast.ClassDef: self.class_,
            ast.Lambda: self.lambda_,
            ast.Global: self.global_,
            ast.Name: self.name,
            ast.Attribute: self.chain,
            ast.Call: self.call,
            ast.Compare: self.compare,
            ast.IfExp: self.conditional,
            ast.BinOp: self.operation,
            ast.UnaryOp: self.operation,
            ast.NamedExpr: self.named,
            ast.Constant: self.constant,
            ast.ListComp: self.comprehension,
            ast.SetComp: self.comprehension,
            ast.GeneratorExp: self.comprehension,
            ast.DictComp: self.comprehension,
        }

    def module(self, tree: ast.Module) -> None:
        self.block(tree.body)
        self.run_later()
        for name, value in self.scopes[0].layers[0].items():
            if isinstance(value, (str, Reference, Instance, Several)):
                self.facts.exports[name] = value
