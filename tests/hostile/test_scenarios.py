"""Mutated scenarios: each one loads or is refused with one bounded message, and what loads can be estimated and run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hostile.mutations import SHIPPED, crossed_tree, mutated_override, mutated_text, mutated_tree
from hostile.scale import Campaign
from linksim.data.measured_snr import with_checksums
from linksim.errors import LinksimError
from linksim.nets.weights import clear_model_cache
from linksim.phy.snr_preview import snr_preview
from linksim.scenario.estimate import estimate, estimate_lines
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text
from linksim.scenario.schema import Scenario
from linksim.simulate.run import run

LIMIT_S = 10.0  # CPU time to load a scenario, or to refuse it
RUN_LIMIT_S = 60.0
MOST_CHARACTERS, MOST_LINES = 10_000, 21
RUNNABLE_S, RUNNABLE_BYTES, RUNNABLE_VALUES = 13.0, 3 << 30, 10**6  # estimates up to which a mutated scenario is run


def refused(campaign: Campaign, error: LinksimError) -> str:
    """Check the message of a refusal."""
    message = str(error)
    assert message.strip(), "the message is empty"
    assert len(message) <= MOST_CHARACTERS, f"the message has {len(message)} characters"
    assert message.count("\n") < MOST_LINES, "the message has too many lines"
    assert all(line.isprintable() for line in message.split("\n")), "the message has control characters"
    assert "Traceback" not in message
    campaign.measure("longest message in characters", len(message))
    return "refused"


def loads(campaign: Campaign, load: Callable[[], Scenario]) -> Scenario | None:
    """Load a scenario and check what can be said about it before it runs; None if it is refused."""
    try:
        scenario = load()
    except LinksimError as error:
        refused(campaign, error)
        return None
    assert scenario_from_text(resolved_yaml(scenario), "resolved.yaml") == scenario, "the resolved scenario is another one"
    found = estimate(scenario)
    assert all(value >= 0 for value in (found.frames, found.images, found.trace_bytes, found.memory_bytes, found.cpu_s)), found
    assert all(line.isprintable() for line in estimate_lines(scenario, found, measured=False))
    return scenario


def outcome(campaign: Campaign, text: str, overrides: Sequence[str] = ()) -> str:
    """Load a text and preview its SNR, and return what became of it."""
    scenario = loads(campaign, lambda: scenario_from_text(text, "mutated.yaml", overrides))
    if scenario is None:
        return "refused"
    try:
        chosen = with_checksums(scenario)
        assert all(preview.low_db <= preview.high_db for preview in snr_preview(chosen, estimate(chosen).simulated_s))
    except LinksimError as error:
        refused(campaign, error)
    return "accepted"


def test_texts(campaign: Campaign, tmp_path: Path) -> None:
    """Changes of characters and lines, read from a file as the command line does."""
    for number in campaign.numbers(20, 4000):
        (tmp_path / "mutated.yaml").write_bytes(mutated_text(campaign.draw(number)).encode("utf-8", "surrogatepass"))

        def case() -> str:
            return "accepted" if loads(campaign, lambda: load_scenario(str(tmp_path / "mutated.yaml"))) else "refused"

        campaign.check(number, LIMIT_S, case)
    campaign.finish()


def test_trees(campaign: Campaign) -> None:
    """Changes of keys and values of scenarios as they are shipped, and with all defaults filled in."""
    for number in campaign.numbers(20, 4000):
        text = mutated_tree(campaign.draw(number))
        campaign.check(number, LIMIT_S, lambda text=text: outcome(campaign, text))  # type: ignore[misc]
    campaign.finish()


def test_overrides(campaign: Campaign) -> None:
    """One to three values of `--set`, on a scenario that has the key or on another one."""
    for number in campaign.numbers(10, 2000):
        draw = campaign.draw(number)
        overrides = [mutated_override(draw) for _ in range(draw.randint(1, 3))]
        text = draw.choice(SHIPPED)
        campaign.check(number, LIMIT_S, lambda text=text, overrides=overrides: outcome(campaign, text, overrides))  # type: ignore[misc]
    campaign.finish()


def shortened(scenario: Scenario) -> Scenario:
    """Return a scenario with at most two frames, two links per group and a second of simulated time."""
    groups = {name: options.model_copy(update={"links": min(options.links, 2)}) for name, options in scenario.groups.items()}
    short = {"frames": min(scenario.frames, 2), "max_time_s": min(scenario.max_time_s, 1.0), "groups": groups}
    return scenario.model_copy(update=short)


def test_runs(campaign: Campaign, small_model_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What loads runs, or is refused by the run with one message. Small networks replace those of the shipped names."""
    monkeypatch.setenv("LINKSIM_MODELS", str(small_model_files))
    clear_model_cache()
    for number in campaign.numbers(2, 300):
        text = crossed_tree(campaign.draw(number))

        def case(text: str = text) -> str:
            scenario = loads(campaign, lambda: scenario_from_text(text, "crossed.yaml"))
            if scenario is None:
                return "refused"
            scenario = shortened(scenario)
            found = estimate(scenario)
            if found.cpu_s > RUNNABLE_S or found.memory_bytes > RUNNABLE_BYTES or found.snr_values > RUNNABLE_VALUES:
                return "accepted but too long for the campaign"
            try:
                run(scenario)
            except LinksimError as error:
                refused(campaign, error)
                return "refused by the run"
            return "run to their end"

        campaign.check(number, RUN_LIMIT_S, case)
    clear_model_cache()
    campaign.finish()
