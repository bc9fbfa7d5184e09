"""The command that runs a local Dataloop."""

import click

from polymask.cli.flags import GroupedCommand, extra


@click.command("emulate", cls=GroupedCommand)
@extra("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Default: a free port.")
@extra("--seed", metavar="COCO_OR_FOLDER", help="A COCO file or a folder of pictures to begin with.")
@extra("--images", metavar="DIR", help="The pictures of the COCO file.")
@extra("--store", metavar="DIR", help="Keep all data here, to continue later.")
def emulate_command(*, port: int, seed: str | None, images: str | None, store: str | None) -> None:
    """Run a local Dataloop on loopback, to try and to test against.

    \b
    polymask emulate --port 8000 --seed instances.json --images pictures/

    Prints its base URL and how to point dtlpy and polymask at it; takes any bearer token.
    Ctrl-C stops it.
    """
    from polymask.dataloop.emulator import serve

    serve(port, seed, images=images, store=store, ready=click.echo)
