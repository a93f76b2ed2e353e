"""Every flag of every program, changed once: both styles do the same with it, and do something."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from few_images import few_images
from large_models import smallest_is_quick
from shared.data.digits import load_digits
from shared.data.fashion import load_fashion
from shared.models import PAIRS, STYLES, Variant
from shared.tools.compare.distances import relative_l2
from shared.trace_recorder import read_trace

STEPS = 5
# What every setting of a `Config` is changed to; both styles are trained with it for STEPS steps.
OTHER: dict[str, Any] = {
    "steps": 3,
    "batch_size": 7,
    "learning_rate": 0.0041,
    "keep_probability": 0.75,
    "l2": 0.5,
    "clip_norm": 0.3,
    "decay_steps": 3,
    "decay_rate": 0.3,
    "weight_decay": 0.05,
    "seed": 3,
    "initial_weight": 0.7,
    "initial_bias": 0.3,
    "checkpoint_every": 2,
    "report_every": 2,
    "trace_every": 2,
    "trace_steps": "3",
    "log_dir": "events",
    "trace": "trace.npz",
    "data": "images.npz",
}
# What changes no number that is trained: what is looked at instead is told in `observed`.
BESIDE = {"checkpoint_every", "report_every", "trace_every", "trace_steps", "log_dir", "trace"}
ELSEWHERE = {"checkpoint_dir", "optimizer"}  # a folder of its own; a choice that TF1 style lacks
# A default is large for these few steps, in which a rate must fall, too.
SMALL: dict[str, Any] = {"batch_size": 4, "steps": STEPS, "decay_steps": 2}


def settings_of(name: str) -> list[str]:
    config = PAIRS[name].module("tf1_style").Config
    return [field.name for field in dataclasses.fields(config) if field.name not in ELSEWHERE]


def observed(name: str, style: str, folder: Path, capsys: Any, **changed: Any) -> dict[str, Any]:
    """Trains a few steps; returns the numbers, and what is on disk and on the screen."""
    pair, folder = PAIRS[name], folder / style
    module = pair.module(style)
    fields = {field.name for field in dataclasses.fields(module.Config)}
    settings = {key: value for key, value in SMALL.items() if key in fields}
    settings["checkpoint_dir"] = str(folder / "checkpoints")
    if "optimizer" in fields:
        settings["optimizer"] = pair.same_kernel.optimizer
    if {"trace_every", "trace_steps"} & set(changed):
        settings["trace"] = str(folder / "trace.npz")
    paths = {key: str(folder / changed[key]) for key in {"log_dir", "trace"} & set(changed)}
    folder.mkdir(parents=True)
    settings.update(few_images(name, folder))
    result = module.PROGRAM.train(module.Config(**{**settings, **changed, **paths}))
    trace = Path(paths.get("trace") or settings.get("trace") or folder / "none")
    whole: Any = None
    if trace.exists():
        with read_trace(trace) as read:
            whole = read.whole_steps("variable", next(iter(result.variables)))
    return {
        "losses": result.losses.tobytes(),
        "variables": {key: np.asarray(v).tobytes() for key, v in result.variables.items()},
        "checkpoints": sorted(path.name for path in (folder / "checkpoints").glob("*.index")),
        "events": len(list((folder / "events").glob("*"))) if "log_dir" in changed else None,
        "whole steps": whole,
        "steps printed": [
            line.split()[1] for line in capsys.readouterr().out.splitlines() if "step" in line[:6]
        ],
    }


@pytest.fixture(scope="module")
def other_images(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Other images than the sample's: its test images, to train on."""
    digits = load_digits()
    classes = digits.test_labels.argmax(axis=1)
    path = tmp_path_factory.mktemp("data") / OTHER["data"]
    np.savez(
        path,
        x_train=(digits.test_images * 255).astype(np.uint8).reshape(-1, 28, 28),
        y_train=classes.astype(np.uint8),
        x_test=(digits.train_images[:100] * 255).astype(np.uint8).reshape(-1, 28, 28),
        y_test=digits.train_labels[:100].argmax(axis=1).astype(np.uint8),
    )
    return str(path)


@pytest.fixture(scope="module")
def plainly() -> dict[str, dict[str, Any]]:
    """What each model does without the flag, kept for the next flag."""
    return {}


