"""SavedModels of both styles: the same signature, each loaded by the other, bit for bit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.tools import saved_model_cli

import forked_python
from checkpoint_pairs import fresh, named_inputs, train
from exported import loaded_by_tf1, loaded_by_tf2
from large_models import large_are_slow
from saved import restore
from shared.models import PAIRS, STYLES
from shared.tools.child_process import tf115_environment
from shared.tools.saved_model import endpoints
from tf115_environment import require_tf115

tf1 = tf.compat.v1
FIXTURES = Path(__file__).parents[1] / "files" / "saved_models" / "tf115"
LOADERS = [loaded_by_tf1, loaded_by_tf2]
SIGNATURES = {
    "line": ["input inputs float32 [batch]", "output predictions float32 [batch]"],
    "digits": ["input images float32 [batch, 784]", "output logits float32 [batch, 10]"],
}
SIGNATURES["fashion"] = SIGNATURES["digits"]
SIGNATURES["ratings"] = [
    "input items int64 [batch]",
    "input users int64 [batch]",
    "output ratings float32 [batch]",
]
SIGNATURES["noise"] = ["input noise float32 [batch, 32]", "output images float32 [batch, 784]"]


class Exported(NamedTuple):
    name: str
    models: dict[str, Any]  # by style
    folders: dict[str, str]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """Returns a function that trains both styles of a pair by the same kernel and exports them."""

    @functools.cache
    def export(name: str) -> Exported:
        folder = tmp_path_factory.mktemp("exported")
        exported = Exported(name, {}, {style: str(folder / style) for style in STYLES})
        for style, optimizer in zip(STYLES, (None, PAIRS[name].same_kernel.optimizer), strict=True):
            exported.models[style] = fresh(style, name, optimizer)
            train(exported.models[style], name, stretch=0)
            exported.models[style].export(exported.folders[style])
        return exported

    return export


@pytest.fixture(params=large_are_slow(PAIRS))
def exported(request: pytest.FixtureRequest, export: Callable[[str], Exported]) -> Exported:
    return export(request.param)


def contents(folder: str | Path) -> tuple[set[str], dict[str, np.ndarray]]:
    """Returns the operations of a SavedModel, those that save and restore left out; variables."""
    saved = saved_model_pb2.SavedModel.FromString(Path(folder, "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    functions = [node for called in graph.graph_def.library.function for node in called.node_def]
    prefix = str(Path(folder, "variables", "variables"))
    names = [name for name, _ in tf.train.list_variables(prefix)]
    variables = {
        # A slash in a key is written as ".S".
        name.removeprefix("parameters/")
        .removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")
        .replace(".S", "/"): tf.train.load_variable(prefix, name)
        for name in names
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    }
    return {node.op for node in [*graph.graph_def.node, *functions]}, variables


def served(model: Any) -> dict[str, np.ndarray]:
    """Returns the values that a model predicts with, by the names that `forward` asks for."""
    if not hasattr(model, "prediction_variables"):
        values: dict[str, np.ndarray] = model.variables()
        return values
    session = getattr(model, "session", None)
    return {
        name: session.run(variable) if session else variable.numpy()
        for name, variable in model.prediction_variables().items()
    }


def from_training(operations: set[str]) -> set[str]:
    """Returns the operations that no prediction needs."""
    marks = ("Apply", "Grad", "Random", "AssignSub", "AssignAdd", "Summary", "CrossEntropy")
    return {operation for operation in operations if any(mark in operation for mark in marks)}


# The signature.


def test_both_styles_have_the_same_signature(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = {}
    for style, folder in exported.folders.items():
        saved_model_cli._show_inputs_outputs(folder, "serve", "serving_default")  # show --dir ...
        lines = capsys.readouterr().out.splitlines()
        # What a tensor is called inside is the loader's business.
        shown[style] = [line for line in lines if not line.lstrip().startswith("name: ")]
        found = [f"{end.kind} {end.name} {end.type}" for end in endpoints(Path(folder))]
        assert found == SIGNATURES[PAIRS[exported.name].data]
    assert shown["tf1_style"] == shown["tf2_style"]
    assert "DT_FLOAT" in str(shown) and "(-1" in str(shown)
    assert shown["tf1_style"][-1] == "Method name is: tensorflow/serving/predict"


def test_another_signature_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = PAIRS["linear_regression"].create("tf2_style")
    served = tf.Module()
    served.parameters = model.parameters
    fixed = tf.TensorSpec([5], tf.float32, name="inputs")
    serve = tf.function(lambda inputs: {"y": model.forward(inputs)}, input_signature=[fixed])
    tf.saved_model.save(served, str(tmp_path), signatures={"serving_default": serve})
    saved_model_cli._show_inputs_outputs(str(tmp_path), "serve", "serving_default")
    assert "(5)" in capsys.readouterr().out
    assert [f"{end.kind} {end.name} {end.type}" for end in endpoints(tmp_path)] == [
        "input inputs float32 [5]",
        "output y float32 [5]",
    ]


# The predictions.


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("style", STYLES)
def test_each_loads_in_either_style_and_predicts_the_same_bits(
    exported: Exported, style: str, loader: Any
) -> None:
    inputs_of_sizes = [named_inputs(exported.name, size) for size in (1, 7, 20)]
    with loader(exported.folders[style]) as predict:
        found = [predict(**inputs) for inputs in inputs_of_sizes]
    for model in exported.models.values():  # the one it came from, and its twin
        for inputs, outputs in zip(inputs_of_sizes, found, strict=True):
            expected = np.asarray(model.predict(**inputs))
            assert outputs.dtype == expected.dtype and outputs.tobytes() == expected.tobytes()


def test_the_comparison_sees_another_model(export: Callable[[str], Exported]) -> None:
    exported = export("softmax_regression")
    inputs, model = named_inputs(exported.name, 7), fresh("tf2_style", exported.name)
    with loaded_by_tf2(exported.folders["tf2_style"]) as predict:
        assert predict(**inputs).tobytes() != np.asarray(model.predict(**inputs)).tobytes()


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("style", STYLES)
def test_a_wrong_input_gets_an_error(exported: Exported, style: str, loader: Any) -> None:
    inputs = named_inputs(exported.name, 4)
    name, good = next(iter(inputs.items()))
    if good.ndim == 1:
        shapes: list[tuple[int, ...]] = [(), (2, 2), (4, 1)]
    else:  # quarters of images, missing a pixel, not flat, a single one
        shapes = [(16, 196), (4, 783), (4, 28, 28), (784,)]
    errors = (ValueError, TypeError, tf.errors.InvalidArgumentError)  # TensorFlow's own
    kind = "float" if good.dtype == np.float32 else "int64"
    with loader(exported.folders[style]) as predict:
        for shape in shapes:
            with pytest.raises(errors, match=r"[Ss]hape"):
                predict(**{**inputs, name: np.zeros(shape, good.dtype)})
        with pytest.raises(errors, match=rf"convert|invalid literal|expected to be a.? {kind}"):
            predict(**{**inputs, name: np.full(good.shape, "seven")})
        for dtype in (np.float64, np.int32):
            other = {**inputs, name: good.astype(dtype)}
            if loader is loaded_by_tf2:
                with pytest.raises(errors, match=rf"expected to be a.? {kind} tensor"):
                    predict(**other)
            else:  # a Session converts numbers that it is fed: the right answer
                expected = predict(**{**inputs, name: other[name].astype(good.dtype)})
                assert predict(**other).tobytes() == expected.tobytes()


def test_what_a_loaded_signature_checks_of_tensors_and_arrays(tmp_path: Path) -> None:
    served = tf.Module()
    signature = [tf.TensorSpec([None], tf.int64, "ids"), tf.TensorSpec([None], tf.float32, "x")]
    served.add = tf.function(lambda ids, x: {"i": ids + 1, "x": x * 2}, input_signature=signature)
    tf.saved_model.save(served, str(tmp_path), signatures={"serving_default": served.add})
    loaded = tf.saved_model.load(str(tmp_path))
    add = loaded.signatures["serving_default"]
    ids, x = tf.constant([1], tf.int64), tf.constant([0.5])

    def found(**other: Any) -> tuple[Any, Any]:
        outputs = add(**{"ids": ids, "x": x, **other})
        return outputs["i"].numpy().tolist(), outputs["x"].numpy().tolist()

    # An array or a list of another dtype is converted, whatever that makes of its numbers.
    assert found(ids=[1], x=np.array([0.5])) == found(ids=np.array([1], np.int32)) == ([2], [1.0])
    assert found(ids=np.array([1.7]), x=np.array([1])) == ([2], [2.0])
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert found(x=np.array([1e300])) == ([2], [np.inf])
    # Of tensors alone the dtype is checked and no shape; a function checks that of both.
    for name, tensor in (("ids", tf.constant([1])), ("x", tf.constant([0.5], tf.float64))):
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a"):
            found(**{name: tensor})
    assert found(x=tf.ones([2, 1])) == ([2], [[2.0], [2.0]])
    for wrong in (tf.ones([2, 1]), np.ones([2, 1], np.float32)):
        with pytest.raises(TypeError, match="Can not cast TensorSpec"):
            loaded.add(ids, wrong)
    with pytest.raises(TypeError, match="Can not cast TensorSpec"):
        found(x=np.ones([2, 1], np.float32))


def test_a_folder_that_is_not_empty_is_refused_or_written_over(tmp_path: Path) -> None:
    images = np.ones([1, 784], np.float32)
    tf1_model, tf2_model = (fresh(style, "softmax_regression") for style in STYLES)
    for model in (tf1_model, tf2_model):
        model.export(str(tmp_path / type(model).__module__))
    with pytest.raises(AssertionError, match="already exists, and isn't empty"):
        tf1_model.export(str(tmp_path / type(tf1_model).__module__))
    tf2_model.biases.assign(np.full(10, 0.5, np.float32))
    folder = str(tmp_path / type(tf2_model).__module__)
    tf2_model.export(folder)
    with loaded_by_tf2(folder) as predict:
        assert predict(images=images).tolist() == [[0.5] * 10]


def test_without_ensure_shape_the_answer_would_be_wrong(tmp_path: Path) -> None:
    served = tf.Module()
    images = tf.TensorSpec([None, 784], tf.float32, name="images")
    serve = tf.function(lambda images: tf.reshape(images, [-1, 28, 28]), input_signature=[images])
    tf.saved_model.save(served, str(tmp_path), signatures={"serving_default": serve})
    with loaded_by_tf2(str(tmp_path)) as predict:
        assert predict(images=np.zeros([4, 196], np.float32)).shape == (1, 28, 28)


# What is written.


@pytest.mark.parametrize("style", STYLES)
def test_nothing_of_the_training_is_written(exported: Exported, style: str) -> None:
    operations, variables = contents(exported.folders[style])
    assert from_training(operations) == set()
    expected = served(exported.models[style])
    assert variables.keys() == expected.keys()
    for name, value in expected.items():
        assert np.asarray(variables[name]).tobytes() == np.asarray(value).tobytes(), name
    # The graph holds no weights; they are in the file of the variables.
    written = Path(exported.folders[style], "saved_model.pb").read_bytes()
    assert len(written) < max(50_000, 4_000 * len(expected))  # a few operations for each variable
    large = [np.asarray(value) for value in expected.values() if np.size(value) > 64]
    assert not any(value.tobytes() in written for value in large)


def test_what_a_naive_export_leaves_in(export: Callable[[str], Exported], tmp_path: Path) -> None:
    exported = export("cnn")  # the one with dropout
    model = exported.models["tf1_style"]
    with model.graph.as_default():
        model.graph._unsafe_unfinalize()  # adding a Saver needs it, which is one more warning
        tf1.saved_model.simple_save(
            model.session, str(tmp_path / "1"), {"images": model.images}, {"logits": model.logits}
        )
    operations, variables = contents(tmp_path / "1")
    assert "ResourceApplyAdam" in from_training(operations)
    assert any("Random" in operation for operation in operations)
    assert "conv1_weights/Adam" in variables and "global_step" in variables
    assert (tmp_path / "1" / "saved_model.pb").stat().st_size > 10_000_000


def test_dropout_left_on_would_show(export: Callable[[str], Exported], tmp_path: Path) -> None:
    exported = export("cnn")  # the one with dropout
    model, inputs = exported.models["tf2_style"], named_inputs("cnn", 7)
    served = tf.Module()
    served.parameters, served.global_step = model.parameters, model.global_step
    serve = tf.function(
        lambda images: {"logits": model.forward(images, 0.5)}, input_signature=[model.IMAGES]
    )
    tf.saved_model.save(served, str(tmp_path), signatures={"serving_default": serve})
    assert from_training(contents(tmp_path)[0])
    with loaded_by_tf2(str(tmp_path)) as predict:
        assert predict(**inputs).tobytes() != np.asarray(model.predict(**inputs)).tobytes()


def test_without_a_signature_there_is_nothing_to_call(tmp_path: Path) -> None:
    served = tf.Module()
    served.parameters = PAIRS["linear_regression"].create("tf2_style").parameters
    tf.saved_model.save(served, str(tmp_path))
    assert not tf.saved_model.load(str(tmp_path)).signatures


def test_a_variable_that_is_not_held_is_refused(tmp_path: Path) -> None:
    model, served = PAIRS["linear_regression"].create("tf2_style"), tf.Module()
    serve = tf.function(model.forward, input_signature=[model.INPUTS])
    with pytest.raises(AssertionError, match="untracked"):
        tf.saved_model.save(served, str(tmp_path), signatures={"serving_default": serve})


# Real TensorFlow 1.15.


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("name", ["relu_regression", "softmax_regression"])
def test_one_exported_by_tensorflow_115_loads(name: str, loader: Any) -> None:
    with loader(str(FIXTURES / name / "export")) as predict:
        found = predict(**named_inputs(name, 5))
    with np.load(FIXTURES / name / "predicted.npz") as predicted:
        # A sum of 784 products in another order: sqrt(784) roundings of 2**-24 on logits of up to
        # 6 are 1e-5; 1.4e-6 was seen.
        np.testing.assert_allclose(found, predicted["outputs"][:5], rtol=0, atol=1e-5)


@pytest.mark.tf115
@pytest.mark.slow
def test_every_pair_exported_by_tensorflow_115_loads(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "helpers" / "exported.py"
    forked_python.run([require_tf115(), script, tmp_path], check=True, env=tf115_environment())
    for name in PAIRS:
        folder, inputs = tmp_path / name, named_inputs(name, 20)
        model = fresh("tf1_style", name)
        restore(model, str(folder / "checkpoint"))
        for loader in LOADERS:
            with loader(str(folder / "export")) as predict:
                found = predict(**inputs)
            # Bit for bit what this TensorFlow makes of the checkpoint of the same model.
            assert found.tobytes() == np.asarray(model.predict(**inputs)).tobytes(), name
        with np.load(folder / "predicted.npz") as predicted:
            # Sums of up to 3,136 products in another order: sqrt(3136) roundings of 2**-24 on
            # logits of up to 5 are 2e-5; 1e-5 was seen.
            np.testing.assert_allclose(found, predicted["outputs"], rtol=0, atol=5e-5)
        assert from_training(contents(folder / "export")[0]) == set()
        ends = [f"{end.kind} {end.name} {end.type}" for end in endpoints(folder / "export")]
        assert ends == SIGNATURES[PAIRS[name].data]


@pytest.mark.tf115
def test_tensorflow_115_refuses_what_this_tensorflow_wrote(tmp_path: Path) -> None:
    PAIRS["linear_regression"].create("tf1_style").export(str(tmp_path / "export"))
    code = (
        "import sys, tensorflow as tf\n"
        "with tf.Session() as session: tf.saved_model.load(session, ['serve'], sys.argv[1])"
    )
    command = [require_tf115(), "-c", code, tmp_path / "export"]
    done = forked_python.run(command, env=tf115_environment())
    assert done.returncode != 0 and "attr 'debug_name' not in Op<name=VarHandleOp" in done.stderr
