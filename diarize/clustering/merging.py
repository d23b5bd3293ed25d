"""How many people: groups of windows merged and split by how likely each pair is one person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from diarize.arrays import Float64, Int64
from diarize.clustering.pairs import Groups
from diarize.settings import PairSettings

#: Adds up windows by their labels.
Summed = Callable[[Int64], Groups]


@dataclass(frozen=True)
class People:
    """Who each window belongs to, and how sure that is.

    Parameters
    ----------
    labels : (N,) int64 array
        0, 1, …, each of them present.
    own : (K,) float64 array
        Probability that each is a person of their own, and nobody of the others.
    fewer, more : float
        Probability that two of them are one, and that one of them is two.
    """

    labels: Int64
    own: Float64
    fewer: float
    more: float


@dataclass(frozen=True)
class _Split:
    """A group of fine windows that leaves its speaker: what that gives."""

    labels: Int64
    same: float
    seconds: float

    @property
    def cost(self) -> float:
        """Seconds that go to the wrong speaker, expected, less those that come right."""
        return (2.0 * self.same - 1.0) * self.seconds


def find_people(
    coarse: Int64,
    fine: tuple[Int64, ...],
    summed: Summed,
    distance: float,
    bounds: tuple[int, int],
    settings: PairSettings,
) -> People:
    """Decide which groups of windows are one person.

    Groups that are likely one are merged, the likeliest pair first. Then a part of a group that
    fits nobody becomes a speaker: the residual. Where bounds ask for fewer, those pairs are merged
    by which the least speech goes to the wrong speaker; where they ask for more, those parts are
    split off, quiet people before halves of the talkative. A part that is surely no person of its
    own stays, whatever was asked for.

    Parameters
    ----------
    coarse : (N,) int64 array
        Groups to begin with.
    fine : tuple of (N,) int64 arrays
        More and smaller groups, whose shares of the others are what can be split off; the first
        is asked where nothing is known of the number.
    summed : callable
        Adds up windows by their labels.
    distance : float
        The model's clustering distance.
    bounds : (int, int)
        Least and greatest number of speakers.
    """
    low, high = bounds
    search = _Search(summed, distance, settings)
    least = residual_seconds(summed(coarse).seconds, settings)
    labels = search.merged(coarse, high)
    if int(labels.max(initial=-1)) + 1 >= settings.residual_speakers:
        labels = search.split(labels, fine[:1], settings.split_below, high, least)
    labels = search.split(labels, fine, settings.forced_split_below, low, settings.least_seconds)
    return search.judged(labels, fine[:1], least)


def residual_seconds(seconds: Float64, settings: PairSettings) -> float:
    """Return the seconds of speech that nobody has asked for and that may be a speaker."""
    return max(settings.residual_seconds, settings.residual_share * float(seconds.sum()))


@dataclass(frozen=True)
class _Search:
    summed: Summed
    distance: float
    settings: PairSettings

    def merged(self, labels: Int64, high: int) -> Int64:
        """Merge pairs that are likely one person, and others while there are too many."""
        groups = self.summed(labels)
        while groups.count > 1:
            first, second = np.triu_indices(groups.count, 1)
            same = self._same(groups, first, second)
            far = groups.distances(first, second) > self.settings.furthest * self.distance
            best = int(np.where(far, 0.0, same).argmax())
            if far[best] or same[best] <= self.settings.merge_above:
                if groups.count <= high:
                    break
                smaller = np.minimum(groups.seconds[first], groups.seconds[second])
                best = int(((1.0 - 2.0 * same) * smaller).argmin())
            onto = np.arange(groups.count)
            onto[second[best]] = first[best]
            onto -= onto > second[best]
            groups, labels = groups.regrouped(onto), onto[labels]
        return labels

    def split(
        self, labels: Int64, fine: tuple[Int64, ...], below: float, most: int, least: float
    ) -> Int64:
        """Split off what is likely somebody else, until there are ``most`` speakers."""
        while int(labels.max(initial=-1)) + 1 < most:
            ways = [way for way in self._splits(labels, fine, least) if way.same < below]
            if not ways:
                break
            labels = min(ways, key=lambda way: way.cost).labels
        return labels

    def judged(self, labels: Int64, fine: tuple[Int64, ...], least: float) -> People:
        """Say how sure the speakers and their number are."""
        groups = self.summed(labels)
        first, second = np.triu_indices(groups.count, 1)
        same = self._same(groups, first, second)
        likest = np.zeros(groups.count)
        np.maximum.at(likest, first, same)
        np.maximum.at(likest, second, same)
        more = max((1.0 - way.same for way in self._splits(labels, fine, least)), default=0.0)
        return People(labels, 1.0 - likest, float(same.max(initial=0.0)), more)

    def _same(self, groups: Groups, first: Int64, second: Int64) -> Float64:
        return groups.same_person(first, second, self.distance, self.settings)

    def _splits(self, labels: Int64, fine: tuple[Int64, ...], least: float) -> Iterator[_Split]:
        """Yield what each share of fine groups in a group would be as a speaker."""
        count = int(labels.max(initial=-1)) + 1
        for other in fine:
            pairs, part = np.unique(np.stack([labels, other]), axis=1, return_inverse=True)
            part = part.reshape(-1)
            owner = pairs[0]
            parts = self.summed(part)
            whole, members = np.bincount(owner, weights=parts.seconds), np.bincount(owner)
            for index in np.flatnonzero(members[owner] > 1):
                smaller = min(parts.seconds[index], whole[owner[index]] - parts.seconds[index])
                if smaller < least:
                    continue
                onto = owner.copy()
                onto[index] = count
                others = np.arange(count)
                same = self._same(parts.regrouped(onto), others, np.full(count, count))
                yield _Split(onto[part], float(same.max()), float(smaller))
