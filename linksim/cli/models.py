"""Commands for trained models: train, tune, models. A model is a file of weights and a card, a YAML file that describes it."""

from pathlib import Path

import click

from linksim.cli.json_output import AS_JSON, print_json
from linksim.cli.main import PATH, PLUGINS, draw_line, main
from linksim.cli.scenarios import ModelName
from linksim.cli.termination import keeping
from linksim.errors import LinksimError


@main.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=ModelName())
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 1024), help="Number of torch threads.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 1024), help="Number of models that are trained at a time.")
@click.option("--fresh", is_flag=True, help="Start from the first step even if a checkpoint exists.")
@click.option("--models", type=PATH, metavar="DIR", help="Folder of weights and card.  [default: first folder of the model search path]")
@click.option("--work", type=PATH, default=Path("results/training"), show_default=True, metavar="DIR", help="Folder of checkpoints.")
@click.pass_context
def train(
    context: click.Context, names: tuple[str, ...], device: str, threads: int, jobs: int, fresh: bool, models: Path | None, work: Path
) -> None:
    """Train the model NAME, resuming from its checkpoint if there is one; of several, each in a process of its own.

    The command models lists the names. Training writes the weights and the card of the model, with its scores on the test images, and its
    losses. It may take hours. Ctrl-C, SIGTERM and SIGHUP end it after the step in progress, with a checkpoint; the same command continues
    bit for bit. A second Ctrl-C ends it at once.
    """
    from linksim.computation import computation
    from linksim.nets.weights import models_folder
    from linksim.training.pipeline import train_model
    from linksim.training.queue import run_queue

    if len(names) > 1:
        if len(set(names)) < len(names):
            raise LinksimError(f"got {max(names, key=names.count)} more than once, allowed: different names")
        options = ["--device", device, "--threads", str(threads), "--work", str(work), *(["--fresh"] if fresh else [])]
        options += [
            *(["--models", str(models)] if models else []),
            *(word for each in context.meta[PLUGINS] for word in ("--plugin", each)),
        ]
        with keeping(lambda: f"The state of each training is kept in {work}; the same command continues from there."):
            failed = run_queue(names, jobs, options, work, click.echo)
        if failed:
            raise LinksimError(f"not trained: {', '.join(failed)}; see {work}/NAME.log")
        return
    (name,) = names
    with computation(threads), keeping(lambda: describe_checkpoint(name, work)):
        card = train_model(name, device, work, models or models_folder(), lambda p: draw_line(p.line()), fresh)
    draw_line("", end="\n")
    click.echo(card.text())
    curve = work / f"{name}.csv"
    if curve.exists():
        from linksim.plots.learning_curve import draw_curve

        click.echo(f"figure   {draw_curve(curve)}")


def describe_checkpoint(name: str, work: Path) -> str:
    """Return what an interrupted training task has kept in the folder of checkpoints; "" if nothing."""
    kept = [path for path in (work / f"{name}.safetensors", work / f"{name}.cells") if path.exists()]
    return f"The state is kept in {kept[0]}; the same command continues from there." if kept else ""


@main.command()
@click.argument("name", type=ModelName())
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
def tune(name: str, device: str) -> None:
    """Find the fastest batch size and precision of the model NAME on this machine and write them to its card.

    bfloat16 is chosen only if it changes no score of the model by more than a tolerance. Runs then use this setting on machines of the same
    class.
    """
    from linksim.computation import computation
    from linksim.training.tune import tune as tune_model

    with computation(1), keeping(lambda: "The card is unchanged."):
        card = tune_model(name, device, lambda t: click.echo(t.line()))
    click.echo(f"fastest: {card.runtime}")


@main.command()
@AS_JSON
def models(as_json: bool) -> None:
    """List the trained models, verified, and the training tasks without a model.

    Columns: name, kind, state, size, data type of the weights, main score. The state is damaged, with exit status 1, if the weights do not
    have the digest that the card states.
    """
    from linksim.nets.weights import list_models
    from linksim.registry import components

    found = list_models(component.name for component in components("training-task"))
    if as_json:
        print_json({"models": found})
    for model in found if not as_json else ():
        size = f"{model.size_mb:.1f} MB" if model.size_mb else ""
        click.echo(f"{model.name:28} {model.kind:12} {model.state:8} {size:>8} {model.dtype:8} {model.headline}")
        if model.note:
            click.echo(f"{'':28} {model.note}")
    if any(model.state == "damaged" for model in found):
        raise LinksimError("a model is damaged")
