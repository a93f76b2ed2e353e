"""What Keras's optimizers left up to TensorFlow 1.13: variables with numbers for names."""

from __future__ import annotations

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.name_based import classify
from shared.tools.checkpoint_conversion.optimizers import MOMENTUM
from shared.tools.checkpoint_conversion.roles import Role

Types = dict[str, tuple[tuple[int, ...], str]]
LAYERS = {"b/kernel": (3, 2), "b/bias": (2,), "a/kernel": (2, 2), "a/bias": (2,)}


def typed(shapes: dict[str, tuple[int, ...]]) -> Types:
    return {name: (shape, "float32") for name, shape in shapes.items()}


def numbered(family: str, shapes: list[tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The variables of an optimizer, in another order than that of their numbers."""
    names = [f"training/{family}/Variable" + (f"_{k}" if k else "") for k in range(len(shapes))]
    return dict(sorted(zip(names, shapes, strict=True)))


def found(family: str, lists: int, *more: tuple[int, ...], order: bool = True) -> dict[str, Role]:
    slots = numbered(family, [*LAYERS.values()] * lists + list(more))
    return classify(typed({**LAYERS, **slots}), [*LAYERS, *slots] if order else [])[0]


def slots_of(family: str, number: int, slots: list[str]) -> list[tuple[str | None, str | None]]:
    there = found(family, number)
    names = [f"training/{family}/Variable" + (f"_{k}" if k else "") for k in range(4 * number)]
    assert [there[n].slot for n in names] == [slot for slot in slots for _ in LAYERS]
    return [(there[n].slot, there[n].slot_of) for n in names]


def test_lists_follow_each_other_in_the_order_of_the_parameters() -> None:
    assert [owner for _, owner in slots_of("SGD", 1, [MOMENTUM])] == list(LAYERS)
    adadelta = slots_of("Adadelta", 2, ["Adadelta.accum", "Adadelta.accum_update"])
    assert [owner for _, owner in adadelta] == [*LAYERS, *LAYERS]
    adam = found("Adam", 2, *[(1,)] * 4)
    assert adam["training/Adam/Variable_7"].slot_of == "a/bias"
    assert adam["training/Adam/Variable_7"].slot == "Adam.v"
    assert {adam[f"training/Adam/Variable_{k}"].purpose for k in range(8, 12)} == {roles.UNUSED}


def test_what_amsgrad_keeps_is_no_unused_number() -> None:
    there = found("Adam", 3)
    assert there["training/Adam/Variable_8"].slot == "unknown.vhat"
    assert there["training/Adam/Variable_8"].slot_of == "b/kernel"


def test_without_an_order_only_the_shape_that_is_alone_tells_the_parameter() -> None:
    there = found("SGD", 1, order=False)
    owners = [there[f"training/SGD/Variable{end}"].slot_of for end in ("", "_1", "_2", "_3")]
    assert owners == ["b/kernel", None, "a/kernel", None]


def test_a_frozen_layer_leaves_doubt_where_shapes_are_equal() -> None:
    order = [*LAYERS, *(slots := numbered("SGD", [(2, 2), (2,)]))]
    there = classify(typed({**LAYERS, **slots}), order)[0]
    assert there["training/SGD/Variable"].slot_of == "a/kernel"
    assert there["training/SGD/Variable_1"].slot_of is None  # of a, or of b


def test_moving_statistics_are_no_parameters() -> None:
    layers = {"n/gamma": (4,), "n/beta": (4,), "n/moving_mean": (4,), "n/moving_variance": (4,)}
    slots = numbered("SGD", [(4,), (4,)])
    there = classify(typed({**layers, **slots}), [*layers, *slots])[0]
    assert [there[name].slot_of for name in slots] == ["n/gamma", "n/beta"]


def test_lists_that_do_not_repeat_are_of_no_known_optimizer() -> None:
    assert "training/Adadelta/Variable" not in found("Adadelta", 1)
    assert "training/Adadelta/Variable" not in found("Adadelta", 1, (2,))


def test_counts_and_settings_are_known() -> None:
    types: Types = {
        "Adam/iterations": ((), "int64"),
        "Adam/lr": ((), "float32"),
        "RMSprop_1/rho": ((), "float32"),
        "adam/lr": ((), "float32"),
    }
    there = classify(types)[0]
    purposes = {name: role.purpose for name, role in there.items()}
    assert purposes == {
        "Adam/iterations": roles.STEP,
        "Adam/lr": roles.SETTING,
        "RMSprop_1/rho": roles.SETTING,
    }
