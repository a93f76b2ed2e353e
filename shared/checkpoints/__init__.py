"""What makes the checkpoints of both styles safe: files and folders, no TensorFlow.

A style saves and restores with TensorFlow's own Saver or CheckpointManager; around that, this
package makes the files durable, records what they hold and finds the newest that is intact.
`docs/checkpoints.md` says what is guaranteed.
"""

from shared.checkpoints.errors import check_folder, checkpoint_errors
from shared.checkpoints.lock import claim_folder
from shared.checkpoints.newest import last_saved, newest_checkpoint
from shared.checkpoints.variables import by_name, by_path, require_variables
from shared.checkpoints.writing import managed_checkpoints, saving

__all__ = [
    "by_name",
    "by_path",
    "check_folder",
    "checkpoint_errors",
    "claim_folder",
    "last_saved",
    "managed_checkpoints",
    "newest_checkpoint",
    "require_variables",
    "saving",
]
