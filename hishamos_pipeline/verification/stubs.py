"""An implementation without its behaviour: the same signatures, every body refuses to work."""

import ast
from collections.abc import Collection, Mapping

from hishamos_pipeline.core.artifacts.documents import TreeFile
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.parsing import parse_python


class _Stub(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.body = ast.parse("raise NotImplementedError").body
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        node.body = ast.parse("raise NotImplementedError").body
        return node


def stubbed(text: str) -> str:
    """The module with every function body replaced.

    Raises:
        SyntaxError: if the text is not Python.
    """
    return ast.unparse(ast.fix_missing_locations(_Stub().visit(parse_python(text)))) + "\n"


def without_implementation(
    files: tuple[TreeFile, ...], texts: Mapping[str, str], code: Collection[str]
) -> tuple[tuple[TreeFile, ...], dict[str, str]]:
    """A tree whose package has no behaviour; tests that pass on it show nothing.

    Args:
        files: the files of the tree.
        texts: their texts by SHA-256.
        code: paths of the implementation.
    """
    stubs: list[TreeFile] = []
    found = dict(texts)
    for file in files:
        if file.path in code:
            text = stubbed(texts[file.sha256])
            digest = sha256_text(text)
            found[digest] = text
            file = file.model_copy(update={"sha256": digest, "size": len(text.encode())})
        stubs.append(file)
    return tuple(stubs), found
