"""Learns when two groups of windows are one person: the weights of ``settings.pairs``.

Conversations and monologues of people whom the embedding was not trained on are simulated, put
through the pipeline up to the clustering, and cut into too many groups. Each pair of groups, and
of groups merged at random, is one person or two by the reference: a logistic regression learns it.

``python -m models.speakercount --speech DIR --work DIR`` prints the lines that belong in
``diarize/settings/stages.py``, and how often a probability is right on recordings left out. Run it
again for another embedding or segmentation model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from diarize.arrays import Float64, Int64
from diarize.clustering.pairs import FEATURES, weights_of
from diarize.clustering.speakers import Seeds, needed_groups, small_groups
from diarize.pipeline.assignment import known_of_windows
from diarize.pipeline.intermediate import WindowEmbeddings
from diarize.settings import DEFAULTS, PairSettings
from diarize.speakers.diarizer import Diarizer
from diarize.timeline import Turn, coverage, union
from models.benchmark import options
from models.benchmark.extracted import Cache
from models.benchmark.recordings import Recording, simulated
from models.simulation.scenes import SimulationOptions

#: Shares of a speaker's prior in VBx: how finely recordings are cut.
PRIORS = (0.4, 0.6, 1.0)
FIRST_SEED = 9000
# What a pair counts: the square root of the smaller group's seconds, at most these; monologues,
# which hold but one answer, count for a share.
_MOST_SECONDS = 20.0
_MONOLOGUE = 0.4
# A group is of whom it holds this share of.
_PURE = 0.65
_RIDGE = 1.0


@dataclass(frozen=True)
class Pairs:
    """Pairs of groups of one recording.

    Parameters
    ----------
    features : (M, F) float64 array
    same : (M,) bool array
        Whether they are one person.
    weights : (M,) float64 array
    recording : str
    """

    features: Float64
    same: np.ndarray
    weights: Float64
    recording: str


def main(argv: Sequence[str] | None = None) -> int:
    """Learn the weights, and print them."""
    parser = argparse.ArgumentParser(prog="python -m models.speakercount", description=__doc__)
    options.add_quick(options.add_speech(parser))
    parser.add_argument("--embedding-model", metavar="PATH", help="default: the bundled one")
    parser.set_defaults(part="more")
    args = parser.parse_args(argv)
    diarizer = Diarizer(embedder=args.embedding_model, threads=1)
    work = options.work_folder(args) / "speakercount"
    items = recordings(options.speech_folder(args), work, args.part, args.quick)
    cache = Cache(work / "extracted")
    rng = np.random.default_rng(0)
    distance = diarizer.embedder.thresholds.clustering
    found = [
        pairs
        for item in items
        for pairs in pairs_of(
            seeds_of(cache.extract_one("bundled", diarizer, item)),
            item.turns,
            item.uri,
            distance,
            rng,
        )
    ]
    settings = learnt(found)
    for name in (*FEATURES, "bias"):
        print(f"    {name}: float = {getattr(settings, name):.2f}")
    for line in reliability(found):
        print(line)
    return 0


def recordings(speech: Path, work: Path, part: str, quick: bool) -> list[Recording]:
    """Return monologues, talk of few and of many people, made if they are not there."""
    sets = {
        "one": (2 if quick else 90, (0.6, 1.1), (1,)),
        "few": (2 if quick else 60, (0.8, 2.2), (2, 3, 4, 2, 5)),
        "many": (0 if quick else 30, (2.5, 4.0), (5, 6, 7, 8, 10)),
    }
    found: list[Recording] = []
    for index, (name, (count, minutes, speakers)) in enumerate(sets.items()):
        found += simulated(
            speech,
            work / name,
            part=part,
            count=count,
            first_seed=FIRST_SEED + 1000 * index,
            options=SimulationOptions(minutes=minutes),
            speakers=speakers,
        )
    return found


def seeds_of(extracted: WindowEmbeddings) -> Seeds:
    """Return the windows that may start a speaker."""
    known = known_of_windows(extracted)
    seconds = known.pop("weights")
    return Seeds.of(extracted.embeddings, seconds, **known, settings=DEFAULTS)[0]


def pairs_of(
    seeds: Seeds,
    reference: Sequence[Turn],
    recording: str,
    distance: float,
    rng: np.random.Generator,
) -> Iterator[Pairs]:
    """Yield pairs of groups as they come, and with people's groups partly merged."""
    if len(seeds.seconds) < 4:
        return
    people = sorted({turn.speaker for turn in reference})
    spoken = np.array(
        [
            coverage(seeds.segments, union(t.segment for t in reference if t.speaker == one))
            for one in people
        ]
    )
    small = small_groups(seeds, distance, 1, DEFAULTS.clustering)
    for share in PRIORS:
        labels = needed_groups(seeds, small, distance, share, DEFAULTS)
        for merged in (labels, *(partly_merged(labels, spoken, rng) for _ in range(2))):
            if merged.max() < 1:
                continue
            groups = seeds.summed(merged)
            first, second = np.triu_indices(groups.count, 1)
            who, pure = owners(merged, spoken)
            known = pure[first] & pure[second]
            smaller = np.minimum(groups.seconds[first], groups.seconds[second])[known]
            features = groups.features(first, second, distance, DEFAULTS.pairs)[known]
            weights = np.sqrt(np.minimum(smaller, _MOST_SECONDS) / max(1, len(smaller)))
            weights *= _MONOLOGUE if len(people) == 1 else 1.0
            yield Pairs(features, (who[first] == who[second])[known], weights, recording)


