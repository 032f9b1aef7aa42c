"""Secrets in a tree, and calls that are dangerous: found by detect-secrets and by ruff's rules of flake8-bandit."""

import asyncio
import json
import logging
import tempfile
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.stacks.python.formatting import ruff_path
from hishamos_pipeline.stacks.python.layout import DANGEROUS

# Detectors whose findings are as a rule no secrets: any text with much entropy is a hash of PROVENANCE.json.
_DETECTORS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector",
    "MailchimpDetector", "NpmDetector", "PrivateKeyDetector", "SendGridDetector", "SlackDetector",
    "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector", "TwilioKeyDetector",
)  # fmt: skip
# The scanner's settings are those of the whole process.
_SCANNING = threading.Lock()
_KEYWORDS, _KEYWORD_TYPE = "KeywordDetector", "Secret Keyword"
# Keys that the scanner has no detector for: GitLab, Anthropic, OpenAI, Google, Hugging Face, PyPI.
_KEYS = re.compile(
    r"\b(?:glpat-[\w-]{20}|sk-ant-[\w-]{20}|sk-(?:proj-)?[A-Za-z0-9]{32}|AIza[\w-]{35}|hf_[A-Za-z]{30}|pypi-[\w-]{50})"
)


def secrets(texts: Mapping[str, str], code: Collection[str]) -> list[str]:
    """Lines that look like a key, a token or a password, as ``path:line: kind``; never the secret itself.

    A password in a test or an example is none; one in the code is.

    Args:
        texts: the files of a tree by path.
        code: paths of the implementation.
    """
    from detect_secrets.core import scan
    from detect_secrets.settings import transient_settings

    logging.getLogger("detect_secrets").setLevel(logging.ERROR)
    found = []
    plugins = [{"name": name} for name in (*_DETECTORS, _KEYWORDS)]
    with (
        _SCANNING,
        tempfile.TemporaryDirectory(prefix="hishamos-scan-") as folder,
        transient_settings({"plugins_used": plugins}),
    ):
        for number, (path, text) in enumerate(sorted(texts.items())):
            # A flat name: what the path holds does not matter, what the file is called may.
            place = Path(folder) / f"{number}-{path.rsplit('/', 1)[-1]}"
            place.write_text(text, encoding="utf-8")
            found += [
                f"{path}:{item.line_number}: {item.type}"
                for item in scan.scan_file(str(place))
                if item.type != _KEYWORD_TYPE or path in code
            ]
            found += [
                f"{path}:{line}: Key of a provider"
                for line, content in enumerate(text.splitlines(), start=1)
                if _KEYS.search(content)
            ]
    return found


async def dangerous_calls(texts: Mapping[str, str], code: Collection[str]) -> list[str]:
    """Calls in the code that are dangerous, as ``path:line: rule what``; tests may do more.

    Args:
        texts: the files of a tree by path.
        code: paths of the implementation.
    """
    with tempfile.TemporaryDirectory(prefix="hishamos-scan-") as folder:
        root = Path(folder)
        for path, text in texts.items():
            if path in code:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            ruff_path(), "check", "--isolated", "--no-cache", "--exit-zero", "--ignore-noqa", "--output-format", "json",
            "--select", ",".join(DANGEROUS), ".",
            cwd=root, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        output, _ = await process.communicate()
        return sorted(
            f"{item['filename'].rpartition(f'{root.name}/')[2]}:{item['location']['row']}: "
            f"{item['code']} {item['message']}"
            for item in json.loads(output or b"[]")
        )
