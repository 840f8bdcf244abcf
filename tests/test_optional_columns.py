"""Values that not every scheme has: receivers that decode classes alone, and schemes with different negotiated parameters in one run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from adaptive_tables import adaptive
from plot_tables import Given, Tables, one_group
from tiny_models import use_models

import linksim
from linksim import plugins, registry
from linksim.enums import Node
from linksim.negotiation import NegotiatedParameters, bounded, bounds
from linksim.nets.weights import clear_model_cache
from linksim.nodes.decision_rewards import RoundReward, round_reward
from linksim.phy.baseband import equalise
from linksim.plots.adaptation import adaptation_figure
from linksim.plots.figures import draw_all
from linksim.plots.policy_groups import PolicyGroups
from linksim.plots.policy_map import policy_map_figure
from linksim.plots.report import write_report
from linksim.plots.rewards import grouped_sums, mean_reward, mean_ssim, reward_windows
from linksim.plots.summary import summarise, summary_text
from linksim.plots.trace_view import read_view
from linksim.reconstruction import Reconstruction
from linksim.records import FILL, ImageScore
from linksim.scenario import schema
from linksim.scenario.schemes import DiffusionSteps, SchemeOptions

PAIR = ("oracle", "lookup")
LABELS = Path(__file__).resolve().parents[1] / "examples" / "label_scheme.py"


@dataclass(frozen=True, slots=True)
class Level(NegotiatedParameters):
    """Negotiated parameters of the scheme `levels`."""

    level: int = bounded(0, 3, "attenuation of the symbols", unit="dB", default=2)


class LevelOptions(SchemeOptions):
    """Pixels sent as they are, two in each symbol, with a negotiated attenuation."""

    Parameters: ClassVar[type[NegotiatedParameters]] = Level


class Levels:
    """The scheme of `LevelOptions`."""

    Parameters, images_per_item, detects_erasures, channel_uses = Level, 1, False, 3 * 32 * 32 // 2

    def send(self, images: Any, parameters: Any, noise: Any) -> Any:
        (level,) = parameters.columns()
        symbols = torch.view_as_complex((2.0 * images.reshape(len(images), -1, 2) - 1.0).contiguous())
        return symbols * 10.0 ** (-level.float()[:, None] / 20.0)

    def receive(self, received: Any, parameters: Any, noise: Any) -> Reconstruction:
        values = torch.view_as_real(equalise(received)).flatten(1)
        return Reconstruction((values / 2.0 + 0.5).clamp(0.0, 1.0).view(-1, 1, 3, 32, 32))


@pytest.fixture(scope="module")
def trace(small_model_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Trace of three groups: `diffusion` negotiates t_d and t_plus, `levels` level, and `classes` has a receiver without images."""
    linksim.register("scheme", "levels", LevelOptions)(lambda options, context: Levels())
    plugins.load_plugin(str(LABELS))
    groups = {
        "diffusion": {"scheme": "diffusec", "bob": {"policy": {"name": "random"}}},
        "levels": {"scheme": "levels"},
        "classes": {"scheme": "projection", "eve": "none"},
    }
    alice = {"images_per_frame": 2, "frame_interval_ms": 30}
    path = tmp_path_factory.mktemp("optional") / "run.h5"
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, small_model_files)
        clear_model_cache()
        linksim.run({"name": "mixed", "frames": 8, "dataset": "samples", "alice": alice, "groups": groups}, out=path).close()
        yield path
    clear_model_cache()
    for name in ("levels", "projection"):
        registry.remove("scheme", name)
    plugins.unload()
    schema.refresh()


def test_each_parameter_has_one_column_with_fill_values_for_other_groups(trace: Path) -> None:
    with linksim.open_trace(trace) as run:
        assert run.trace.metadata.parameters == (*bounds(DiffusionSteps), *bounds(Level))
        links, frames, decisions = (run.table(name) for name in ("links", "frames", "decisions"))
        group_of = dict(zip(links["link"].tolist(), links["group"], strict=True))
        groups = np.array([group_of[link] for link in frames["link"].tolist()])
        for name, owner in (("t_d", "diffusion"), ("t_plus", "diffusion"), ("level", "levels")):
            assert (frames[name].mask == (groups != owner)).all()
            assert (run.trace.table("frames")[name][groups != owner] == FILL).all()
            assert not frames[name][groups == owner].mask.any()
            assert {group_of[link] for link in decisions["link"][~decisions[name].mask].tolist()} == {owner}
            assert (decisions[name].mask == decisions[f"{name}_before"].mask).all()
        assert set(frames["level"].compressed()) == {2}
        assert len(set(frames["t_d"].compressed())) > 1
        assert set(np.array(list(group_of.values()))[decisions["link"]]) == {"diffusion", "levels"}
        pandas = pytest.importorskip("pandas")
        assert run.to_pandas("frames")["level"].dtype == pandas.Int64Dtype()
        assert run.to_pandas("frames")["level"].isna().tolist() == frames["level"].mask.tolist()


def test_a_receiver_without_images_has_classes_alone(trace: Path) -> None:
    with linksim.open_trace(trace) as run:
        links, scores = run.table("links"), run.table("scores")
        (link,) = links["link"][links["group"] == "classes"]
        own = scores["link"] == link
        assert own.sum() == 16
        assert not scores["class_received"].mask[own].any()
        for name in ("psnr_db", "ssim", "mse"):
            assert np.isnan(scores[name][own]).all()
            assert np.isfinite(scores[name][~own]).all()
        for name in ("class_clean", "class_attacked", "erased"):
            assert scores[name].mask[own].all()


