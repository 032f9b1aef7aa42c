"""Who makes which artifact: the one table from which steps are run."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.generation.context import BuildContext, DeliveryContext, IdeaContext, StepContext
from hishamos_pipeline.generation.producers.architecture import design
from hishamos_pipeline.generation.producers.archives import write_tar, write_zip
from hishamos_pipeline.generation.producers.code_review import review_code
from hishamos_pipeline.generation.producers.files import write_ci, write_documents, write_source, write_tests
from hishamos_pipeline.generation.producers.idea import accept
from hishamos_pipeline.generation.producers.publications import publish_on_github, publish_on_gitlab
from hishamos_pipeline.generation.producers.repository import build_repository
from hishamos_pipeline.generation.producers.requirements import analyse
from hishamos_pipeline.generation.producers.sprint_plan import cut_sprints
from hishamos_pipeline.generation.producers.stories import write_stories
from hishamos_pipeline.generation.producers.verified_build import verify_build


@dataclass(frozen=True, slots=True)
class Producer:
    """How an artifact is made: by which function, and from what kind of context."""

    produce: Callable[[Any], Awaitable[Document]]
    context: type[StepContext] = StepContext


PRODUCERS: Mapping[str, Producer] = MappingProxyType(
    {
        "idea": Producer(accept, IdeaContext),
        "requirements": Producer(analyse),
        "architecture": Producer(design),
        "stories": Producer(write_stories),
        "sprint_plan": Producer(cut_sprints),
        "source_code": Producer(write_source),
        "test_suite": Producer(write_tests),
        "documentation": Producer(write_documents),
        "ci_config": Producer(write_ci),
        "verified_build": Producer(verify_build, BuildContext),
        "code_review": Producer(review_code),
        "repository": Producer(build_repository, DeliveryContext),
        "zip_archive": Producer(write_zip, DeliveryContext),
        "tar_archive": Producer(write_tar, DeliveryContext),
        "github_repository": Producer(publish_on_github, DeliveryContext),
        "gitlab_project": Producer(publish_on_gitlab, DeliveryContext),
    }
)
