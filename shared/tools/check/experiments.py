"""Try a cause by running the port again from an altered start: right where it makes B equal A.

Some mistakes leave no law in the numbers: gates in another order make another function. But such a
mistake is the same as another start, and from that start the port gives A's numbers. What a run
shows is no guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from shared.tools.compare.known_models import forget_bias, gates_exchanged
from shared.tools.compare.rounding import Tolerance, distance
from shared.tools.compare.search import Difference
from shared.tools.compare.values import Values

Start = dict[str, np.ndarray]
Rerun = Callable[[Mapping[str, np.ndarray]], Values]
_DECAYS = (0.9, 0.99, 0.999)
_EPSILONS = (1e-3, 1e-5)


class Experiments:
    """Runs the port from altered starts, and asks whether the difference is gone."""

    def __init__(self, a: Values, b: Values, tolerance: Tolerance, rerun: Rerun) -> None:
        """Takes the reference, the port under A's names, and a way to run the port.

        Args:
            a: the reference.
            b: the port, with the names of `a`.
            tolerance: what rounding explains.
            rerun: runs the port from the initial values given, by A's names.
        """
        self.a, self.b, self.tolerance, self.rerun = a, b, tolerance, rerun

    def __call__(self, found: Difference) -> list[str]:
        """Returns what was shown; at most one sentence."""
        if found.step != self.a.first_step() or found.stage not in ("logits", "loss", "gradient"):
            return []
        for start, sentence in self._hypotheses(found):
            if self._is_gone(start, found):
                return [sentence]
        return []

    def _is_gone(self, start: Start, found: Difference) -> bool:
        again = self.rerun(start)
        # A loop of TensorFlow 2 may show no logits: then what differs has to do.
        logits = [name for name in self.a.names("logits") if name in self.b.names("logits")]
        for stage, names in (("logits", logits), (found.stage, [found.tensor])):
            for name in names:
                apart = distance(self.a, again, stage, name, found.step)
                if apart is None or apart > self.tolerance.allowed(stage, name, found.step):
                    return False
        return True

    def _start(self) -> Start:
        first = self.a.first_step()
        starts = {n: self.b.before("variable", n, first) for n in self.b.names("variable")}
        return {name: value.copy() for name, value in starts.items() if value is not None}

    def _hypotheses(self, found: Difference) -> Iterator[tuple[Start, str]]:
        if found.stage != "gradient":
            yield from self._gates()
            yield from self._epsilons()
        else:
            yield from self._order(found)

    # ---- recurrent cells ----------------------------------------------------------------------

    def _gates(self) -> Iterator[tuple[Start, str]]:
        """Blocks of four gates: in another order, or with 1 more in one of the biases."""
        start = self._start()
        biases = [n for n, v in start.items() if v.ndim == 1 and v.size % 4 == 0 and v.size >= 8]
        for bias in biases:
            width = start[bias].size
            kernels = [n for n, v in start.items() if v.ndim == 2 and v.shape[1] == width]
            if not kernels or not any(start[n].shape[0] >= width // 4 for n in kernels):
                continue
            for first, second in itertools.combinations(range(4), 2):
                order = list(range(4))
                order[first], order[second] = second, first
                changed = dict(start)
                for name in (bias, *kernels):
                    changed[name] = _blocks(start[name], order)
                yield changed, gates_exchanged(first, second, kernels)
            for gate, amount in itertools.product(range(4), (1.0, -1.0)):
                changed = {**start, bias: start[bias].copy()}
                changed[bias].reshape(4, -1)[gate] += amount
                yield changed, forget_bias(amount, gate, bias)

    # ---- batch normalization ------------------------------------------------------------------

    def _epsilons(self) -> Iterator[tuple[Start, str]]:
        """Another epsilon is another scale: gamma * sqrt((var + eps of B) / (var + eps of A))."""
        first = self.a.first_step()
        variances = [n for n in self.a.names("variable") if n.endswith(("variance", "moving_var"))]
        start = self._start()
        gammas = {n: n.rsplit("/", 1)[0] for n in start if n.rsplit("/", 1)[-1] == "gamma"}
        for decay, pair in itertools.product(_DECAYS, itertools.permutations(_EPSILONS, 2)):
            changed = dict(start)
            for name in variances:
                update, before = self.a.update(name, first), self.a.before("variable", name, first)
                scope = name.rsplit("/", 1)[0]
                gamma = next((g for g, s in gammas.items() if s == scope), None)
                if update is None or before is None or gamma is None:
                    return
                var = before + update / (1 - decay)
                if (var < 0).any():
                    break
                changed[gamma] = start[gamma] * np.sqrt((var + pair[1]) / (var + pair[0]))
            else:
                if variances:
                    yield (
                        changed,
                        f"the epsilon of batch normalization is {pair[0]:g} in A and {pair[1]:g} "
                        "in B: with gamma scaled accordingly B gives A's numbers",
                    )

    # ---- several optimizers -------------------------------------------------------------------

    def _order(self, found: Difference) -> Iterator[tuple[Start, str]]:
        """Variables that A has updated already when it takes the gradients that differ."""
        differing = {found.tensor, *found.also}
        agreeing = [n for n in self.a.trained() if n not in differing]
        if not agreeing:
            return
        start = self._start()
        for name in agreeing:
            after = self.a.get("variable", name, found.step)
            if after is not None:
                start[name] = after
        yield (
            start,
            f"A takes the gradients of {', '.join(sorted(differing))} after it has updated "
            f"{', '.join(agreeing)}, B before: the two optimizers run in another order",
        )


def _blocks(array: np.ndarray, order: list[int]) -> np.ndarray:
    parts = np.split(array, 4, axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)
