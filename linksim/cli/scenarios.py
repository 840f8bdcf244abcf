"""Commands about scenario files: scenarios, new. And the arguments that a shell completes: names of scenarios and of models."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from linksim.cli.main import PATH, main
from linksim.errors import LinksimError, quoted


class ScenarioName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """A YAML file, or the name of a shipped scenario; a shell completes both."""

    name = "scenario"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from linksim.scenario.load import shipped_names

        names = [CompletionItem(name) for name in shipped_names() if name.startswith(incomplete)]
        return [*names, CompletionItem(incomplete, type="file")]


class ModelName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """The name of a trained model or of a training task; a shell completes it."""

    name = "model"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from linksim.places import model_folders

        names = {card.stem for folder in model_folders() for card in folder.glob("*.yaml")}
        return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


@main.command()
def scenarios() -> None:
    """List the shipped scenarios and studies with their descriptions.

    linksim run NAME runs a scenario, linksim sweep NAME a study. To change one, copy its file, whose path is on the last line of the list.
    """
    from linksim.places import shipped_scenarios
    from linksim.scenario.load import shipped_names
    from linksim.scenario.strict_yaml import read_yaml
    from linksim.sweeps.study import shipped_studies

    for name in [*shipped_names(), *(f"studies/{name}" for name in shipped_studies())]:
        description = str(read_yaml(shipped_scenarios() / f"{name}.yaml").data["description"])
        click.echo(click.wrap_text(description, 110, f"{name:24} ", " " * 25))
    click.echo(f"Files: {shipped_scenarios()}")


@main.command()
@click.argument("name")
@click.option("--out", type=PATH, metavar="FILE", help="File to write.  [default: NAME.yaml]")
def new(name: str, out: Path | None) -> None:
    """Write a new scenario called NAME: a small study of two groups, and every other key as a comment.

    The file runs as it is. An existing file is never replaced.
    """
    from linksim.scenario.field_spec import NAMES
    from linksim.scenario.load import scenario_from_text
    from linksim.scenario.template import template

    path = out or Path(f"{name}.yaml")
    try:
        text = template(name)
    except ValueError as fault:  # a name with a character that no YAML file may have
        raise LinksimError(f"{quoted(name)} cannot be the name of a scenario; allowed: {NAMES}") from fault
    scenario_from_text(text, str(path))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as fault:
        raise LinksimError(f"{path} exists; name another file with --out") from fault
    except OSError as fault:
        raise LinksimError(f"{path} cannot be written: {fault.strerror}") from fault
    click.echo(f"wrote    {path}")
