"""Parses Python 3 with `ast`, and Python 2 and Python with errors with tree-sitter.

What tree-sitter finds is rewritten as nodes of `ast`, so that all else is written once. Only what
the scan looks at is rewritten exactly; an expression of another kind becomes a tuple of its parts.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from shared.tools.scan.reading import Unreadable

PYTHON_3, TOLERANT = "Python 3", "Python 2, or with errors"
_DEEPEST = 250  # nodes above one another; written code stays below 100


def parse(text: str) -> tuple[ast.Module, str]:
    """Returns the syntax tree and with which parser it was found: `PYTHON_3` or `TOLERANT`.

    Raises:
        Unreadable: the text nests too deeply for either parser.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the escapes of somebody else's strings
            return ast.parse(text), PYTHON_3
    except (SyntaxError, ValueError):
        return _parse_tolerantly(text), TOLERANT
    except (RecursionError, MemoryError) as error:
        raise Unreadable("nested too deeply") from error


def _parse_tolerantly(text: str) -> ast.Module:
    import tree_sitter
    import tree_sitter_python

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
    tree = parser.parse(text.encode("utf-8", errors="replace"))
    if _is_deep(tree.root_node):
        raise Unreadable("nested too deeply")
    try:
        return ast.Module(body=_statements(tree.root_node), type_ignores=[])
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error


def _is_deep(root: Any) -> bool:
    """Whether nodes stand deeper in one another than the rewriting may recurse."""
    cursor, depth = root.walk(), 0
    while True:
        if cursor.goto_first_child():
            depth += 1
            if depth > _DEEPEST:
                return True
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return False
            depth -= 1


# ---- statements ----


def _statements(node: Any) -> list[ast.stmt]:
    """The statements of a module or block; damage is looked into for what is whole in it."""
    found: list[ast.stmt] = []
    for child in node.named_children:
        if child.type in _STATEMENTS:
            found.append(_placed(_STATEMENTS[child.type](child), child))
        elif child.type in ("ERROR", "block"):
            found += _statements(child)
        elif child.type == "decorated_definition":
            found += [_expression_statement(each) for each in _of_type(child, "decorator")]
            found += _statements(child)
        elif child.type not in ("comment", "decorator"):
            found.append(_expression_statement(child))
    return found


def _expression_statement(node: Any) -> ast.stmt:
    return _placed(ast.Expr(value=_expression(node)), node)


def _body(node: Any, name: str = "body") -> list[ast.stmt]:
    block = node.child_by_field_name(name)
    return _statements(block) if block is not None else []


def _import(node: Any) -> ast.stmt:
    return ast.Import(names=[_alias(child) for child in node.children_by_field_name("name")])


def _import_from(node: Any) -> ast.stmt:
    module = node.child_by_field_name("module_name")
    text = _text(module) if module is not None else ""
    name = text.lstrip(".")
    names = [_alias(child) for child in node.children_by_field_name("name")]
    if list(_of_type(node, "wildcard_import")):
        names = [ast.alias(name="*")]
    return ast.ImportFrom(
        module=name.strip() or None, names=names, level=len(text) - len(text.lstrip("."))
    )


def _alias(node: Any) -> ast.alias:
    if node.type != "aliased_import":
        return ast.alias(name=_text(node))
    return ast.alias(
        name=_text(node.child_by_field_name("name")),
        asname=_text(node.child_by_field_name("alias")),
    )


def _assignment(node: Any) -> ast.stmt:
    targets = [_expression(node.child_by_field_name("left"))]
    right = node.child_by_field_name("right")
    while right is not None and right.type == "assignment":  # a = b = value
        targets.append(_expression(right.child_by_field_name("left")))
        right = right.child_by_field_name("right")
    if right is None:
        return ast.Expr(value=targets[0])
    return ast.Assign(targets=targets, value=_expression(right))


def _line(node: Any) -> ast.stmt:
    """An expression statement; an assignment is one to tree-sitter too."""
    children = node.named_children
    if len(children) == 1 and children[0].type == "assignment":
        return _assignment(children[0])
    return ast.Expr(value=_expression(children[0]) if len(children) == 1 else _parts(node))


