"""The files of the CI configuration, from one list of commands."""

from hishamos_pipeline.core.artifacts.documents import Architecture
from hishamos_pipeline.stacks.python.rendering import render

_CI_TEMPLATES = {
    ".github/workflows/ci.yml": "ci.yml.j2",
    ".gitlab-ci.yml": "gitlab-ci.yml.j2",
    "Dockerfile": "Dockerfile.j2",
    ".dockerignore": "dockerignore.j2",
    ".pre-commit-config.yaml": "pre-commit-config.yaml.j2",
    ".gitignore": "gitignore.j2",
}
INSTALL = 'python -m pip install -e ".[dev]"'


def ci_file(path: str, architecture: Architecture) -> str:
    """One file of the CI configuration."""
    code = "src" if architecture.root else architecture.package
    return render(architecture.stack, f"ci/{_CI_TEMPLATES[path]}", r=architecture, install=INSTALL, code=code)
