"""A review by rules: ruff's findings, each group of rules counted against one of the ten pillars.

It finds what rules can find. A model's review sees more; this one costs nothing and is the same every time.
"""

import asyncio
import json

from hishamos_pipeline.agents.tasks import FileReview, ReviewRequest
from hishamos_pipeline.core.artifacts.documents import PILLARS, Finding, Pillar, PillarScore, Severity
from hishamos_pipeline.stacks.python.formatting import ruff_path

# Rule prefixes of https://docs.astral.sh/ruff/rules/, the longest match counts.
_RULES: dict[str, tuple[Pillar, Severity]] = {
    "F": ("correctness", "major"),
    "B": ("correctness", "major"),
    "S": ("security", "major"),
    "PERF": ("performance", "minor"),
    "N": ("readability", "minor"),
    "E": ("readability", "minor"),
    "SIM": ("maintainability", "minor"),
    "RET": ("maintainability", "minor"),
    "ERA": ("maintainability", "minor"),
    "C90": ("simplicity", "major"),
    "PLR09": ("simplicity", "minor"),
    "BLE": ("error_handling", "major"),
    "TRY": ("error_handling", "minor"),
    "FBT": ("testability", "minor"),
    "DTZ": ("testability", "minor"),
    "D1": ("documentation", "minor"),
    "TID": ("architecture", "minor"),
    "SLF": ("architecture", "minor"),
}
_IGNORED = "S101,S311,S603,S607,TRY003,E501"
_COST: dict[Severity, float] = {"critical": 5.0, "major": 2.0, "minor": 0.5}


async def review(request: ReviewRequest) -> FileReview:
    """Review one Python file.

    Raises:
        ToolMissingError: if ruff is not installed.
    """
    process = await asyncio.create_subprocess_exec(
        ruff_path(), "check", "--isolated", "--no-cache", "--exit-zero", "--output-format", "json",
        "--select", ",".join(_RULES), "--ignore", _IGNORED, "--stdin-filename", request.path, "-",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate(request.text.encode())
    findings = tuple(_finding(item, request.path) for item in json.loads(out or b"[]"))
    return FileReview(scores=tuple(_score(pillar, findings) for pillar in PILLARS), findings=findings)


def _finding(item: dict[str, object], path: str) -> Finding:
    code = str(item.get("code") or "E9")
    prefix = max((rule for rule in _RULES if code.startswith(rule)), key=len, default="F")
    pillar, severity = _RULES[prefix]
    location = item.get("location")
    line = int(location["row"]) if isinstance(location, dict) else 0
    return Finding(
        pillar=pillar, severity=severity, path=path, line=line, problem=f"{code} {item.get('message')}"
    )


def _score(pillar: Pillar, findings: tuple[Finding, ...]) -> PillarScore:
    lost = sum(_COST[item.severity] for item in findings if item.pillar == pillar)
    return PillarScore(pillar=pillar, score=max(0.0, 10.0 - lost))
