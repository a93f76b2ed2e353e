"""What a person does to the proposed maps of the models, in lines, and what is known of them."""

from __future__ import annotations

import re

REFUSES = {
    "nadam": "Keras's Nadam keeps the product of a schedule of momentum, which TF1's does not have",
}
PREDICTS_ONLY = {
    "cudnn_opaque_slots": "no Saver takes CuDNN's buffer of slots apart: the optimizer starts anew",
    "cudnn_gru": "of CuDNN's two biases a checkpoint has the sum, which trains at half the rate",
}
# Lines of [ignore] that are accepted: what the port does not keep.
IGNORES = {
    "averages": "the port takes none along",
    "wavenet": "the port leaves out a convolution whose result nobody reads",
    "dqn": "without momentum, Keras keeps no slot for what TF1 keeps and never reads",
    "slim_batch_norm_zero_debias": "Keras's moving averages have no zero debias",
}
# Lines that a person writes, by what they replace. Instead of [unsure], [doubted] drops all of it.
_TWO_LAYERS = ("hidden/kernel", "hidden/bias", "out/kernel", "out/bias")
EDITS: dict[str, list[tuple[str, str]]] = {
    **{
        f"{kind}{end}": [
            (
                "[variables]\n",
                "[variables]\n"
                + "".join(
                    f'"{name}/{slots}_{slot}" = "optimizer/{slot}/{k}"\n'
                    for k, name in enumerate(_TWO_LAYERS)
                    for slot in "mv"
                ),
            )
        ]
        for kind, end, slots in (("bert", "_adam", "adam"), ("lamb", "", "lamb"))
    },
    "cudnn_opaque_slots": [
        ("tf1 = [\n", 'tf1 = ["*/Adam", "*/Adam_1", "beta?_power",\n'),
        ("tf2 = [\n", 'tf2 = ["optimizer/*",\n'),
    ],
    "highway": [
        ("[unsure]", "[doubted]"),
        (
            "[variables]\n",
            "[rules]\n"
            '"*/Adam" = "_momentums"\n"*/Adam_1" = "_velocities"\n'
            "[variables]\n"
            + "".join(
                f'"highway_{k}/{letter}{end}" = "{layers}/{k}/{name}"\n'
                for k in range(2)
                for end, layers in (("", "plain"), ("_T", "gates"))
                for letter, name in (("W", "_kernel"), ("b", "bias"))
            ),
        ),
    ],
    "channels_first": [
        ("[unsure]", "[doubted]"),
        (
            "[ignore]\n",
            """[[layout]]
tf1 = ["out/kernel"]
tf2 = ["model/_functional/_operations/3/_kernel"]
steps = [
  { reshape = [3, 4, 4, 2] },
  { transpose = [1, 2, 0, 3] },
  { reshape = [48, 2] },
]
[ignore]
""",
        ),
    ],
}


def settled(name: str, text: str) -> tuple[str, int]:
    """Returns a map without open questions, and how many lines were changed.

    What stands under [unsure] is accepted as it is proposed, after the edits that are listed; what
    was proposed wrong shows in the outputs, the losses or the bits.
    """
    edits = 0
    for old, new in EDITS.get(name, []):
        assert old in text, f"{name}: {old!r} is not in the map:\n{text}"
        text = text.replace(old, new, 1)
        edits += max(1, new.count("\n"))
    text = re.sub(r"^\[doubted\].*\n(?:.+\n)*", "", text, flags=re.MULTILINE)
    if name in IGNORES:
        text, count = re.subn(r'^  # (".*",)', r"  \1", text, flags=re.MULTILINE)
        edits += count
    text, count = re.subn(r"^unsure = .*\n", "", text, flags=re.MULTILINE)
    edits += count
    match = re.search(r"^\[unsure\].*\n((?:.+\n)*)", text, flags=re.MULTILINE)
    if not match:
        return text, edits
    edits += match[1].count("\n")
    return with_variables(text.replace(match[0], ""), match[1]), edits


def with_variables(text: str, lines: str) -> str:
    """Returns a map with more lines in [variables]; a name that is there gets a longer list."""
    for line in lines.splitlines():
        name, _, value = line.partition("  # ?")[0].partition(" = ")
        there = re.search(rf"^{re.escape(name)} = (.*)$", text, flags=re.MULTILINE)
        if there:
            both = f"[{there[1].strip('[]')}, {value.strip('[]')}]"
            text = text.replace(there[0], f"{name} = {both}")
        else:
            text = text.replace("[variables]\n", f"[variables]\n{name} = {value}\n", 1)
    return text