def test_the_summary_shows_the_parameters_and_scores_that_exist(trace: Path, tmp_path: Path) -> None:
    with linksim.open_trace(trace) as run:
        text = run.summary()
    lines = text.splitlines()
    (classes,) = [line for line in lines if line.startswith("classes")]
    assert classes.split()[:7] == ["classes", "1", "Bob", "16", "8", "-", "-"]  # 16 images in 8 frames, over a steady channel
    assert classes.split()[8] == "%"  # accuracy
    (diffusion,) = [line for line in lines if line.startswith("diffusion: ")]
    (levels,) = [line for line in lines if line.startswith("levels: ")]
    assert "mean t_d" in diffusion
    assert "mean t_plus" in diffusion
    assert "level" not in diffusion
    assert levels.endswith("rounds, mean level 2.0")
    page = write_report(trace, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "levels: " in page


def test_figures_show_each_parameter_with_its_name_and_description(trace: Path) -> None:
    with linksim.open_trace(trace) as run:
        view = read_view(run.trace)
    assert list(view.parameters) == ["t_d", "t_plus", "level"]
    assert [sorted(group.frames.parameters) for group in view.groups] == [["t_d", "t_plus"], ["level"], []]
    assert {"time-series", "scores", "adaptation", "policy-map", "images"} <= {name for name, _ in draw_all(view)}
    figure = policy_map_figure(view)
    assert figure is not None
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "t_d: diffusion steps of Alice",
        "t_plus: denoising steps that Bob adds to them",
        "level: attenuation of the symbols (dB)",
    ]
    assert [[line.get_label() for line in panel.get_lines() if not str(line.get_label()).startswith("_")] for panel in figure.axes] == [
        ["diffusion"],
        ["diffusion"],
        ["levels"],
    ]
    figure = adaptation_figure(view)
    assert figure is not None
    labels = {str(line.get_label()): line.get_color() for panel in figure.axes for line in panel.get_lines()}
    assert {f"{name} in force" for name in view.parameters} <= labels.keys()
    assert len({labels[f"{name} in force"] for name in view.parameters}) == 3


def without_images(given: Given, groups: tuple[str, ...] = ("open",), **more: Any) -> Tables:
    """A trace in memory in which no receiver reconstructs images, with columns of `scores` from `more`."""
    rows = len(given["scores"]["label"])
    columns = dict.fromkeys(("psnr_db", "ssim", "mse"), np.nan) | more
    given["scores"] |= {name: np.full(rows, value) for name, value in columns.items()}
    given.pop("images", None)
    return Tables(given, groups)


def test_panels_of_image_quality_are_left_out_without_images() -> None:
    figures = dict(draw_all(read_view(without_images(one_group(6)))))
    assert "images" not in figures
    assert [panel.get_ylabel() for panel in figures["time-series"].axes] == ["SNR (dB)"]
    assert [panel.get_ylabel() for panel in figures["scores"].axes] == ["accuracy (%)"]
    neither = dict(draw_all(read_view(without_images(one_group(6), class_received=FILL))))
    assert "scores" not in neither
    assert "time-series" in neither


def test_the_summary_of_a_receiver_without_images_has_no_psnr() -> None:
    (group,) = summarise(read_view(without_images(one_group(6))))
    assert group.bob is not None
    assert (group.bob.images, group.bob.units) == (12, 1)  # one link
    assert (group.bob.psnr_db.n, group.bob.ssim.n, group.bob.accuracy.n) == (0, 0, 1)
    assert np.isnan([group.bob.psnr_db.value, group.bob.psnr_of_mean_mse_db, group.bob.ssim.value]).all()
    row = summary_text([group]).splitlines()[2].split()
    assert row[:7] == ["open", "1", "Bob", "12", "1", "-", "-"]


def test_rewards_need_an_ssim() -> None:
    tables = without_images(adaptive(PAIR, links=1, rounds=4), PAIR)
    view = read_view(tables, policy_groups=(PolicyGroups(PAIR, "oracle"),))
    found = grouped_sums(view.groups[0], reward_windows(view))
    assert found.attacked
    assert not found.rewarded
    assert np.isnan(mean_reward(found)).all()
    assert np.isnan(mean_ssim(found)).all()
    figures = dict(draw_all(view))
    assert [panel.get_ylabel() for panel in figures["adaptation"].axes[::2]] == ["SNR (dB)", "parameters", "accuracy"]
    assert [panel.get_xlabel() for panel in figures["policies"].axes] == ["robust accuracy (%)"]
    assert "mean reward" not in summary_text(summarise(view))


def test_images_without_an_ssim_do_not_count_in_a_round_of_the_environment() -> None:
    classes = {"label": 1, "class_received": 2, "class_clean": 1, "class_attacked": 2}
    row = ImageScore(time_ns=0, link=0, frame=0, image=0, receiver=Node.BOB, dataset_index=0, **classes)
    assert round_reward([]) is round_reward([row]) is None
    scored = replace(row, ssim=0.5)
    assert round_reward([row, scored]) == RoundReward(ssim=0.5, adv=1.0, err=0.0, images=1)
    unclassified = replace(scored, class_clean=None, class_attacked=None)
    assert round_reward([scored, unclassified]) == RoundReward(ssim=0.5, adv=0.5, err=0.0, images=2)