# Each setting trains two models: one of each kind of data is quick. A slow model has what changes
# no number in one run, but for one of two flags that say which steps of a trace are whole.
QUICK = {"linear_regression", "softmax_regression"}
TOGETHER = BESIDE - {"trace_steps"}
CASES = [
    pytest.param(
        name,
        setting,
        id=f"{name}-{setting}",
        marks=() if name in QUICK else pytest.mark.slow,
    )
    for name in PAIRS
    for setting in settings_of(name)
    if name in QUICK or setting not in TOGETHER
]


def of_both_styles(
    name: str, folder: Path, capsys: Any, plainly: Any, **changed: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what both styles do with flags, which must be the same, and what one does without."""
    tf1, tf2 = (observed(name, style, folder, capsys, **changed) for style in STYLES)
    assert tf1 == tf2
    if name not in plainly:
        plainly[name] = observed(name, "tf2_style", folder / "plain", capsys)
    return tf2, plainly[name]


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_both_styles_do_the_same_with_a_flag(
    name: str, setting: str, tmp_path: Path, capsys: Any, other_images: str, plainly: Any
) -> None:
    value = other_images if setting == "data" else OTHER[setting]
    found, plain = of_both_styles(name, tmp_path, capsys, plainly, **{setting: value})
    if setting in BESIDE:
        assert found["losses"] == plain["losses"] and found["variables"] == plain["variables"]
        assert found != plain
    else:
        assert found["losses"] != plain["losses"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAIRS if name not in QUICK])
def test_both_styles_do_the_same_with_the_flags_that_change_no_number(
    name: str, tmp_path: Path, capsys: Any, plainly: Any
) -> None:
    changed = {setting: OTHER[setting] for setting in TOGETHER & set(settings_of(name))}
    assert changed.keys() == TOGETHER
    found, plain = of_both_styles(name, tmp_path, capsys, plainly, **changed)
    changes = {key for key, value in found.items() if value != plain[key]}
    assert changes == {"checkpoints", "events", "whole steps", "steps printed"}


@pytest.mark.parametrize(
    "name", smallest_is_quick(name for name in PAIRS if "learning_rate" in settings_of(name))
)
def test_a_resumed_run_takes_the_new_learning_rate(name: str, tmp_path: Path) -> None:
    def trained(variant: Variant, rate: float) -> np.ndarray:
        module = PAIRS[name].module(variant.style)
        folder = f"{variant.style} {variant.label} {rate}"
        fields = {field.name for field in dataclasses.fields(module.Config)}
        settings: dict[str, Any] = {"checkpoint_dir": str(tmp_path / folder)}
        settings.update(few_images(name, tmp_path))
        if "batch_size" in fields:
            settings["batch_size"] = 4
        if "optimizer" in fields:
            settings["optimizer"] = variant.optimizer
        for steps, learning_rate in ((2, 0.01), (4, rate)):
            result = module.PROGRAM.train(
                module.Config(**settings, steps=steps, learning_rate=learning_rate)
            )
        return np.concatenate([np.ravel(value) for value in result.variables.values()])

    tf1, *others = PAIRS[name].variants
    expected, with_the_old_one = trained(tf1, 0.02), trained(tf1, 0.01)
    for variant in others:
        found = trained(variant, 0.02)
        if variant.is_same_kernel:
            assert found.tobytes() == expected.tobytes() != with_the_old_one.tobytes()
        else:
            # The roundings of four steps are nothing beside two steps of half the length. Keras's
            # momentum holds the rate of the steps before: it goes but a part of the way.
            share = 1 if name == "residual_network" else 0.01
            near, far = (relative_l2(expected, other) for other in (found, with_the_old_one))
            assert near < share * far, variant.label


def test_every_setting_is_changed_to_another_value() -> None:
    for name in PAIRS:
        for field in dataclasses.fields(PAIRS[name].module("tf1_style").Config):
            if field.name not in ELSEWHERE:
                assert OTHER[field.name] != field.default, (name, field.name)


def test_the_other_images_are_others(other_images: str) -> None:
    # Else a program that ignores --data would pass.
    assert not np.array_equal(load_digits(other_images).train_images, load_digits().train_images)
    assert load_fashion(other_images).train_images.shape == load_digits().test_images.shape
