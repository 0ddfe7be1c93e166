"""`Head`: the layers on top of a backbone that produce the task's output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kzoo.specs.catalog.classical_heads import BEST, CLASSICAL_HEADS

POOLINGS = ("avg", "max", "concat")
LEVELS = ("auto", "all", "last")

MANY = 500
"""Training examples from which on a head can use all levels; with fewer, the last one does better."""

MOST_KEPT = 50_000
"""Examples that nearest neighbours keep, unless a head says otherwise: 250 MB of 1,280 features."""


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
        kind: ``"mlp"``; a classical model of the standardised features: ``"svm"``, ``"rbf_svm"`` (with random
            Fourier features), ``"ridge"``, ``"knn"`` or ``"boosting"``; ``"best"``: the one of these, and of logistic
            regression, that has the lowest loss in cross-validation; or a name given to `kzoo.register_head`.
        examples: of kind ``"knn"``: how many it keeps, a random sample where there are more; 0: all of the training
            and validation splits, up to 50,000.

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
    examples: int = 0

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}. Got {self.pooling!r}.")
        if self.levels not in LEVELS:
            raise ValueError(f"levels must be one of {', '.join(LEVELS)}. Got {self.levels!r}.")
        if not isinstance(self.hidden, int) or self.hidden < 0:
            raise ValueError(f"hidden must be an int in [0, inf). Got {self.hidden!r}.")
        if not isinstance(self.examples, int) or self.examples < 0:
            raise ValueError(f"examples must be an int in [0, inf). Got {self.examples!r}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1). Got {self.dropout!r}.")

    def for_examples(self, examples: int, *, validation: int = 0) -> Head:
        """The same head with its levels settled, and how many examples it keeps, for so many of training.

        Args:
            examples: of the training split.
            validation: of the validation split.

        Example:
            >>> Head().for_examples(100).levels, Head().for_examples(1_000).levels
            ('last', 'all')
            >>> Head(kind="knn").for_examples(100, validation=20).examples
            120
        """
        levels = ("all" if examples >= MANY else "last") if self.levels == "auto" else self.levels
        kept = min(self.examples or MOST_KEPT, max(examples + validation, 1)) if self.kind == "knn" else self.examples
        return replace(self, levels=levels, examples=kept)

    @property
    def linear(self) -> bool:
        """Whether the logits are a linear function of the pooled features, of lowest loss: logistic regression."""
        return self.kind == "mlp" and self.hidden == 0

    @property
    def classical(self) -> bool:
        """Whether it is a classical head, or whichever is the best."""
        return self.kind == BEST or self.kind in CLASSICAL_HEADS

    @property
    def solved(self) -> bool:
        """Whether a probe solves it, instead of gradient steps."""
        return self.linear or self.classical

    @property
    def differentiable(self) -> bool:
        """Whether gradient steps can go on from it, through it; ``"best"`` may turn out not to be."""
        return not self.classical or (self.kind != BEST and CLASSICAL_HEADS[self.kind].differentiable)

    @property
    def registered(self) -> bool:
        """Whether it is a user's own."""
        return self.kind != "mlp" and not self.classical


def as_head(head: object) -> Head:
    """The description of a head: itself, one of a kind by its name, or the default one for None.

    Raises:
        TypeError: it is something else, as a Keras layer.

    Example:
        >>> as_head("svm").kind
        'svm'
    """
    if isinstance(head, str):
        return Head(kind=head)
    if head is None or isinstance(head, Head):
        return head or Head()
    raise TypeError(
        "head must be a kzoo.Head, as kzoo.Head(hidden=256), the name of a kind, as 'svm', or None. Got "
        f"{type(head).__name__}. To use your own layers, call kzoo.register_head('mine', lambda features, outputs: "
        "...) and pass head=kzoo.Head(kind='mine')."
    )
