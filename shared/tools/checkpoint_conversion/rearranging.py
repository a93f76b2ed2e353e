"""Values of tensors that a layout computes together, as one source or target of a plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion import layouts, values
from shared.tools.checkpoint_conversion.contents import Contents, Variable
from shared.tools.checkpoint_conversion.layout_steps import Shape, Step
from shared.tools.checkpoint_conversion.row_blocks import are_equal


@dataclasses.dataclass(frozen=True)
class Rearranging:
    """Tensors of the source, and the tensors of the target that they become.

    Attributes:
        source: what is read.
        template: what the target is like.
        names: the tensors of the source.
        targets: the tensors of the target.
        steps: from TF1 to TF2.
        between: the shapes before each step and behind the last.
        to_tf2: whether the target is TF2's.
        constants: whether constants are added: not to slots.
        rate: what Keras's momentum is scaled by; None for all else.
    """

    source: Contents
    template: Contents
    names: Sequence[str]
    targets: Sequence[Variable]
    steps: Sequence[Step]
    between: Sequence[Sequence[Shape]]
    to_tf2: bool
    constants: bool
    rate: float | None = None

    def value(self, position: int) -> Any:
        """Returns the value of one target, an eager tensor.

        Raises:
            CheckpointError: TF1 has no place for what the source holds.
        """
        arrays = [self.source.rows(name) for name in self.names]
        if self.to_tf2:
            found = layouts.to_tf2(self.steps, self._scaled(arrays, False), self.constants)
        else:
            found = self._back(arrays)
        return values.tensor(found[position])

    def require_place(self) -> None:
        """Raises CheckpointError where TF1, which has no tensor for it, loses what was learned."""
        self._back([self.source.rows(name) for name in self.names])

    def _scaled(self, arrays: list[Any], divide: bool) -> list[Any]:
        if self.rate is None:
            return arrays
        return [values.scaled(array, self.rate, divide) for array in arrays]

    def _back(self, arrays: list[Any]) -> list[Any]:
        if self.constants or self.rate is not None:
            kept = self._of_template(arrays)
            if kept is not None:
                return kept
        try:
            scaled = self._scaled(arrays, True)
            return layouts.to_tf1(self.steps, self.between, scaled, self.constants)
        except ValueError as error:
            raise CheckpointError(
                f"{self.source.prefix}: {', '.join(self.names)}: expected {error}"
            ) from error

    def _of_template(self, arrays: list[Any]) -> list[Any] | None:
        """Returns TF1's values in the template if the source holds just what they become.

        Adding a constant rounds, and so does scaling, so that several values become one. Where
        nothing was trained in between, these are the ones that it was.
        """
        try:
            before = [self.template.rows(target.name) for target in self.targets]
        except CheckpointError:
            return None  # a template with names and shapes only
        after = layouts.to_tf2(self.steps, self._scaled(before, False), self.constants)
        if not before:
            return None
        return before if all(map(are_equal, after, arrays)) else None
