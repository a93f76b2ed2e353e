"""Joins the recorder into one file that runs on Python 2.7 as on 3.13.

The modules stay the only source: annotations, f-strings, `raise … from …` and keyword-only
arguments, which Python 2.7 lacks, are lowered in the syntax tree.
"""

from __future__ import annotations

import ast
import typing
from pathlib import Path

_SHARED = Path(__file__).resolve().parents[2]
MODULES = [
    _SHARED / "trace_recorder.py",
    _SHARED / "tools" / "record" / "laws.py",
    _SHARED / "tools" / "record" / "noise.py",
    _SHARED / "tools" / "record" / "session.py",
    _SHARED / "tools" / "record" / "inside.py",
    _SHARED / "tools" / "record" / "graphs.py",
    _SHARED / "tools" / "record" / "eager.py",
    _SHARED / "tools" / "record" / "command.py",
]
_FUTURE = "from __future__ import absolute_import, division, print_function\n"
# What the trace writer uses and Python 2.7 does not have.
_PRELUDE = '''
try:
    from collections.abc import Mapping
except ImportError:
    from collections import Mapping
import sys as _sys
if _sys.version_info < (3,):
    import thread as _thread
    _sys.modules["_thread"] = _thread
if _sys.version_info < (3, 6):
    import contextlib as _contextlib, functools as _functools
    import os as _os, tempfile as _tempfile, zipfile as _zipfile
    _zipfile.BadZipFile = _zipfile.BadZipfile
    if not hasattr(_os, "fspath"):
        _os.fspath = str
    if not hasattr(_os, "replace"):
        _os.replace = _os.rename
    if not hasattr(_functools, "lru_cache"):
        _functools.lru_cache = lambda maxsize=None: lambda function: function
    if not hasattr(_contextlib, "suppress"):
        @_contextlib.contextmanager
        def _suppress(*kinds):
            try:
                yield
            except kinds:
                pass
        _contextlib.suppress = _suppress

    class _Zip(_zipfile.ZipFile):
        """A `ZipFile` whose members can be written piece by piece."""

        def open(self, name, mode="r", *arguments, **options):
            if mode != "w":
                return _zipfile.ZipFile.open(self, name, mode, *arguments)
            return _member(self, name)

    @_contextlib.contextmanager
    def _member(archive, name):
        with _tempfile.NamedTemporaryFile() as held:
            yield held
            held.flush()
            info = _zipfile.ZipInfo(name)
            with open(held.name, "rb") as content:
                archive.writestr(info, content.read())

    _zipfile.ZipFile = _Zip
'''


def source() -> str:
    """Returns the text of the one file."""
    parts = [_lowered(path.read_text(encoding="utf-8")) for path in MODULES]
    parts.append('if __name__ == "__main__":\n    main()')
    head = '"""Records a TensorFlow program: python record_tf1.py OUT.npz train.py [ARGS...]"""\n'
    return "# -*- coding: utf-8 -*-\n" + head + _FUTURE + _PRELUDE + "\n\n".join(parts) + "\n"


def _lowered(text: str) -> str:
    tree = ast.fix_missing_locations(_Lowering().visit(ast.parse(text)))
    return ast.unparse(tree)


class _Lowering(ast.NodeTransformer):
    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        module = node.module or ""
        gone = ("typing", "__future__", "collections.abc")  # for annotations, or in the prelude
        return None if module in gone or module.startswith("shared") else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        arguments = node.args
        for argument in [*arguments.args, *arguments.kwonlyargs]:
            argument.annotation = None
        for star in (arguments.vararg, arguments.kwarg):
            if star is not None:
                star.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases):
            fields = [
                n.target.id
                for n in node.body
                if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
            ]
            made = f"{node.name} = __import__('collections').namedtuple({node.name!r}, {fields!r})"
            return ast.parse(made).body[0]
        self.generic_visit(node)
        if not node.bases:
            node.bases = [ast.Name("object", ast.Load())]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return ast.Assign([node.target], node.value) if node.value is not None else None

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        value = node.value.value if isinstance(node.value, ast.Subscript) else None
        if isinstance(value, ast.Name) and hasattr(typing, value.id):
            return None  # an alias of a type
        self.generic_visit(node)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        self.generic_visit(node)
        node.cause = None
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        text = ""
        values: list[ast.expr] = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value).replace("{", "{{").replace("}", "}}")
            elif isinstance(part, ast.FormattedValue):
                conversion = {114: "!r", 115: "!s"}.get(part.conversion, "")
                text += "{" + str(len(values)) + conversion + "}"
                values.append(self.visit(part.value))
        method = ast.Attribute(ast.Constant(text), "format", ast.Load())
        return ast.Call(method, values, [])

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        """`(*A, *B, "c")` becomes `tuple(A) + tuple(B) + ("c",)`."""
        self.generic_visit(node)
        if not any(isinstance(item, ast.Starred) for item in node.elts):
            return node
        whole: ast.expr | None = None
        for item in node.elts:
            part: ast.expr = (
                ast.Call(ast.Name("tuple", ast.Load()), [item.value], [])
                if isinstance(item, ast.Starred)
                else ast.Tuple([item], ast.Load())
            )
            whole = part if whole is None else ast.BinOp(whole, ast.Add(), part)
        return whole or node
