"""The application: routes, what is around them, and the OpenAPI document."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, compile_path

from hishamos_pipeline import __version__
from hishamos_pipeline.api import openapi, problems
from hishamos_pipeline.api.guards import Guards
from hishamos_pipeline.api.limits import RateLimits
from hishamos_pipeline.api.routes import (
    agent_tasks,
    agents,
    artifacts,
    auth,
    batches,
    files,
    ideas,
    operations,
    people,
    projects,
    providers,
    webhooks,
    workflows,
)  # fmt: skip
from hishamos_pipeline.api.runs import LazyRuns
from hishamos_pipeline.api.streams import EventHub
from hishamos_pipeline.api.workers import TaskWorkers
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.settings import listed

if TYPE_CHECKING:
    from hishamos_pipeline.api.mcp import McpEndpoint

PREFIX = "/api/v1"
_EXPOSED = ["ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Content-Disposition"]
ROUTERS: tuple[APIRouter, ...] = (
    auth.opened, auth.router, people.router, ideas.router, projects.router, artifacts.router, files.router,
    agents.router, agent_tasks.router, providers.router, webhooks.router, batches.router, workflows.router,
    operations.opened, operations.router,
)  # fmt: skip


def create_app(services: Services, runs: Callable[[], Any] | None = None) -> FastAPI:
    """The API of an installation.

    Args:
        services: of the installation, for nobody in particular; they are closed with it.
        runs: opens Dagster's runs; by default those of the settings.
    """
    settings = services.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with app.state.workers.working():
            async with endpoint.running() if endpoint else nullcontext():
                yield
        await app.state.events.close()
        services.close()

    app = FastAPI(
        title="HishamOS",
        version=__version__,
        summary="An idea goes in; a verified repository comes out.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
    )
    endpoint = _mcp(app)
    app.state.services = services
    app.state.limits = RateLimits(settings)
    app.state.events = EventHub(services, settings.api_streams)
    app.state.workers = TaskWorkers(services, settings.agent_workers)
    app.state.origins = frozenset(listed(settings.api_origins))
    app.state.runs = runs or LazyRuns(settings)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=openapi.PROBLEMS)
    app.state.resources = [
        route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
    ]
    app.state.paths = [
        (compile_path(f"{PREFIX}{route.path}")[0], sorted(route.methods or ()))
        for route in app.state.resources
    ]
    openapi.install(app)
    services.api = lambda: app
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.api_body_bytes)
    app.add_middleware(Guards, body_seconds=settings.api_body_seconds)
    if app.state.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=sorted(app.state.origins), allow_methods=["*"], allow_headers=["*"],
            expose_headers=_EXPOSED, allow_credentials=False,
        )  # fmt: skip
    return app


def _mcp(app: FastAPI) -> "McpEndpoint | None":
    """The Model Context Protocol beside the API, where the extra `mcp` is installed."""
    if find_spec("mcp") is None:
        return None
    from hishamos_pipeline.api.mcp import PATH, McpEndpoint

    endpoint = McpEndpoint()
    app.router.routes.append(Route(PATH, endpoint, include_in_schema=False))
    return endpoint