def _if(node: Any) -> ast.stmt:
    alternatives: list[ast.stmt] = []
    for child in reversed(node.children_by_field_name("alternative")):
        if child.type == "elif_clause":
            alternatives = [_placed(_branch(child, alternatives), child)]
        else:
            alternatives = _body(child)
    return _branch(node, alternatives)


def _branch(node: Any, alternatives: list[ast.stmt]) -> ast.If:
    test = _expression(node.child_by_field_name("condition"))
    return ast.If(test=test, body=_body(node, "consequence"), orelse=alternatives)


def _for(node: Any) -> ast.stmt:
    return ast.For(
        target=_expression(node.child_by_field_name("left")),
        iter=_expression(node.child_by_field_name("right")),
        body=_body(node),
        orelse=[],
    )


def _while(node: Any) -> ast.stmt:
    test = _expression(node.child_by_field_name("condition"))
    return ast.While(test=test, body=_body(node), orelse=[])


def _with(node: Any) -> ast.stmt:
    items: list[ast.withitem] = []
    for clause in _of_type(node, "with_clause"):
        for item in clause.named_children:
            value = item.child_by_field_name("value") if item.type == "with_item" else item
            items += _with_item(value)
    return ast.With(items=items, body=_body(node))


def _with_item(value: Any) -> Iterator[ast.withitem]:
    if value is None:
        return
    if value.type == "as_pattern":
        target = value.child_by_field_name("alias")
        bound = _expression(target.named_children[0]) if target.named_children else None
        yield ast.withitem(context_expr=_expression(value.named_children[0]), optional_vars=bound)
    elif value.type == "tuple":
        for part in value.named_children:
            yield from _with_item(part)
    else:
        yield ast.withitem(context_expr=_expression(value))


def _try(node: Any) -> ast.stmt:
    handlers, rest = [], []
    for child in node.named_children:
        blocks = [part for part in child.named_children if part.type == "block"]
        statements = [statement for block in blocks for statement in _statements(block)]
        if child.type == "except_clause":
            handlers.append(_placed(ast.ExceptHandler(body=statements), child))
        elif child.type in ("else_clause", "finally_clause"):
            rest += statements or _body(child)
    return ast.Try(body=_body(node), handlers=handlers, orelse=rest, finalbody=[])


def _function(node: Any) -> ast.stmt:
    arguments = _arguments(node.child_by_field_name("parameters"))
    return ast.FunctionDef(
        name=_text(node.child_by_field_name("name")),
        args=arguments,
        body=_body(node),
        decorator_list=[],
    )


def _arguments(node: Any) -> ast.arguments:
    names, defaults = [], []
    for child in node.named_children if node is not None else []:
        name = child.child_by_field_name("name") or child
        default = child.child_by_field_name("value")
        defaults += [_expression(default)] if default is not None else []
        names += [_placed(ast.arg(arg=_text(each)), each) for each in _identifiers(name)]
    return ast.arguments(
        posonlyargs=[], args=names, kwonlyargs=[], kw_defaults=[], defaults=defaults
    )


def _identifiers(node: Any) -> Iterator[Any]:
    if node.type == "identifier":
        yield node
    for child in node.named_children:
        if child.type != "type":
            yield from _identifiers(child)


def _class(node: Any) -> ast.stmt:
    bases = node.child_by_field_name("superclasses")
    return ast.ClassDef(
        name=_text(node.child_by_field_name("name")),
        bases=[_expression(child) for child in bases.named_children] if bases is not None else [],
        keywords=[],
        body=_body(node),
        decorator_list=[],
    )


def _return(node: Any) -> ast.stmt:
    return ast.Return(value=_parts(node))


def _global(node: Any) -> ast.stmt:
    return ast.Global(names=[_text(child) for child in node.named_children])


_STATEMENTS: dict[str, Callable[[Any], ast.stmt]] = {
    "import_statement": _import,
    "import_from_statement": _import_from,
    "future_import_statement": lambda node: ast.Pass(),
    "expression_statement": _line,
    "if_statement": _if,
    "for_statement": _for,
    "while_statement": _while,
    "with_statement": _with,
    "try_statement": _try,
    "function_definition": _function,
    "class_definition": _class,
    "return_statement": _return,
    "global_statement": _global,
}

