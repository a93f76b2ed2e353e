"""`python -m worker_values STYLE FOLDER`: numbers of the pairs of several workers, each alone.

In a process of its own: TensorFlow 2's strategy has to be made before anything else runs. Writes
PAIR.npz with what was fed, the weights, and what `evaluate`, `predict`, `gradients`, one update and
one more after a restore make of them; the judge is NumPy, elsewhere.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = {"several_workers": "SeveralWorkers", "asynchronous_workers": "AsynchronousWorkers"}
SIZES = (1, 7, 501)  # of what is evaluated; with the size of a batch, 6, all odd in some way
RATE, LATER_RATE = 0.003, 0.007  # the later one, of a resumed run


def images_and_labels(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns images [size, 784], negative pixels among them, and one-hot labels [size, 10]."""
    random = np.random.RandomState(size)
    images = random.normal(0.3, 1, [size, 784]).astype(np.float32)
    return images, np.eye(10, dtype=np.float32)[random.randint(0, 10, size)]


def numbers_of(style: str, pair: str, folder: str) -> dict[str, Any]:
    """Returns what one model computes, by name; saves it on the way."""
    from model_state import set_parameters

    module = importlib.import_module(f"{style}.{pair}")

    def create(rate: float) -> Any:
        return getattr(module, CLASSES[pair])(module.Config(batch_size=6, learning_rate=rate))

    model = create(RATE)
    model.start()
    random = np.random.RandomState(7)
    shapes = {"weights": (784, 10), "biases": (10,)}
    set_parameters(model, {name: random.normal(0, 0.05, shape) for name, shape in shapes.items()})
    found = {f"before/{name}": value for name, value in model.variables().items()}
    for size in SIZES:
        for name, value in model.evaluate(*images_and_labels(size)).items():
            found[f"evaluate/{size}/{name}"] = value
    found["predict"] = np.asarray(model.predict(images_and_labels(7)[0]))
    batch = images_and_labels(6)
    for name, value in model.gradients(*batch).items():
        found[f"gradient/{name}"] = np.asarray(value)
    losses = model.train_steps(*(array[np.newaxis] for array in batch))
    found.update(losses=np.asarray(losses), step=model.step())
    found.update({f"after/{name}": value for name, value in model.variables().items()})
    resumed = create(LATER_RATE)
    resumed.restore(model.save(folder))
    found.update({f"restored/{name}": value for name, value in resumed.variables().items()})
    resumed.train_steps(*(array[np.newaxis] for array in batch))
    found["resumed step"] = resumed.step()
    found.update({f"resumed/{name}": value for name, value in resumed.variables().items()})
    return found


def main(style: str, folder: str) -> None:
    """Writes the numbers of both pairs."""
    for pair in CLASSES:
        numbers = numbers_of(style, pair, str(Path(folder, pair)))
        np.savez(Path(folder, pair + ".npz"), **numbers)


if __name__ == "__main__":
    import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported

    main(*sys.argv[1:])
