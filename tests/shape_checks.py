"""Every call of the annotated layers is checked while tests run: axes, dtypes and types as they are written.

jaxtyping reads the axes, beartype all other annotations. jaxtyping's own import hook wraps every function,
also those whose source or bytecode a compiler reads; this one leaves `COMPILED` out.
"""

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source
from types import CodeType, ModuleType
from typing import Any, runtime_checkable

from beartype import BeartypeConf, beartype
from jaxtyping import jaxtyped
from torch import nn
from typing_extensions import is_protocol

LAYERS = ("models", "rendering", "validation", "export")
COMPILED = {
    "kernel": "numba compiles a function's bytecode; that of a wrapper calls Python",
    "triton.jit": "Triton parses a function's source and accepts no Python calls in it",
}
DECORATOR = "__checked__"
TYPES = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as it is for mypy


class _Decorate(ast.NodeVisitor):
    """Puts the check next to each function, below its other decorators, and above those of a class.

    So a check sees the annotations that were written, and a dataclass's check its finished `__init__`.
    """

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if not any(name_of(decorator) in COMPILED for decorator in node.decorator_list):
            node.decorator_list.append(_check_at(node))
            self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        node.decorator_list.insert(0, _check_at(node))
        self.generic_visit(node)


def name_of(decorator: ast.expr) -> str:
    """`kernel` of `@kernel(fastmath=True)`."""
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _check_at(node: ast.FunctionDef | ast.ClassDef) -> ast.expr:
    return ast.copy_location(ast.Name(DECORATOR, ast.Load()), node)


class _Loader(SourceFileLoader):
    """Compiles a module with the checks in it; neither reads nor writes the bytecode that others use."""

    def path_stats(self, path: Any) -> Any:
        raise OSError(f"{path}: without a cache, because that holds no checks")

    def source_to_code(  # type: ignore[override]  # typeshed has two of them that differ
        self, data: Any, path: Any, *, _optimize: int = -1
    ) -> CodeType:
        tree = ast.parse(decode_source(data))
        _Decorate().visit(tree)
        code: CodeType = compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)
        return code

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, DECORATOR, _checked)
        super().exec_module(module)


def _checked(written: Any) -> Any:
    """A function or class with its checks; a protocol's members are looked for.

    From Python 3.12 on they must be static attributes, which the parts of a torch module are not.
    """
    if isinstance(written, type) and is_protocol(written):
        checkable: Any = runtime_checkable(written)
        if sys.version_info >= (3, 12):
            checkable.register(nn.Module)
        return checkable
    return jaxtyped(written, typechecker=TYPES)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in LAYERS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Check what is imported from now on.

    Raises:
        RuntimeError: A layer's module was imported before, so nobody would check it.
    """
    early = sorted(name for name in sys.modules if name.partition(".")[0] in LAYERS)
    if early:
        raise RuntimeError(f"imported before the checks: {', '.join(early)}")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
