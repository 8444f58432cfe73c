"""Strengths of three and more models from pairwise outcomes with ties: Davidson's model, maximum likelihood.

Davidson (1970), Journal of the American Statistical Association 65: 317. With strengths pi and nu >= 0,

    P(i beats j) = pi_i / s,  P(tie) = nu sqrt(pi_i pi_j) / s,  s = pi_i + pi_j + nu sqrt(pi_i pi_j);

without ties nu is 0, which is the Bradley-Terry model. In log pi and log nu it is log-linear (Fienberg and
Larntz 1976), so that its likelihood is concave and Newton's method finds its only maximum, if it has one.
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NEVER = -1e9  # the logit of a tie where nu is 0
STEPS = 100


class Fit(NamedTuple):
    """Maximum likelihood of R tables: `strengths` (R, n), natural logarithms with the first model's 0, and
    `ties` (R,), nu."""

    strengths: Array
    ties: Array


@cache
def pairs(models: int) -> tuple[tuple[int, int], ...]:
    """The pairs (i, j), i < j, in the order of a table's second axis."""
    return tuple(itertools.combinations(range(models), 2))


def fit(tables: Array, models: int) -> Fit:
    """Davidson's strengths of each table.

    Args:
        tables: (R, P, 3) by pair (i, j) of `pairs`: how often i won, j won, and they tied. Each must be
            `identified`.
    """
    design, counts = _design(models), tables.astype(np.float64)
    totals, tied = counts.sum(axis=2), counts[:, :, 2].sum(axis=1) > 0
    beta = np.zeros((len(tables), models))  # strengths of all models but the first, then log nu
    never = np.where(tied, 0.0, NEVER)[:, None] * np.array([0.0, 0.0, 1.0])
    for _ in range(STEPS):
        chances = _softmax(np.einsum("pkq,rq->rpk", design, beta) + never[:, None])
        gradient = np.einsum("rpk,pkq->rq", counts - totals[:, :, None] * chances, design)
        gradient[~tied, -1] = 0.0
        step = np.linalg.solve(_information(design, totals, chances, tied), gradient[..., None])[..., 0]
        step /= np.maximum(1.0, np.abs(step).max(axis=1, keepdims=True) / 2)
        beta += step
        if np.abs(step).max(initial=0.0) < 1e-10:
            break
    strengths = np.concatenate([np.zeros((len(beta), 1)), beta[:, :-1]], axis=1)
    return Fit(strengths, np.where(tied, np.exp(beta[:, -1]), 0.0))


@cache
def _design(models: int) -> Array:
    """(P, 3, n): what the logits of i, of j and of a tie are made of."""
    design = np.zeros((len(pairs(models)), 3, models + 1))
    for row, (i, j) in enumerate(pairs(models)):
        design[row, 0, i] = design[row, 1, j] = design[row, 2, -1] = 1
        design[row, 2, [i, j]] = 0.5
    return design[:, :, 1:]


def _softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    return np.asarray(weights / weights.sum(axis=2, keepdims=True))


def _information(design: Array, totals: Array, chances: Array, tied: NDArray[np.bool_]) -> Array:
    """(R, n, n): the negative second derivative of the log-likelihood; a tie's row is 1 where nu is 0."""
    mean = np.einsum("rpk,pkq->rpq", chances, design)
    second = np.einsum("rp,rpk,pka,pkb->rab", totals, chances, design, design, optimize=True)
    found = np.asarray(second - np.einsum("rp,rpa,rpb->rab", totals, mean, mean, optimize=True))
    found[~tied, -1, :] = found[~tied, :, -1] = 0.0
    found[~tied, -1, -1] = 1.0
    return found


def identified(tables: Array, models: int) -> NDArray[np.bool_]:
    """(R,) whether each table's likelihood has a maximum.

    It has none where the parameters can run away without making an observed outcome less likely: strengths
    alone, unless wins (and ties, which count both ways) lead from every model to every other; strengths
    and nu together, where all |log pi_i - log pi_j| can be set against 2 log nu so that ties lie within it
    and wins beyond (a model of two that never loses). The second is a system of difference constraints, which
    has a solution unless its graph has a negative cycle.
    """
    wins, ties = _square(tables, models)
    with_ties = ties.any(axis=(1, 2))
    return _connected((wins + ties) > 0) & (~with_ties | _negative_cycle(wins, ties))


def _square(tables: Array, models: int) -> tuple[Array, Array]:
    """Wins of i over j, and ties (R, n, n), from tables by pair."""
    wins = np.zeros((len(tables), models, models))
    ties = np.zeros_like(wins)
    for row, (i, j) in enumerate(pairs(models)):
        wins[:, i, j], wins[:, j, i] = tables[:, row, 0], tables[:, row, 1]
        ties[:, i, j] = ties[:, j, i] = tables[:, row, 2]
    return wins, ties


def reachable(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(R, n, n) whether edges lead from i to j; from itself always."""
    found = edges | np.eye(edges.shape[1], dtype=bool)
    for k in range(edges.shape[1]):
        found |= found[:, :, k : k + 1] & found[:, k : k + 1, :]
    return found


def _connected(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(reachable(edges).all(axis=(1, 2)))


def _negative_cycle(wins: Array, ties: Array) -> NDArray[np.bool_]:
    """Whether no a exist with a_i - a_j >= 2 for wins of i over j and |a_i - a_j| <= 2 for ties."""
    distance = np.where(wins > 0, -2.0, np.where(ties > 0, 2.0, np.inf))
    distance[:, range(wins.shape[1]), range(wins.shape[1])] = 0.0
    for k in range(wins.shape[1]):
        distance = np.minimum(distance, distance[:, :, k : k + 1] + distance[:, k : k + 1, :])
    return np.asarray((np.diagonal(distance, axis1=1, axis2=2) < 0).any(axis=1))


def obstacle(table: Array, names: tuple[str, ...]) -> str:
    """Why one table (P, 3) is not `identified`, in words; "" where it is."""
    if identified(table[None], len(names))[0]:
        return ""
    wins, ties = _square(table[None], len(names))
    paths = reachable((wins + ties) > 0)[0]
    for start in range(len(names)):
        group = [
            name for name, beaten, beats in zip(names, paths[start], paths[:, start]) if beaten and beats
        ]
        if not paths[:, start][[name not in group for name in names]].any() and len(group) < len(names):
            return (
                f"{' and '.join(group)} never lost to or tied with another, so that no strength is too large"
            )
    return "too few models both won and lost against each other to tell strengths from the share of ties"
