"""`syncd demo`: everything together, to look at."""

import asyncio
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console

from syncd.cli.context import Invocation, SyncdCommand
from syncd.demo import Addresses, DemoOptions, Display, Ended, LiveScreen, PlainLines, run_demo
from syncd.model import Step

_USUAL_FOLDER = Path("var/demo")


@click.command(cls=SyncdCommand)
@click.option("--manual", is_flag=True, help="You play student, company and CFA in the browser.")
@click.option("--speed", type=click.FloatRange(0.05, 100), default=1, show_default=True, help="How fast people act.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=_USUAL_FOLDER, show_default=True,
              help="Where everything is written; emptied at the start.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the simulated CACTUS (default: a free one).")
@click.option("--missions", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many missions.")
@click.option("--seconds", type=click.FloatRange(min=1), help="End by itself after so long.")
@click.pass_obj
def demo(
    invocation: Invocation, manual: bool, speed: float, folder: Path, port: int, missions: int, seconds: float | None
) -> None:
    """Run simulator, mission store, mail folder and daemon together until Ctrl-C, and show what happens.

    Every student, company and mission is invented; nothing leaves this machine.
    """
    options = DemoOptions(
        folder=folder.resolve(), folder_name=str(folder), first_command=_first_command(folder), port=port,
        missions=missions, speed=speed, is_manual=manual, environ=invocation.environ,
        lasts=timedelta(seconds=seconds) if seconds is not None else None,
    )  # fmt: skip

    def introduce(addresses: Addresses) -> None:
        _introduce(addresses, options)

    try:
        ended = asyncio.run(run_demo(options, display=_display(), introduce=introduce))
    except KeyboardInterrupt:  # before there was anything to end
        return
    _conclude(ended, options)


def _display() -> Display:
    console = Console()
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(console)
    return PlainLines(click.echo)


def _first_command(folder: Path) -> str:
    """Return what makes `syncd` in another terminal, in this folder, speak of the demo."""
    program = Path(sys.argv[0])
    called = f"{sys.executable} -m syncd" if program.name == "__main__.py" else _typed(program)
    alias = "" if shutil.which("syncd") else f"; alias syncd='{called}'"
    return f"export SYNCD_CONFIG={folder / 'syncd.toml'}{alias}"


def _typed(program: Path) -> str:
    """Return a path as one types it here: short where it is below."""
    place = program.absolute()
    return str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place)


def _introduce(addresses: Addresses, options: DemoOptions) -> None:
    lines = [
        f"syncd demo: {options.missions} invented missions become contracts; nothing leaves this machine.",
        f"  status page    {addresses.status_page}",
        f"  CACTUS         {addresses.cactus} (pages of students, companies, CFA)",
        f"  letters        {addresses.folder}/mail",
        f"  log            {addresses.folder}/syncd.log",
        "In another terminal, in this folder:",
        f"  {options.first_command}",
        "  syncd status",
    ]
    if options.is_manual:
        lines.append(f"You play everybody: begin at {addresses.cactus}cfa")
    if foreign := sorted(name for name in options.environ if name.startswith("SYNCD_") and name != "SYNCD_CONFIG"):
        lines.append(f"Commands there would obey {', '.join(foreign)}; the demo itself does not. Unset them first.")
    click.echo("\n".join(lines))


def _conclude(ended: Ended, options: DemoOptions) -> None:
    counts = ended.board.counts
    done, held = counts.get(Step.DONE, 0), counts.get(Step.HELD, 0)
    under_way = len(ended.board.moving)
    click.echo(
        f"The demo has ended: {done} contracts done, {held} held, {under_way} under way;\n"
        f"{ended.letters_written} letters written, {ended.board.documents_stored} documents stored.\n"
        f"{options.folder_name} keeps everything until the next demo."
    )
