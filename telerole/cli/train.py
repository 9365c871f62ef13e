"""Fine-tuning a model, and showing what it would learn."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telerole.cli.app import app, console
from telerole.cli.export import SideName

if TYPE_CHECKING:
    from rich.console import Console

    from telerole.training.encoding import Encoded
    from telerole.training.sft import Recipe, Settings

BARS = 10  # of the histogram


@app.command()
def train(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="What `telerole export` wrote, or one .jsonl of it.")],
    base: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A hub's name, a folder, a GGUF file, or smollm2 (unless given)."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; one that was begun is gone on with.")] = None,
    inspect: Annotated[bool, typer.Option("--inspect", help="Train nothing; show what would be learned.")] = False,
    side: Annotated[SideName | None, typer.Option(help="Whose words are learned, where the rows do not say.")] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A YAML file of the base and settings; options come before it.")
    ] = None,
    full: Annotated[bool | None, typer.Option("--full/--lora", help="All weights, or an adapter (--lora).")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="The adapter's rank (16).")] = None,
    alpha: Annotated[int | None, typer.Option(min=1, help="The adapter's weight is alpha / rank (32).")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its highest (2e-4, or 2e-5 with --full).")] = None,
    epochs: Annotated[float | None, typer.Option(help="How many times all rows are seen (3).")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Rows a step (4).")] = None,
    max_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens of the longest row (4096); over is an error.")
    ] = None,
    skip_long: Annotated[bool | None, typer.Option("--skip-long/--no-skip-long", help="Leave longer rows out.")] = None,
    patience: Annotated[int | None, typer.Option(min=1, help="Validations without progress to stop after (3).")] = None,
    validate_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between validations; unless given, twice an epoch.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides the order of the rows, and the first weights (0).")] = None,
) -> None:
    """Fine-tune a chat model on exported calls: only one side's words are learned. The same command goes on."""
    from telerole.errors import InputError

    recipe = _recipe(
        settings,
        base=base,
        full=full,
        rank=rank,
        alpha=alpha,
        learning_rate=learning_rate,
        epochs=epochs,
        batch=batch,
        max_length=max_length,
        skip_long=skip_long,
        patience=patience,
        steps_between_validations=validate_every,
        seed=seed,
    )
    base, chosen = recipe.base, recipe.settings()
    learned = None if side is None else side.value
    if inspect:
        _inspect(data, base, learned, chosen)
    elif out is None:
        raise InputError("--out is missing: name the folder for the adapter, or give --inspect to only look")
    else:
        _train(data, base, out, learned, chosen)


def _recipe(file: Path | None, **given: Any) -> Recipe:
    """What the file says, if there is one, and over it what was given."""
    from pydantic import ValidationError

    from telerole.errors import InputError
    from telerole.records import explain, load
    from telerole.training.sft import Recipe

    written = load(file, Recipe)[0].model_dump(exclude_unset=True) if file else {}
    try:
        return Recipe(**written | {name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise InputError("\n".join(explain(error, Recipe))) from None


def _train(data: Path, base: str, out: Path, side: Any, settings: Settings) -> None:
    from telerole.trained import ADAPTER, MODEL, PEFT, WHOLE
    from telerole.training.encoding import read_chats
    from telerole.training.sft import train as run

    screen, chats = console(), read_chats(data, side)
    if not chats.validation:
        screen.print("No validation rows: nothing is stopped early, and the last step is taken")
    trained = run(data, out, base=base, side=side, settings=settings, progress=True)
    if left := len(chats.train) - trained.rows:
        screen.print(f"{left} rows left out: longer than {settings.max_length} tokens")
    loss = f"loss {trained.loss:.3f}"
    if trained.validation_loss is not None:
        loss += f", on validation rows {trained.validation_loss:.3f}"
    screen.print(f"Best after {trained.steps} steps ({trained.epochs:.2f} epochs) on {trained.rows} rows: {loss}")
    made = [file for name in (PEFT, WHOLE, ADAPTER, MODEL) if (file := out / name).exists()]
    screen.print(f"Made: {', '.join(map(str, made))}; the loss curve: {out / 'loss.svg'}", soft_wrap=True)


def _inspect(data: Path, base: str, side: Any, settings: Settings) -> None:
    from telerole.training.bases import find, load_tokenizer
    from telerole.training.encoding import encode, pieces, read_chats

    screen, chats = console(), read_chats(data, side)
    tokenizer = load_tokenizer(find(base))
    train, validation = encode(chats.train, tokenizer), encode(chats.validation, tokenizer)
    for row in train[: settings.batch]:
        screen.rule(f"{row.chat.file.name} {row.chat.line.rstrip(': ')}, {len(row)} tokens, {row.learned} learned")
        _show_pieces(screen, pieces(row, tokenizer))
    screen.rule(f"learned: the {chats.side}'s words")
    for name, rows in (("train", train), ("validation", validation)):
        _show_counts(screen, name, rows, settings.max_length)
    _show_lengths(screen, [len(row) for row in [*train, *validation]])


def _show_pieces(screen: Console, shown: Sequence[tuple[str, bool]]) -> None:
    """What is learned in green and brackets, so that it can be told without colours."""
    from rich.text import Text

    text = Text()
    for piece, learned in shown:
        text.append(f"⟦{piece}⟧" if learned else piece, style="bold green" if learned else "dim")
    screen.print(text, soft_wrap=True)  # rich would break Chinese only before a whole sentence


def _show_counts(screen: Console, name: str, rows: Sequence[Encoded], limit: int) -> None:
    if not rows:
        screen.print(f"{name}: no rows")
        return
    lengths, learned = [len(row) for row in rows], sum(row.learned for row in rows)
    spread = f"shortest {min(lengths)}, median {statistics.median(lengths):.0f}, longest {max(lengths)}"
    screen.print(f"{name}: {len(rows)} rows, {sum(lengths)} tokens, {learned} learned ({learned / sum(lengths):.0%})")
    screen.print(f"  {spread}; over the limit of {limit}: {sum(length > limit for length in lengths)}")


def _show_lengths(screen: Console, lengths: Sequence[int]) -> None:
    """How many rows have how many tokens, in bars."""
    least, width = min(lengths), max(1, -(-(max(lengths) + 1 - min(lengths)) // BARS))
    counts = [0] * BARS
    for length in lengths:
        counts[(length - least) // width] += 1
    for number, count in enumerate(counts):
        if any(counts[number:]):
            start = least + number * width
            bar = "█" * round(40 * count / max(counts))
            screen.print(f"{start:>6} to {start + width - 1:<6} {count:>5} {bar}", highlight=False)
