"""What both trainings share: recipes, stages, the loop, checkpoints."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from models.training.provenance import commit, fingerprint, manifest
from models.training.recipe import digest, read_recipe
from models.training.schedule import rate_factor
from models.training.stages import Stage, run_stages
from models.training.trainer import Habits, Optimization, Trainer

SETTINGS = Optimization(steps=8, warm_up=2, anneal=3, rate=1e-2, decay=0.0)


class Square:
    """The distance of a layer's output from the batch's mean."""

    names = ("error", "number")

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network

    def __call__(self, batch: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        loss = (self.network(batch) - batch.mean()).square().mean()
        return loss, torch.stack([loss, torch.tensor(float(step))])


def batches(first: int = 0, count: int = 100) -> list[torch.Tensor]:
    """Batch `i` depends on `i` alone."""
    return [
        torch.randn(4, 3, generator=torch.Generator().manual_seed(i)) for i in range(first, count)
    ]


def trainer(folder: Path, settings: Optimization = SETTINGS, **more) -> Trainer:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    return Trainer(network, Square(network), settings, folder, facts={"shape": [3, 2]}, **more)


def same_weights(one: Trainer, other: Trainer) -> bool:
    return all(
        torch.allclose(a, b)
        for part in ("network", "average")
        for a, b in zip(
            getattr(one, part).state_dict().values(),
            getattr(other, part).state_dict().values(),
            strict=True,
        )
    )


def test_fit_logs_and_leaves_checkpoints(tmp_path):
    run = trainer(tmp_path, habits=Habits(log=4))
    run.fit(batches())
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], float(row["number"])) for row in rows] == [("4", 1.5), ("8", 5.5)]
    assert [float(row["rate"]) for row in rows] == [1e-2, pytest.approx(1e-4)]
    assert torch.load(run.checkpoint, weights_only=True)["step"] == 8
    assert torch.load(run.plateau, weights_only=True)["step"] == 5
    assert not list(tmp_path.glob("*.part"))


def test_a_stopped_run_goes_on_identically(tmp_path):
    whole = trainer(tmp_path / "whole")
    whole.fit(batches())
    stopped = trainer(tmp_path / "parts")
    for batch in batches()[:6]:
        stopped.update(batch)
    stopped.save(stopped.checkpoint)
    parts = trainer(tmp_path / "parts")
    assert parts.resume()
    assert parts.step == 6
    parts.fit(batches(6))
    assert same_weights(whole, parts)


def test_a_longer_run_goes_on_from_the_plateau(tmp_path):
    trainer(tmp_path / "run").fit(batches())
    longer = replace(SETTINGS, steps=12)
    more = trainer(tmp_path / "run", longer)
    assert more.resume()
    assert more.step == 5
    more.fit(batches(5))
    whole = trainer(tmp_path / "whole", longer)
    whole.fit(batches())
    assert same_weights(whole, more)


@pytest.mark.parametrize("change", [{"rate": 1e-3}, {"steps": 6}, {"average": 0.9}])
def test_a_run_with_other_numbers_begins_anew(tmp_path, change):
    trainer(tmp_path).fit(batches())
    assert not trainer(tmp_path, replace(SETTINGS, **change)).resume()


def test_a_run_of_another_shape_begins_anew(tmp_path):
    first = trainer(tmp_path)
    first.fit(batches())
    first.facts = {"shape": [3, 9]}
    assert not first.resume()


def test_fit_stops_where_a_loss_is_no_number(tmp_path):
    run = trainer(tmp_path, habits=Habits(log=2))
    with pytest.raises(SystemExit, match="no number at step 2"):
        run.fit([torch.full((4, 3), float("nan"))] * 4)
    assert not run.checkpoint.exists()


def test_fit_waits_while_the_file_is_there(tmp_path, monkeypatch):
    pause = tmp_path / "PAUSE"
    pause.touch()
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            pause.unlink()

    monkeypatch.setattr("models.training.trainer.time.sleep", sleep)
    run = trainer(tmp_path, habits=Habits(pause=pause))
    run.fit(batches())
    assert len(slept) == 3 and run.step == 8


def test_rate_factor_rises_stays_and_falls():
    rates = [rate_factor(step, steps=100, warm_up=10, anneal=40) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:61] == [1.0] * 51
    assert all(a > b for a, b in pairwise(rates[60:]))
    assert rates[100] == pytest.approx(0.01)


# --- recipes and stages -----------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers:
    count: int = 1
    rate: float = 0.5
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sections:
    numbers: Numbers = field(default_factory=Numbers)


def read(tmp_path: Path, text: str) -> Sections:
    (tmp_path / "recipe.toml").write_text(text)
    return read_recipe(tmp_path / "recipe.toml", Sections)


def test_read_recipe_fills_the_dataclasses(tmp_path):
    found = read(tmp_path, "[numbers]\nrate = 2\nnames = ['a', 'b']")
    assert found == Sections(Numbers(1, 2.0, ("a", "b")))
    assert read(tmp_path, "") == Sections()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[numbres]", "unknown: numbres; known: numbers"),
        ("[numbers]\nrats = 1.0", "numbers: unknown: rats"),
        ("[numbers]\ncount = 1.5", "count: 1.5 is no int"),
        ("numbers = 3", "numbers is a section"),
        ("[numbers", "recipe.toml"),
    ],
)
def test_read_recipe_names_what_is_wrong(tmp_path, text, message):
    with pytest.raises(SystemExit, match=message):
        read(tmp_path, text)


def test_stages_run_again_only_where_something_changed(tmp_path):
    source = tmp_path / "source"
    source.write_text("1")
    ran: list[str] = []

    def stages(first: float = 1.0, second: float = 1.0) -> list[Stage]:
        def work(name: str) -> None:
            ran.append(name)
            (tmp_path / name).touch()

        return [
            Stage("one", lambda: work("one"), [tmp_path / "one"], first, [source]),
            Stage("two", lambda: work("two"), [tmp_path / "two"], second, after=["one"]),
            Stage("three", lambda: work("three"), [tmp_path / "three"]),
        ]

    def run(**changes: float) -> list[str]:
        ran.clear()
        assert run_stages(stages(**changes), tmp_path / "stamps", lambda line: None) == ran
        return list(ran)

    assert run() == ["one", "two", "three"]
    assert run() == []
    assert run(second=2.0) == ["two"]
    assert run(second=2.0, first=2.0) == ["one", "two"]
    source.write_text("2")
    assert run(second=2.0, first=2.0) == ["one", "two"]
    (tmp_path / "three").unlink()
    assert run(second=2.0, first=2.0) == ["three"]


def test_a_stage_that_writes_nothing_is_not_done(tmp_path):
    stage = Stage("one", lambda: None, [tmp_path / "one"])
    with pytest.raises(RuntimeError, match="did not write"):
        run_stages([stage], tmp_path, lambda line: None)


def test_fingerprints_follow_contents_and_names(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"12")
    before = fingerprint(tmp_path / "a"), fingerprint(tmp_path / "a" / "b" / "file")
    (tmp_path / "a" / "b" / "file").write_bytes(b"21")
    assert fingerprint(tmp_path / "a" / "b" / "file") != before[1]
    (tmp_path / "a" / "b" / "file").rename(tmp_path / "a" / "other")
    assert fingerprint(tmp_path / "a") != before[0]
    assert manifest(tmp_path, ("a", "none")) == manifest(tmp_path, ("a",))
    assert len(digest(SETTINGS, Path("x"), (1, 2))) == 64
    assert commit() == "unknown" or len(commit().rstrip("+")) == 40
