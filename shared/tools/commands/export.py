"""`pairs export`: writes a SavedModel of the newest checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from shared.errors import CheckpointError
from shared.models import PAIRS, Pair, pairs_named
from shared.tools.commands import spellings

TRUST = "A SavedModel is a program: load only what you trust."


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `export`."""
    parser = subparsers.add_parser(
        "export",
        help="write a SavedModel of a trained model",
        description="Restores the newest checkpoint of one style's file and writes it as a "
        "SavedModel for TensorFlow Serving or any other program of either style. Both styles give "
        "it the same signature.",
    )
    parser.add_argument("model", metavar="MODEL", help=", ".join(PAIRS))
    spellings.add_style(parser)
    parser.add_argument(
        "--checkpoint-dir", metavar="DIR", help="where `train` saved (default: as of `train`)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="new folder (default: saved_models/, the style and the model)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a SavedModel that is there already"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command."""
    (pair,) = pairs_named([arguments.model])
    style = f"{arguments.style}_style"
    out = arguments.out or Path("saved_models", style, pair.name)

    import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
    from shared.tools.saved_model import check_target, endpoints, writing

    check_target(out, arguments.force)
    model, checkpoint = _restored(pair, style, arguments.checkpoint_dir)
    with writing(out, arguments.force) as folder:
        model.export(str(folder))
        written = endpoints(folder)
    print(f"wrote {out}")
    print(f"from  {checkpoint} (step {model.step()})")
    print("signature serving_default")
    width = max(len(endpoint.name) for endpoint in written)
    for endpoint in written:
        print(f"  {endpoint.kind:<6}  {endpoint.name:<{width}}  {endpoint.type}")
    print(TRUST)
    return 0


def _restored(pair: Pair, style: str, checkpoint_dir: str | None) -> tuple[Any, str]:
    """Returns the model of the newest checkpoint, and its path."""
    import tensorflow as tf

    from shared.checkpoints import newest_checkpoint
    from shared.program import command_line as script
    from shared.program.progress import print_warning
    from shared.tools.checkpoint_conversion.contents import NAME_BASED, describe
    from shared.tools.checkpoint_conversion.pair_maps import optimizer_in

    folder = checkpoint_dir or pair.module(style).Config().checkpoint_dir
    newest = newest_checkpoint(folder, tf.train.load_checkpoint, print_warning)
    checkpoint = script.require_checkpoint(newest, folder)
    contents = describe(checkpoint)
    found = "tf1" if contents.scheme == NAME_BASED else "tf2"
    if not style.startswith(found):
        raise CheckpointError(
            f"{checkpoint}: expected a checkpoint of {style}, found one of {found}_style "
            f"(--style {found})"
        )
    optimizer = optimizer_in(pair, contents) if found == "tf2" else None
    model = pair.create(style, optimizer)
    pair.program(style).restore(model, folder, warn=lambda text: None)  # said already
    return model, checkpoint
