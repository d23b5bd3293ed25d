"""The cheapest path of speakers through a transcript's words.

What others do by rules (the majority of a sentence takes in the stray words at its edges, unless
these are a whole utterance between pauses, or the voice is beyond doubt) falls out of one sum:
each word costs what its evidence says, and each change of speaker costs little after a sentence or
a pause and much inside one. The path with the smallest sum is found by Viterbi's algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence


def cheapest_path(
    word_costs: Sequence[Sequence[int] | None], switch_costs: Sequence[int]
) -> list[int]:
    """Return one speaker index for each word.

    ``word_costs`` holds the cost of each speaker, word by word, None where nothing is known;
    ``switch_costs[i]`` is paid where the words ``i`` and ``i + 1`` have different speakers.

    Notes
    -----
    Whole numbers make sums exact, and staying wins every tie. Lowering the price of a change where
    the path already has one therefore leaves the path as it is, which is what makes labelling an
    already labelled and split transcript a no-op.

    Examples
    --------
    >>> cheapest_path([[0, 4], [4, 0], [0, 4]], [3, 3, 0])
    [0, 0, 0]
    >>> cheapest_path([[0, 4], [4, 0], [0, 4]], [1, 1, 0])
    [0, 1, 0]
    """
    if not word_costs:
        return []
    count = max((len(costs) for costs in word_costs if costs is not None), default=1)
    unknown = [0] * count
    totals = list(word_costs[0] or unknown)
    switched: list[list[bool]] = [[False] * count]
    best_before = [0]
    for index in range(1, len(word_costs)):
        best = min(range(count), key=totals.__getitem__)
        arriving = totals[best] + switch_costs[index - 1]
        row = [arriving < total for total in totals]
        costs = word_costs[index] or unknown
        totals = [
            (arriving if change else total) + cost
            for change, total, cost in zip(row, totals, costs, strict=True)
        ]
        switched.append(row)
        best_before.append(best)
    state = min(range(count), key=totals.__getitem__)
    path = [state]
    for index in range(len(word_costs) - 1, 0, -1):
        if switched[index][state]:
            state = best_before[index]
        path.append(state)
    return path[::-1]