def owners(labels: Int64, spoken: Float64) -> tuple[Int64, np.ndarray]:
    """Return who each group of windows is, and whether that is sure.

    Parameters
    ----------
    labels : (N,) int64 array
    spoken : (P, N) float64 array
        Seconds of each person in each window.

    Examples
    --------
    >>> owners(np.array([0, 0, 1]), np.array([[1.0, 1.0, 0.5], [0.0, 0.1, 0.5]]))
    (array([0, 0]), array([ True, False]))
    """
    seconds = np.zeros((int(labels.max()) + 1, len(spoken)))
    np.add.at(seconds, labels, spoken.T)
    total = seconds.sum(axis=1)
    return seconds.argmax(axis=1), (total > 0) & (seconds.max(axis=1) >= _PURE * total)


def partly_merged(labels: Int64, spoken: Float64, rng: np.random.Generator) -> Int64:
    """Merge some of each person's groups into one, at random."""
    who, _ = owners(labels, spoken)
    onto = np.arange(len(who))
    for person in np.unique(who):
        mine = np.flatnonzero(who == person)
        if len(mine) > 2:
            chosen = mine[rng.random(len(mine)) < 0.6]
            onto[chosen] = chosen[0] if len(chosen) else 0
    return np.unique(onto[labels], return_inverse=True)[1].astype(np.int64)


def learnt(found: Sequence[Pairs]) -> PairSettings:
    """Return settings with the weights of a logistic regression on all pairs."""
    features = np.concatenate([one.features for one in found])
    same = np.concatenate([one.same for one in found]).astype(np.float64)
    counts = np.concatenate([one.weights for one in found])
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    scaled = np.column_stack([(features - mean) / spread, np.ones(len(same))])

    def loss(weights: Float64) -> tuple[float, Float64]:
        logit = scaled @ weights
        wrong = counts * (1.0 / (1.0 + np.exp(-logit)) - same)
        value = counts @ (np.logaddexp(0.0, logit) - same * logit)
        held = np.append(weights[:-1], 0.0)
        return float(value + held @ held / (2 * _RIDGE)), wrong @ scaled + held / _RIDGE

    start = np.zeros(scaled.shape[1])
    weights = minimize(loss, start, jac=True, method="L-BFGS-B").x
    own = weights[:-1] / spread
    values = dict(zip(FEATURES, own.tolist(), strict=True))
    return replace(DEFAULTS.pairs, **values, bias=float(weights[-1] - own @ mean))


def reliability(found: Sequence[Pairs]) -> list[str]:
    """Return how often pairs are one person, by the probability that others' pairs give them."""
    names = sorted({one.recording for one in found})
    held = set(names[::4])
    settings = learnt([one for one in found if one.recording not in held] or found)
    rest = [one for one in found if one.recording in held]
    features = np.concatenate([one.features for one in rest])
    logit = features @ weights_of(settings) + settings.bias
    chance = 1.0 / (1.0 + np.exp(-logit))
    same = np.concatenate([one.same for one in rest])
    counts = np.concatenate([one.weights for one in rest])
    lines = ["probability | are one | weight"]
    for low in np.arange(0.0, 1.0, 0.2):
        inside = (chance >= low) & (chance < low + 0.2 + 1e-9)
        if counts[inside].sum() > 0:
            share = np.average(same[inside], weights=counts[inside])
            lines.append(f"{low:.1f} to {low + 0.2:.1f} | {share:.2f} | {counts[inside].sum():.0f}")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
