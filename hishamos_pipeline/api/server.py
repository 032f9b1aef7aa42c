"""The server that answers requests: uvicorn, which ends the event streams first when it is stopped."""

import socket

import uvicorn
from fastapi import FastAPI

from hishamos_pipeline.settings import Settings

# Requests that are under way when the server is stopped have so long to end.
_GRACE_SECONDS = 10


class ApiServer(uvicorn.Server):
    """Serves the API on an address.

    Args:
        app: the API.
        settings: name the proxies that are believed.
        host: the address to listen on.
        port: the port; 0 for any that is free.
    """

    def __init__(self, app: FastAPI, settings: Settings, host: str, port: int) -> None:
        self._api = app
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            forwarded_allow_ips=settings.api_proxies,
            server_header=False,
            # Addresses and paths of requests are somebody's; what fails is told by our own log.
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            log_level="warning",
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: streams are ended, and requests have some seconds."""
        await self._api.state.events.close()
        await super().shutdown(sockets)
