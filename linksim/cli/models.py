"""Commands for trained models: train, tune, models."""

from pathlib import Path

import click

from linksim.cli.main import PATH, draw_line, main
from linksim.errors import LinksimError


@main.command()
@click.argument("name")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 1024), help="Number of torch threads.")
@click.option("--fresh", is_flag=True, help="Start from the first step even if a checkpoint exists.")
@click.option("--models", type=PATH, metavar="DIR", help="Folder of weights and card.  [default: first folder of the model search path]")
@click.option("--work", type=PATH, default=Path("results/training"), show_default=True, metavar="DIR", help="Folder of checkpoints.")
def train(name: str, device: str, threads: int, fresh: bool, models: Path | None, work: Path) -> None:
    """Train the model NAME, resuming from its checkpoint if there is one."""
    from linksim.nets.weights import models_folder
    from linksim.threads import torch_threads
    from linksim.training.pipeline import train_model

    with torch_threads(threads):
        card = train_model(name, device, work, models or models_folder(), lambda p: draw_line(p.line()), fresh)
    draw_line("", end="\n")
    click.echo(card.text())
    curve = work / f"{name}.csv"
    if curve.exists():
        from linksim.plots.learning_curve import draw_curve

        click.echo(f"figure   {draw_curve(curve)}")


@main.command()
@click.argument("name")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
def tune(name: str, device: str) -> None:
    """Find the fastest batch size and precision of the model NAME on this machine and write them to its card."""
    from linksim.threads import torch_threads
    from linksim.training.tune import tune as tune_model

    with torch_threads(1):
        card = tune_model(name, device, lambda t: click.echo(t.line()))
    click.echo(f"fastest: {card.runtime}")


@main.command()
def models() -> None:
    """List the trained models, verified, and the training tasks without a model."""
    from linksim.nets.weights import list_models
    from linksim.registry import components

    found = list_models(component.name for component in components("training-task"))
    for model in found:
        size = f"{model.size_mb:.1f} MB" if model.size_mb else ""
        click.echo(f"{model.name:28} {model.kind:12} {model.state:8} {size:>8} {model.dtype:8} {model.headline}")
        if model.note:
            click.echo(f"{'':28} {model.note}")
    if any(model.state == "damaged" for model in found):
        raise LinksimError("a model is damaged")
