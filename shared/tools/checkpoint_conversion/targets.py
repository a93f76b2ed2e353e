"""What a conversion writes: a checkpoint, or a file of Keras of the template's form."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile

from shared.atomic_files import replace_file
from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion import writing
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.files import digest, errors_of
from shared.tools.checkpoint_conversion.hdf5_files import write_values
from shared.tools.checkpoint_conversion.keras_archives import WEIGHTS, write_archive
from shared.tools.checkpoint_conversion.plan import Plan
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.checkpoint_conversion.sources import HDF5, KERAS3_WEIGHTS, KERAS_ARCHIVE

_ENDINGS = {HDF5: (".h5", ".hdf5"), KERAS3_WEIGHTS: (WEIGHTS,), KERAS_ARCHIVE: (".keras", WEIGHTS)}
_ALL_ENDINGS = (".h5", ".hdf5", ".keras")


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a plan is carried out.

    Attributes:
        plan: what to write.
        path: prefix of a checkpoint, or name of a file, by the form of the plan's template.
        force: whether what is there is replaced.
    """

    plan: Plan
    path: str
    force: bool

    def require_free(self) -> None:
        """Raises CheckpointError when writing would lose something."""
        if self._form not in _ENDINGS:
            writing.require_free(self.path, self.plan.source, self.force)
            return
        read = [self.plan.source.prefix, self.plan.template.prefix]
        if os.path.exists(self.path) and any(
            os.path.exists(path) and os.path.samefile(self.path, path) for path in read
        ):
            raise CheckpointError(
                f"{shown(self.path)}: expected another file than what is read; found it"
            )
        if os.path.lexists(self.path) and not (self.force and os.path.isfile(self.path)):
            expected = "a new name, or a file and --force"
            raise CheckpointError(f"{shown(self.path)}: expected {expected}; found it taken")

    @property
    def _form(self) -> str:
        return self.plan.template.source.form

    def write(self) -> None:
        """Writes it, whole or not at all.

        Raises:
            CheckpointError: it cannot be written, or what was read back is not what was written.
        """
        if self._form not in _ENDINGS:
            writing.write_checkpoint(self.plan, self.path, self.force)
            return
        self.require_free()
        with errors_of(self.path, expected="a folder to write to, with room"):
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        if self._form == KERAS_ARCHIVE:
            with tempfile.TemporaryDirectory() as folder:
                prefix = os.path.join(folder, "model")
                writing.write_checkpoint(self.plan, prefix)
                write_archive(self.plan.template.prefix, prefix, self.path)
        else:
            with errors_of(self.path, expected="a folder to write to, with room"):
                replace_file(self.path, self._fill)

    def _fill(self, partial: str) -> None:
        """Writes a copy of the template with other values, and reads it back."""
        shutil.copyfile(self.plan.template.prefix, partial)
        writes = {write.target.key: write for write in self.plan.writes}
        digests = write_values(partial, ((key, write.value) for key, write in writes.items()))
        written = describe(partial)
        for key, write in writes.items():
            if digest(written.read(write.target.name)) != digests[key]:
                raise CheckpointError(
                    f"{shown(self.path)}: {shown(write.target.name)}: expected the bytes that were "
                    "written; found others"
                )


def target_of(plan: Plan, destination: str, source_path: str, force: bool) -> Target:
    """Returns where a plan is carried out.

    Args:
        plan: what to write; the form of its template is the target's.
        destination: a prefix, a file or a folder.
        source_path: what was given as the source.
        force: whether what is there is replaced.

    Raises:
        UsageError: the destination is empty, or its name is that of another form.
    """
    form = plan.template.source.form
    if form not in _ENDINGS:
        if destination.endswith(_ALL_ENDINGS):
            raise UsageError(
                f"DST: expected a prefix, as the template is a {form} (a file of Keras needs one "
                f"as template); found {shown(destination)}"
            )
        return Target(plan, writing.target_prefix(destination, source_path, plan.source), force)
    if destination.endswith(os.sep) or os.path.isdir(destination):
        destination = os.path.join(destination, os.path.basename(plan.template.prefix))
    if not destination.endswith(_ENDINGS[form]):
        expected = " or ".join(_ENDINGS[form])
        raise UsageError(
            f"DST: expected a name that ends in {expected}, as the template is a {form}; "
            f"found {shown(destination)!r}"
        )
    return Target(plan, destination, force)
