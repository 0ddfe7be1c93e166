"""`Head`: the layers on top of a backbone that produce the task's output."""

from __future__ import annotations

from dataclasses import dataclass, replace

POOLINGS = ("avg", "max", "concat")
LEVELS = ("auto", "all", "last")

MANY = 500
"""Training examples from which on a head can use all levels; with fewer, the last one does better."""


@dataclass(frozen=True)
class Head:
    """Pooling, an optional hidden layer, dropout, and a dense layer of logits.

    Args:
        pooling: ``"avg"``, ``"max"`` or ``"concat"`` (both, side by side), over height and width.
        hidden: units of a hidden ReLU layer; 0 for none, which makes the head linear.
        dropout: rate in [0, 1) before the layer of logits.
        levels: ``"all"``: the head sees the backbone's output and the means of outputs of earlier layers (Head2Toe,
            arXiv:2201.03529); ``"last"``: the output alone; ``"auto"``: ``"all"`` with 500 training examples or
            more.
        kind: ``"mlp"``, or a name given to `kzoo.register_head`.

    Example:
        >>> Head(hidden=128).linear
        False
        >>> Head(pooling="mean")
        Traceback (most recent call last):
        ...
        ValueError: pooling must be one of avg, max, concat. Got 'mean'.
    """

    pooling: str = "avg"
    hidden: int = 0
    dropout: float = 0.2
    levels: str = "auto"
    kind: str = "mlp"

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}. Got {self.pooling!r}.")
        if self.levels not in LEVELS:
            raise ValueError(f"levels must be one of {', '.join(LEVELS)}. Got {self.levels!r}.")
        if not isinstance(self.hidden, int) or self.hidden < 0:
            raise ValueError(f"hidden must be an int in [0, inf). Got {self.hidden!r}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1). Got {self.dropout!r}.")

    def for_examples(self, examples: int) -> Head:
        """The same head with its levels settled, for so many training examples.

        Example:
            >>> Head().for_examples(100).levels, Head().for_examples(1_000).levels
            ('last', 'all')
        """
        return replace(self, levels="all" if examples >= MANY else "last") if self.levels == "auto" else self

    @property
    def linear(self) -> bool:
        """Whether the logits are a linear function of the pooled features."""
        return self.kind == "mlp" and self.hidden == 0


def as_head(head: object) -> Head:
    """The description of a head; None is the default one.

    Raises:
        TypeError: it is something else, as a Keras layer.
    """
    if head is None or isinstance(head, Head):
        return head or Head()
    raise TypeError(
        f"head must be a kzoo.Head, as kzoo.Head(hidden=256), or None. Got {type(head).__name__}. To use your own "
        "layers, call kzoo.register_head('mine', lambda features, outputs: ...) and pass head=kzoo.Head(kind='mine')."
    )
