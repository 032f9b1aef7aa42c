"""Settings of a shape: who writes another is told how, in words."""

from typing import Any

import pytest
from pydantic import ValidationError

from hishamos_pipeline.settings import Settings

HOOK = {"kind": "webhook", "url": "https://example.org/hook", "secret": "HOOK_KEY"}
HOST = {"kind": "gitlab", "url": "https://git.example.org/gitlab", "token": "OUR_TOKEN"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"code_server": "code-server"}, "write HOST:PORT"),
        ({"celery_broker": "amqp://rabbit"}, "write the URL of a Redis"),
        ({"storage_url": "s3://key:secret@bucket/folder"}, "write s3://BUCKET/FOLDER without keys"),
        ({"storage_url": "file://folder"}, "or file:///FOLDER"),
        ({"intake": [{"host": "github", "repository": "ideas"}]}, "write OWNER/NAME"),
        ({"intake": [{"host": "github", "repository": "a/b", "label": "a,b"}]}, "write one label"),
        ({"notify": {"ops": HOOK | {"url": "http://example.org/hook"}}}, "http:// only for this machine"),
        ({"notify": {"ops": HOOK | {"secret": "whsec_abc"}}}, "not the secret itself"),
        ({"git_hosts": {"ours": HOST | {"url": "https://ann:pw@git.example.org"}}}, "a URL without a login"),
        ({"git_hosts": {"ours": HOST | {"token": "glpat-abc"}}}, "not the secret itself"),
    ],
)
def test_a_setting_of_another_shape_says_how_to_write_it(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(**given)
    message = raised.value.errors()[0]["msg"]
    assert told in message and "pattern" not in message


def test_what_has_the_shape_is_taken() -> None:
    settings = Settings(
        code_server="code-server:4000", celery_broker="rediss://:pw@redis:6379/0", storage_url="file:///kept",
        notify={"ops": HOOK, "here": HOOK | {"url": "http://127.0.0.1:8080/hook"}}, git_hosts={"ours": HOST},
        intake=[{"host": "ours", "repository": "team/tools/ideas"}],
    )  # fmt: skip
    assert settings.intake[0].label == "hishamos" and settings.hosts["ours"].token == "OUR_TOKEN"