# ---- expressions ----


def _expression(node: Any) -> ast.expr:
    handler = _EXPRESSIONS.get(node.type, _parts)
    return _placed(handler(node), node)


def _parts(node: Any) -> ast.expr:
    """Whatever else: its parts, in their order."""
    children = node.named_children
    if any(child.type in _STATEMENTS or child.type == "block" for child in children):
        # Only damage puts statements here; what is written in them still counts.
        found = [each.value for each in _statements(node) if isinstance(each, ast.Expr)]
    else:
        found = [_expression(child) for child in children if child.type != "comment"]
    return _placed(ast.Tuple(elts=found, ctx=ast.Load()), node)


def _call(node: Any) -> ast.expr:
    function = _expression(node.child_by_field_name("function"))
    given = node.child_by_field_name("arguments")
    arguments, keywords = [], []
    for child in given.named_children if given is not None else []:
        if child.type == "keyword_argument":
            value = _expression(child.child_by_field_name("value"))
            keywords.append(ast.keyword(arg=_text(child.child_by_field_name("name")), value=value))
        elif child.type != "comment":
            arguments.append(_expression(child))
    return ast.Call(func=function, args=arguments, keywords=keywords)


def _attribute(node: Any) -> ast.expr:
    value = _expression(node.child_by_field_name("object"))
    name = _text(node.child_by_field_name("attribute"))
    return ast.Attribute(value=value, attr=name, ctx=ast.Load())


def _comparison(node: Any) -> ast.expr:
    first, *others = [_expression(child) for child in node.named_children]
    signs = [child.type for child in node.children if not child.is_named]
    operators: list[ast.cmpop] = [_OPERATORS.get(sign, ast.Lt)() for sign in signs]
    return ast.Compare(left=first, ops=operators[: len(others)], comparators=others)


_OPERATORS: dict[str, type[ast.cmpop]] = {"==": ast.Eq, "!=": ast.NotEq, "<>": ast.NotEq}


def _conditional(node: Any) -> ast.expr:
    body, test, other = [_expression(child) for child in node.named_children[:3]]
    return ast.IfExp(test=test, body=body, orelse=other)


def _parenthesized(node: Any) -> ast.expr:
    inner = [child for child in node.named_children if child.type != "comment"]
    return _expression(inner[0]) if len(inner) == 1 else _parts(node)


def _subscript(node: Any) -> ast.expr:
    value, *index = [_expression(child) for child in node.named_children]
    return ast.Subscript(value=value, slice=ast.Tuple(elts=index, ctx=ast.Load()), ctx=ast.Load())


def _string(node: Any) -> ast.expr:
    content = "".join(_text(child) for child in node.named_children if "content" in child.type)
    return ast.Constant(value=content)


def _boolean(value: bool | None) -> Callable[[Any], ast.expr]:
    return lambda node: ast.Constant(value=value)


_EXPRESSIONS: dict[str, Callable[[Any], ast.expr]] = {
    "identifier": lambda node: ast.Name(id=_text(node), ctx=ast.Load()),
    "attribute": _attribute,
    "call": _call,
    "comparison_operator": _comparison,
    "conditional_expression": _conditional,
    "parenthesized_expression": _parenthesized,
    "subscript": _subscript,
    "string": _string,
    "integer": lambda node: ast.Constant(value=0),
    "float": lambda node: ast.Constant(value=0.0),
    "true": _boolean(True),
    "false": _boolean(False),
    "none": _boolean(None),
}


def _of_type(node: Any, kind: str) -> Iterator[Any]:
    return (child for child in node.named_children if child.type == kind)


def _text(node: Any) -> str:
    return node.text.decode("utf-8", errors="replace").replace("\n", "") if node is not None else ""


def _placed(new: Any, node: Any) -> Any:
    new.lineno = node.start_point[0] + 1
    new.col_offset = node.start_point[1]
    return new
