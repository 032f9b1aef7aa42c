"""The review of the verified code."""

from hishamos_pipeline.core.artifacts.documents import Architecture, CodeReview, VerifiedBuild
from hishamos_pipeline.generation.context import StepContext
from hishamos_pipeline.generation.reviewing import add_up, reviews


async def review_code(step: StepContext) -> CodeReview:
    """Review the verified tree file by file, and add the reviews up by plain code.

    A file is reviewed again only when it, or the interface of something it depends on, has changed.
    """
    build = step.read("verified_build", VerifiedBuild)
    texts = step.blobs(file.sha256 for file in build.files)
    made = await reviews(step.units, step.read("architecture", Architecture), build.files, texts)
    lines = {file.path: texts[file.sha256].count("\n") + 1 for file in build.files}
    return add_up([(lines[path], review) for path, review in made.items()])
