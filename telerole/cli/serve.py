"""Serving what was trained, and writing it as one file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from telerole.cli.app import app, console


class FileType(StrEnum):
    """The number formats, as the option takes them."""

    q8_0 = "q8_0"
    f16 = "f16"


@app.command()
def serve(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of finished trainings.")],
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    threads: Annotated[int, typer.Option(min=1, help="Cores; more than are idle make it many times slower.")] = 1,
    context: Annotated[int | None, typer.Option(min=1, help="Tokens of prompt and answer together (8192).")] = None,
    slots: Annotated[
        int, typer.Option(min=1, help="Requests answered at once; each model has memory for so many.")
    ] = 1,
) -> None:
    """Answer OpenAI's chat completions from trained models, each under its folder's name, until Ctrl-C."""
    import asyncio
    from contextlib import suppress

    from telerole.backends.local import CONTEXT
    from telerole.serving import open_models, serving

    models = open_models(folders, threads=threads, slots=slots, context=context or CONTEXT)

    async def run() -> None:
        for folder in folders:
            await models[folder.resolve().name].reach()
        async with serving(models, host=host, port=port, slots=slots) as url:
            console().print(f"{url} serves {', '.join(models)}; Ctrl-C ends it", soft_wrap=True)
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


@app.command()
def merge(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a finished training.")],
    type: Annotated[FileType, typer.Option("--type", help="8 or 16 bits a trained weight.")] = FileType.q8_0,
) -> None:
    """Write what was trained as one file for llama.cpp, with its base's tokenizer and chat template."""
    from telerole.training.gguf import merge as write

    file = write(folder, type.value)
    console().print(f"Made: {file}, {file.stat().st_size / 2**20:.0f} MiB", soft_wrap=True)
