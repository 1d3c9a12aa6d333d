"""`python -m infra.docker [IMAGE…]`, which is `make images`: build the platform's images."""

from __future__ import annotations

import shlex
import sys

import click

from infra.docker.build import Builder, build_all
from infra.docker.catalogue import IMAGES, image
from infra.docker.errors import BuildFailed


@click.command()
@click.argument("names", metavar="[IMAGE]...", type=click.Choice([one.name for one in IMAGES]), nargs=-1)
@click.option("--builder", default="docker", show_default=True, help="docker, podman, buildah, nerdctl …")
@click.option("--base-image", help="A Debian with Python 3.11 to 3.13 and venv, best by digest.")
@click.option("--registry", default="", help="What stands before the names, e.g. of a cloud's registry.")
@click.option("--tag", default="dev", show_default=True, help="Tag, and the version in the labels.")
@click.option("--push", is_flag=True, help="Push each to the registry.")
@click.option("--options", default="", help="Options for the builder's `build`, as one word for the shell.")
def main(  # noqa: PLR0913  (one parameter per option)
    *,
    names: tuple[str, ...],
    builder: str,
    base_image: str | None,
    registry: str,
    tag: str,
    push: bool,
    options: str,
) -> None:
    """Build IMAGEs, or all of them."""
    made = Builder(
        tuple(shlex.split(builder)), base_image, registry.rstrip("/"), tag, tuple(shlex.split(options))
    )
    chosen = [image(name) for name in names] or list(IMAGES)
    try:
        for name in build_all(made, chosen, is_pushed=push):
            click.echo(name)
    except BuildFailed as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
