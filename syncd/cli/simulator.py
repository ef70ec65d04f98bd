"""`syncd simulator`: a CACTUS to try against."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack

import click

from syncd.adapters.cactus.simulator import (
    Anyone,
    ApiKey,
    Authentication,
    BearerToken,
    OAuthClient,
    Player,
    Simulator,
    serve,
)
from syncd.cli.context import SyncdCommand
from syncd.cli.output import CommandFailed
from syncd.clock import SystemClock


@click.command(cls=SyncdCommand)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8900, show_default=True, help="0 takes a free one.")
@click.option("--token", help="Ask programs for this bearer token.")
@click.option("--api-key", help="Ask programs for this key in X-Api-Key.")
@click.option("--client-credentials", metavar="ID:SECRET", help="Ask programs for OAuth2 client credentials.")
@click.option("--play/--manual", default=False, help="Play every role by itself; else a person does, in the browser.")
@click.option("--speed", type=click.FloatRange(0.05, 100), default=1, show_default=True, help="How fast --play acts.")
def simulator(
    host: str, port: int, token: str | None, api_key: str | None, client_credentials: str | None, play: bool,
    speed: float,
) -> None:  # fmt: skip
    """Serve a simulated CACTUS, with pages for student, company and CFA, until Ctrl-C; it forgets everything then."""
    authentication = _authentication(token, api_key, client_credentials)
    asyncio.run(_serve(host, port, authentication, speed if play else None))


def _authentication(token: str | None, api_key: str | None, client_credentials: str | None) -> Authentication:
    schemes: list[Authentication] = []
    if token is not None:
        schemes.append(BearerToken(token=token))
    if api_key is not None:
        schemes.append(ApiKey(key=api_key))
    if client_credentials is not None:
        client_id, colon, secret = client_credentials.partition(":")
        if not (client_id and colon and secret):
            raise click.UsageError("--client-credentials is an id and a secret, with a colon between.")
        schemes.append(OAuthClient(client_id=client_id, client_secret=secret))
    if len(schemes) > 1:
        raise click.UsageError("--token, --api-key and --client-credentials exclude each other.")
    return schemes[0] if schemes else Anyone()


async def _serve(host: str, port: int, authentication: Authentication, speed: float | None) -> None:
    """Serve until SIGINT or SIGTERM; at this speed everything is played."""
    clock, end = SystemClock(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    game = Simulator(clock)
    async with AsyncExitStack() as stack:
        try:
            base_url = await stack.enter_async_context(serve(game, host, port, authentication=authentication))
        except OSError as error:
            reason = str(error.strerror).partition(" (")[0]  # asyncio adds the address
            raise CommandFailed(
                f"{host}:{port} cannot be listened on ({reason})", hint="Name another --port."
            ) from None
        click.echo("\n".join(_introduction(base_url, authentication, is_played=speed is not None)))
        playing = asyncio.create_task(Player(game, clock, speed=speed).play()) if speed is not None else None
        await end.wait()
        if playing is not None:
            playing.cancel()


def _introduction(base_url: str, authentication: Authentication, *, is_played: bool) -> Iterator[str]:
    yield f"A simulated CACTUS at {base_url}"
    yield f"  for the CFA                  {base_url}/cfa"
    yield f"  for students and companies   {base_url}/ (links to the newest contracts)"
    yield "Every role is played by itself." if is_played else "Play every role in the browser, or add --play."
    yield "To point syncd at it:"
    yield "  export SYNCD_CACTUS__ADAPTER=http"
    yield f"  export SYNCD_CACTUS__BASE_URL={base_url}"
    yield from (f"  export {line}" for line in _credentials(base_url, authentication))
    yield "Ctrl-C ends it; nothing is kept."


def _credentials(base_url: str, authentication: Authentication) -> Iterator[str]:
    """Return what syncd shows who it is with; the secrets themselves are not repeated."""
    match authentication:
        case Anyone():
            return
        case BearerToken():
            yield "SYNCD_CACTUS__AUTH=bearer"
            yield "SYNCD_CACTUS__TOKEN=…  # the token you gave"
        case ApiKey():
            yield "SYNCD_CACTUS__AUTH=api_key"
            yield "SYNCD_CACTUS__TOKEN=…  # the key you gave"
        case OAuthClient():
            yield "SYNCD_CACTUS__AUTH=client_credentials"
            yield f"SYNCD_CACTUS__TOKEN_URL={base_url}/token"
            yield f"SYNCD_CACTUS__CLIENT_ID={authentication.client_id}"
            yield "SYNCD_CACTUS__CLIENT_SECRET=…  # the secret you gave"
